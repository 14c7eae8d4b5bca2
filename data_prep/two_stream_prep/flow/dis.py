"""DIS flow (Kroeger et al. 2016): some forty times as fast as TV-L1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2

from two_stream_prep.flow.base import FlowAlgorithm, FlowFunction

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}


@dataclass(frozen=True)
class DIS(FlowAlgorithm):
    """Dense inverse search with one of OpenCV's presets."""

    name: ClassVar[str] = "dis"

    preset: str = "medium"
    """ultrafast, fast or medium."""

    def __post_init__(self) -> None:
        self.require(self.preset in _PRESETS, "preset", "one of " + ", ".join(_PRESETS))

    def build(self) -> FlowFunction:
        solver = cv2.DISOpticalFlow_create(_PRESETS[self.preset])
        return lambda previous, following: solver.calc(previous, following, None)
