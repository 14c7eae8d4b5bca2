"""Errors that the user can mend (one class for the driver and data_prep)."""

from two_stream_prep.errors import UserError

__all__ = ["UserError"]
