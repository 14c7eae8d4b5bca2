"""What every optical flow algorithm looks like to the extractor.

An algorithm is a frozen dataclass: its fields are its parameters, with
defaults. It can be compared, pickled to a worker and written into the
manifest; `build` makes the OpenCV object, which can do none of these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from two_stream_prep.errors import UserError

FlowFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(previous, next), both H x W uint8 grey -> H x W x 2 float32, in pixels.

Channel 0 is x (positive: to the right), channel 1 is y (positive: down).
"""


@dataclasses.dataclass(frozen=True)
class FlowAlgorithm:
    """Base of the algorithms."""

    name: ClassVar[str]

    def build(self) -> FlowFunction:
        """Make the function; it may keep buffers, so it serves one thread."""
        raise NotImplementedError

    def parameters(self) -> dict[str, int | float | str]:
        """The parameters by the name that users give and the manifest has."""
        return {public_name(k): v for k, v in dataclasses.asdict(self).items()}

    def require(self, ok: bool, parameter: str, rule: str) -> None:
        """Raise UserError unless `ok`; for the subclasses' __post_init__."""
        if not ok:
            value = getattr(self, parameter)
            name = public_name(parameter)
            raise UserError(f"{self.name}: {name} must be {rule}, not {value!r}")


def public_name(field: str) -> str:
    """A field's name without the underscore that keeps it off a Python keyword."""
    return field.rstrip("_")
