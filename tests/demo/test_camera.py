"""The virtual camera: a frame doesn't tell the motion, flow does."""

import numpy as np
import pytest
from scipy.stats import ks_2samp
from two_stream.demo.camera import CLOSEST, MOTIONS, WIDEST, draw_path, windows

FRAMES = 13


def states(motion: str, clips: int, seed: int) -> np.ndarray:
    """(across, down, zoom) of one random frame of each clip."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(clips):
        path = draw_path(motion, FRAMES, random)
        at = random.integers(FRAMES)
        found.append((path.across[at], path.down[at], path.zoom[at]))
    return np.array(found)


def projections(points: np.ndarray) -> np.ndarray:
    """The coordinates, and directions that mix them (joint distribution)."""
    mix = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1], [0, 1, -1]])
    return np.hstack([points, points @ mix.T])


def test_frames_of_all_motions_have_one_distribution():
    samples = {m: projections(states(m, 3000, i)) for i, m in enumerate(MOTIONS)}
    reference = samples.pop("tilt_up")
    for motion, points in samples.items():
        for axis in range(reference.shape[1]):
            assert ks_2samp(reference[:, axis], points[:, axis]).pvalue > 1e-4, (
                motion,
                axis,
            )


def test_that_comparison_finds_a_frozen_coordinate_drawn_uniformly():
    moving = states("tilt_up", 3000, 0)[:, 1]
    uniform = np.random.default_rng(1).uniform(size=3000)
    assert ks_2samp(moving, uniform).pvalue < 1e-6


@pytest.mark.parametrize("motion", MOTIONS)
def test_one_coordinate_moves_steadily_the_others_rest(motion):
    moving, direction = MOTIONS[motion]
    random = np.random.default_rng(3)
    speeds = set()
    for _ in range(50):
        path = draw_path(motion, FRAMES, random)
        for name in ("across", "down", "zoom"):
            values = getattr(path, name)
            assert values.shape == (FRAMES,)
            assert values.min() >= 0 and values.max() <= 1
            steps = np.diff(values)
            if name == moving:
                assert np.allclose(steps, steps[0]) and steps[0] * direction > 0
                speeds.add(round(abs(steps[0]), 6))
            else:
                assert not steps.any()
    assert len(speeds) == 50


@pytest.mark.parametrize("source", [(640, 272), (176, 144), (1280, 720)])
def test_windows_stay_inside_the_source(source):
    width, height = source
    aspect = 4 / 3
    random = np.random.default_rng(4)
    for motion in MOTIONS:
        for _ in range(100):
            path = draw_path(motion, FRAMES, random)
            for x, y, size in windows(path, source, aspect):
                assert CLOSEST * height <= size <= WIDEST * height + 1e-9
                assert 0 <= y - size / 2 and y + size / 2 <= height + 1e-9
                half = aspect * size / 2
                assert -1e-9 <= x - half and x + half <= width + 1e-9
