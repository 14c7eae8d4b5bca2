"""TV-L1 flow (Zach, Pock and Bischof 2007), the paper's choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2

from two_stream_prep.flow.base import FlowAlgorithm, FlowFunction


@dataclass(frozen=True)
class TVL1(FlowAlgorithm):
    """TV-L1 with the paper's parameters by default.

    The paper's flow came from OpenCV's GPU code, which runs up to `iterations`
    steps a warp in one loop and has no median filter. The CPU code has two nested
    loops with a median filter between them; one outer loop of 300 inner steps
    and no filter is the same computation.
    """

    name: ClassVar[str] = "tvl1"

    tau: float = 0.25
    lambda_: float = 0.15
    theta: float = 0.3
    scales: int = 5
    scale_step: float = 0.8
    warps: int = 5
    epsilon: float = 0.01
    iterations: int = 300
    outer_iterations: int = 1
    median_filter: int = 1
    """Side of the median filter in pixels: 1 (none), 3 or 5."""

    def __post_init__(self) -> None:
        for parameter in ("tau", "lambda_", "theta", "epsilon"):
            self.require(getattr(self, parameter) > 0, parameter, "positive")
        for parameter in ("scales", "warps", "iterations", "outer_iterations"):
            self.require(getattr(self, parameter) >= 1, parameter, "at least 1")
        self.require(0 < self.scale_step < 1, "scale_step", "between 0 and 1")
        self.require(self.median_filter in (1, 3, 5), "median_filter", "1, 3 or 5")

    def build(self) -> FlowFunction:
        solver = cv2.optflow.DualTVL1OpticalFlow_create()
        solver.setTau(self.tau)
        solver.setLambda(self.lambda_)
        solver.setTheta(self.theta)
        solver.setScalesNumber(self.scales)
        solver.setScaleStep(self.scale_step)
        solver.setWarpingsNumber(self.warps)
        solver.setEpsilon(self.epsilon)
        solver.setInnerIterations(self.iterations)
        solver.setOuterIterations(self.outer_iterations)
        solver.setMedianFiltering(self.median_filter)
        return lambda previous, following: solver.calc(previous, following, None)
