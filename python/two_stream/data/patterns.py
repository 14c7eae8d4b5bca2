"""Names of frames, in printf's notation but read by our own code.

Exactly one ``%d`` or ``%0Nd`` (N of 1 to 9), for flow one ``%c`` (x or y), and
``%%`` for a percent sign: ``image_%04d.jpg``, ``flow_%c_%04d.jpg``. The same
rules as the VideoData layer's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from two_stream.errors import UserError

RGB, FLOW = "rgb", "flow"
MODALITIES = (RGB, FLOW)

_TOKEN = re.compile(r"%(?:%|c|d|0([1-9])d)|[^%]")
_PREFIXES = {
    RGB: ("image_", "img_", "frame_", "frame", ""),
    FLOW: ("flow_%c_", "flow_%c", "%c_"),
}
_NUMBERS = ("%04d", "%05d", "%06d", "%03d", "%d")
_SUFFIXES = (".jpg", ".jpeg", ".png")


def check_pattern(pattern: str, modality: str) -> str:
    """Returns the pattern; raises UserError if it cannot name frames."""
    tokens = [match.group() for match in _TOKEN.finditer(pattern)]
    numbers = sum(token.endswith("d") and len(token) > 1 for token in tokens)
    axes = tokens.count("%c")
    if "".join(tokens) != pattern or numbers != 1 or axes != (modality == FLOW):
        need = "one %0Nd and one %c" if modality == FLOW else "one %0Nd and no %c"
        example = next(usual_patterns(modality))
        raise UserError(
            f"name pattern '{pattern}': {modality} needs {need}, as {example}"
        )
    return pattern


def file_names(pattern: str, modality: str, number: int) -> list[str]:
    """Returns the file names of a position (1-based): one, or x and y."""

    def expand(axis: str) -> str:
        def field(match: re.Match) -> str:
            token = match.group()
            if token == "%%":
                return "%"
            if token == "%c":
                return axis
            if len(token) > 1:
                return str(number).zfill(int(match.group(1) or 0))
            return token

        return _TOKEN.sub(field, pattern)

    return [expand(axis) for axis in ("xy" if modality == FLOW else "x")]


def usual_patterns(modality: str) -> Iterator[str]:
    """Yields the patterns that are looked for where none is given, in order."""
    for suffix in _SUFFIXES:
        for prefix in _PREFIXES[modality]:
            for number in _NUMBERS:
                yield prefix + number + suffix


def channels_per_position(modality: str, grayscale: bool = False) -> int:
    """Returns how many channels one position in time has."""
    return 2 if modality == FLOW else 1 if grayscale else 3
