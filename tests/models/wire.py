"""protobuf's wire format by hand, for files that another Caffe wrote."""

from __future__ import annotations

import struct

import numpy as np


def varint(number: int) -> bytes:
    """A non-negative number, seven bits a byte, lowest first."""
    coded = bytearray()
    while number > 0x7F:
        coded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*coded, number])


def field(number: int, value: bool | int | float | str | bytes | np.ndarray) -> bytes:
    """One field; bytes are a message, an array packed floats."""
    if isinstance(value, (bool, int)):
        return varint(number << 3) + varint(int(value))
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, np.ndarray):
        value = value.astype("<f4").tobytes()
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(values: np.ndarray) -> bytes:
    """A BlobProto with its shape."""
    shape = b"".join(varint(size) for size in values.shape)
    return field(7, field(1, shape)) + field(5, values.ravel())
