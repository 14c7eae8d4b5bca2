"""Errors that the user can mend."""


class UserError(Exception):
    """One line: file, line number, what is wrong and what to do.

    The ``two-stream`` command prints it and exits with status 1.
    """
