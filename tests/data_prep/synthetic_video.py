"""Small video files whose content and motion are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def texture(height: int, width: int, seed: int = 0, grain: float = 3.0) -> np.ndarray:
    """Smooth random colours, height x width x 3 uint8, over the whole range."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), grain)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def panned(
    count: int, size: tuple[int, int], motion: tuple[int, int], seed: int = 0
) -> list[np.ndarray]:
    """`count` frames of `size` (width, height) whose content moves by `motion`.

    motion is (dx, dy) in whole pixels a frame, positive to the right and down.
    """
    width, height = size
    dx, dy = motion
    margin_x, margin_y = abs(dx) * count, abs(dy) * count
    large = texture(height + 2 * margin_y, width + 2 * margin_x, seed)
    frames = []
    for number in range(count):
        left, top = margin_x - dx * number, margin_y - dy * number
        frames.append(large[top : top + height, left : left + width].copy())
    return frames


def numbered(count: int, size: tuple[int, int]) -> list[np.ndarray]:
    """Frames that say their index: frame i is grey of the value grey_of(i)."""
    return [np.full((size[1], size[0], 3), grey_of(i), np.uint8) for i in range(count)]


def grey_of(index: int) -> int:
    return 20 + 7 * (index % 30)


def write_video(path: Path, frames: list[np.ndarray], codec: str = "MJPG") -> Path:
    """Write a file of that codec (MJPG for .avi, mp4v for .mp4)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    code = cv2.VideoWriter_fourcc(*codec)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 25, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def image_names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.jpg")}
