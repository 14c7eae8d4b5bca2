"""Video files to frames, optical flow, lists and databases."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from two_stream_prep.commands import Command

HELP = "decode videos, compute optical flow, write lists"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `two_stream_prep` takes."""
    from two_stream_prep import cli

    cli.add_arguments(parser)


def settings(args: argparse.Namespace) -> Command:
    """Returns the typed command of `two_stream_prep`."""
    from two_stream_prep import cli

    return cli.command_from(args)


def run(command: Command) -> int:
    """Prepares."""
    return command.run()
