"""Frames and optical flow as pictures (PNG bytes).

Images are 8-bit BGR arrays, height x width x 3, as OpenCV has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from two_stream.errors import UserError

_WHITE = 255


def read_image(path: Path) -> np.ndarray:
    """A picture file; UserError if it can't be read."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UserError(f"{path}: not a readable image; extract its video again")
    return image


def colour_flow(x: np.ndarray, y: np.ndarray, full: float) -> np.ndarray:
    """Flow as colours: hue for direction, white for rest, saturated at `full`.

    Args:
      x, y: displacements in pixels, right and down, of one shape.
      full: the length at which colours are saturated.
    """
    length, angle = cv2.cartToPolar(
        x.astype(np.float32), y.astype(np.float32), angleInDegrees=True
    )
    hsv = np.empty((*x.shape, 3), np.uint8)
    hsv[..., 0] = np.uint8(np.round(angle / 2)) % 180
    hsv[..., 1] = np.uint8(np.round(255 * np.minimum(length / full, 1)))
    hsv[..., 2] = 255
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def flow_wheel(side: int) -> np.ndarray:
    """The legend of `colour_flow`: the colour at each place is that direction's."""
    axis = np.linspace(-1.05, 1.05, side)
    x, y = np.meshgrid(axis, axis)
    wheel = colour_flow(x, y, 1.0)
    wheel[np.hypot(x, y) > 1] = _WHITE
    return wheel


def grid(rows: Sequence[Sequence[np.ndarray]], gap: int = 6) -> np.ndarray:
    """Images in rows, one size within a column or a row, white between."""
    return _join([_join(row, 1, gap) for row in rows], 0, gap)


def _join(images: Sequence[np.ndarray], axis: int, gap: int) -> np.ndarray:
    shape = list(images[0].shape)
    shape[axis] = gap
    space = np.full(shape, _WHITE, np.uint8)
    parts = [images[0]]
    for image in images[1:]:
        parts += [space, image]
    return np.concatenate(parts, axis=axis)


def scaled(image: np.ndarray, width: int) -> np.ndarray:
    """The image at a width, its shape kept."""
    height = round(image.shape[0] * width / image.shape[1])
    smaller = width < image.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=method)


def png(image: np.ndarray) -> bytes:
    """The image as a PNG file's bytes."""
    return cv2.imencode(".png", image)[1].tobytes()
