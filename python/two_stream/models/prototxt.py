"""Messages as text, the way people write net files.

protobuf's own printer gives a line to every brace, and its output changes from
version to version; files that are committed should do neither.
"""

from __future__ import annotations

import numpy as np
from google.protobuf import text_encoding
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_WIDTH = 80


def to_text(message: Message, comment: str = "") -> str:
    """The message in text format, under a comment; repeated messages last."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    for field, value in sorted(message.ListFields(), key=_is_list_of_messages):
        lines += _field(field, value)
    return "\n".join(lines) + "\n"


def _is_list_of_messages(item: tuple[FieldDescriptor, object]) -> bool:
    field, value = item
    return field.message_type is not None and not _is_single(value)


def _field(field: FieldDescriptor, value) -> list[str]:
    lines = []
    for item in [value] if _is_single(value) else value:
        if field.message_type is None:
            lines.append(f"{field.name}: {_scalar(field, item)}")
        else:
            lines += _message(field.name, item)
    return lines


def _is_single(value) -> bool:
    return isinstance(value, (Message, str, bytes, int, float, bool))


def _message(name: str, message: Message) -> list[str]:
    inner = [
        line for field, value in message.ListFields() for line in _field(field, value)
    ]
    flat = all(field.message_type is None for field, _ in message.ListFields())
    line = f"{name} {{ {' '.join(inner)} }}"
    if flat and name != "layer" and len(line) <= _WIDTH - 4:
        return [line]
    return [f"{name} {{", *(f"  {line}" for line in inner), "}"]


def _scalar(field: FieldDescriptor, value) -> str:
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{text_encoding.CEscape(value, as_utf8=True)}"'
    if field.type == FieldDescriptor.TYPE_FLOAT:
        # As few digits as give the same float back.
        return np.format_float_positional(np.float32(value), trim="-")
    return str(value)
