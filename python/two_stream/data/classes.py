"""Class names: one a line, or UCF101's ``1 ApplyEyeMakeup``."""

from __future__ import annotations

from pathlib import Path

from two_stream.errors import UserError


def read_classes(path: str | Path) -> list[str]:
    """Returns the names by label.

    A file whose every line starts with its number (from 0 or from 1) is an
    index like UCF101's ``classInd.txt``. Raises UserError.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"{path}: cannot read class names ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text") from None
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UserError(f"{path}: no class names; write one a line")
    numbered = [name.split(None, 1) for name in names]
    for first in (0, 1):
        if all(
            len(words) == 2 and words[0] == str(first + i)
            for i, words in enumerate(numbered)
        ):
            names = [words[1] for words in numbered]
            break
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(f"{path}: class '{sorted(twice)[0]}' is there twice")
    return names
