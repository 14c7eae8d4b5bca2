"""Errors that the user can mend."""

from __future__ import annotations

from os import PathLike


class UserError(Exception):
    """One line: file, line number, what is wrong and what to do.

    The ``two-stream`` command prints it and exits with status 1.
    """

    @classmethod
    def at(cls, path: str | PathLike, line: int, message: str) -> UserError:
        """The error of line number `line` (1-based) of a text file."""
        return cls(f"{path}:{line}: {message}")
