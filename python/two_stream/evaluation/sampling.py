"""How a video becomes views."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """How a video becomes views: everything that decides the scores but files."""

    modality: str
    length: int
    channels: int
    crop: tuple[int, int]
    samples: int
    crops: int
    resize: tuple[int, int] | None
    scale: float
    short_clip: str
    grayscale: bool
