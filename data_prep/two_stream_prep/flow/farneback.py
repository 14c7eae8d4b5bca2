"""Farneback's flow (2003), by polynomial expansion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2

from two_stream_prep.flow.base import FlowAlgorithm, FlowFunction


@dataclass(frozen=True)
class Farneback(FlowAlgorithm):
    """Farneback's algorithm; defaults as in OpenCV's own sample."""

    name: ClassVar[str] = "farneback"

    pyramid_scale: float = 0.5
    levels: int = 3
    window: int = 15
    iterations: int = 3
    polynomial_size: int = 5
    polynomial_sigma: float = 1.2

    def __post_init__(self) -> None:
        self.require(0 < self.pyramid_scale < 1, "pyramid_scale", "between 0 and 1")
        for parameter in ("levels", "window", "iterations"):
            self.require(getattr(self, parameter) >= 1, parameter, "at least 1")
        self.require(self.polynomial_size in (5, 7), "polynomial_size", "5 or 7")
        self.require(self.polynomial_sigma > 0, "polynomial_sigma", "positive")

    def build(self) -> FlowFunction:
        return lambda previous, following: cv2.calcOpticalFlowFarneback(
            previous,
            following,
            None,
            self.pyramid_scale,
            self.levels,
            self.window,
            self.iterations,
            self.polynomial_size,
            self.polynomial_sigma,
            0,
        )
