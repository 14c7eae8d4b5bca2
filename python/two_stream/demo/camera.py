"""The virtual camera: a window that moves over real, moving footage.

Its state is (across, down, zoom), each in [0, 1]. A clip moves one of the two
last and freezes the others. The motions are tilts and zooms, not pans, since they
survive mirroring: a mirrored pan to the left is a pan to the right, and the
mirrored crops of training and testing would be labelled wrongly.

One frame must not tell the motion. So the states of all frames of all clips have
one distribution, whatever the motion: a moving coordinate is u + D t for t over
the clip (or 1 - t), with u uniform over [0, 1 - D]; a frozen one is that at a t
that is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Motion -> (the moving coordinate, its direction). Tilting up moves the window
# up, so what is filmed moves down; zooming in makes the window smaller.
MOTIONS = {
    "tilt_up": ("down", -1),
    "tilt_down": ("down", 1),
    "zoom_in": ("zoom", 1),
    "zoom_out": ("zoom", -1),
}
# A moving coordinate's travel over a clip, D above.
_TRAVEL = (0.6, 0.95)
# Heights of the window as shares of the source's height, at zoom 0 and 1.
WIDEST, CLOSEST = 0.7, 0.4


@dataclass(frozen=True)
class Path:
    """The camera's state at each frame of a clip, three arrays of one length."""

    across: np.ndarray
    down: np.ndarray
    zoom: np.ndarray


def draw_path(motion: str, frames: int, random: np.random.Generator) -> Path:
    """A path of a motion, at a speed and from a place that are drawn."""
    time = np.arange(frames) / (frames - 1)

    def sweep() -> np.ndarray:
        travel = random.uniform(*_TRAVEL)
        return random.uniform(0, 1 - travel) + travel * time

    moving, direction = MOTIONS[motion]
    state = {"across": np.full(frames, random.uniform())}
    for name in ("down", "zoom"):
        values = sweep()
        frozen = np.full(frames, values[random.integers(frames)])
        state[name] = values[::direction] if name == moving else frozen
    return Path(**state)


def windows(
    path: Path, source: tuple[int, int], aspect: float
) -> list[tuple[float, float, float]]:
    """Centre x, centre y and height, in pixels of the source, for each frame.

    The window's width is `aspect` times its height. The centre's range is the
    widest window's, so that it doesn't depend on the zoom.

    Args:
      source: width and height of the source's frames.
    """
    width, height = source
    margin = WIDEST * height / 2
    x = aspect * margin + path.across * (width - 2 * aspect * margin)
    y = margin + path.down * (height - 2 * margin)
    size = height * WIDEST * (CLOSEST / WIDEST) ** path.zoom
    return list(zip(x.tolist(), y.tolist(), size.tolist(), strict=True))
