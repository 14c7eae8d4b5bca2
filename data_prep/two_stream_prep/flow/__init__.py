"""Dense optical flow: one file an algorithm, chosen here by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from two_stream_prep.errors import UserError
from two_stream_prep.flow.base import FlowAlgorithm, FlowFunction, public_name
from two_stream_prep.flow.dis import DIS
from two_stream_prep.flow.farneback import Farneback
from two_stream_prep.flow.quantize import dequantize, quantize
from two_stream_prep.flow.tvl1 import TVL1

ALGORITHMS: dict[str, type[FlowAlgorithm]] = {
    algorithm.name: algorithm for algorithm in (TVL1, DIS, Farneback)
}


def make_algorithm(
    name: str, parameters: Mapping[str, str] | None = None
) -> FlowAlgorithm:
    """The FlowAlgorithm called `name`, with parameters given as text.

    Raises UserError for an unknown name or parameter, or a value of the wrong
    type or range.
    """
    if name not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise UserError(f"there is no flow algorithm {name!r}; choose one of {known}")
    algorithm = ALGORITHMS[name]
    fields = {public_name(field.name): field for field in dataclasses.fields(algorithm)}
    values = {}
    for key, text in (parameters or {}).items():
        if key not in fields:
            known = ", ".join(fields)
            raise UserError(f"{name} has no parameter {key!r}; it has {known}")
        field_type = type(fields[key].default)
        try:
            values[fields[key].name] = field_type(text)
        except ValueError:
            kind = {int: "an integer", float: "a number"}[field_type]
            raise UserError(f"{name}: {key} must be {kind}, not {text!r}") from None
    return algorithm(**values)


__all__ = [
    "ALGORITHMS",
    "DIS",
    "TVL1",
    "Farneback",
    "FlowAlgorithm",
    "FlowFunction",
    "dequantize",
    "make_algorithm",
    "quantize",
]
