"""What decides the content of the frames and flow that are written."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from two_stream_prep.errors import UserError
from two_stream_prep.flow import TVL1, FlowAlgorithm
from two_stream_prep.video import Size


@dataclass(frozen=True)
class ExtractSettings:
    """How videos become frames and flow; the defaults are the paper's."""

    size: Size | None = (340, 256)
    """Width and height of frames and flow; None keeps each video's own."""

    flow: FlowAlgorithm | None = field(default_factory=TVL1)
    """None writes RGB frames only."""

    bound: float = 20.0
    """Flow is clipped to [-bound, bound] pixels before it becomes 8 bits."""

    jpeg_quality: int = 95

    min_decoded: float = 0.9
    """A video fails when less than this share of its declared frames decode."""

    def __post_init__(self) -> None:
        if self.size is not None and min(self.size) < 1:
            raise UserError(f"a size must be positive, not {self.size}")
        if not 0 < self.bound < float("inf"):
            raise UserError(f"the flow bound must be positive, not {self.bound}")
        if not 1 <= self.jpeg_quality <= 100:
            raise UserError(f"JPEG quality goes from 1 to 100, not {self.jpeg_quality}")
        if not 0 <= self.min_decoded <= 1:
            raise UserError(f"a share lies in [0, 1], {self.min_decoded} doesn't")

    def recipe(self) -> dict:
        """What the pixels depend on, as plain JSON values."""
        flow = None
        if self.flow is not None:
            flow = {
                "algorithm": self.flow.name,
                "parameters": self.flow.parameters(),
                "bound": float(self.bound),
            }
        recipe = {
            "size": self.size,
            "resize": "bilinear",
            "jpeg_quality": self.jpeg_quality,
            "flow": flow,
        }
        return json.loads(json.dumps(recipe))


def satisfies(made: dict, wanted: dict) -> bool:
    """Whether a video made by one recipe will do where another is asked for.

    It does when they are equal, and when only RGB is asked for of a video that
    has flow besides.
    """
    if wanted["flow"] is None:
        made = {**made, "flow": None}
    return made == wanted
