"""Video files to frames, optical flow and lists."""

from __future__ import annotations

import argparse

HELP = "decode videos, compute optical flow, write lists"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `two_stream_prep` takes."""
    from two_stream_prep import cli

    cli.add_arguments(parser)


def settings(args: argparse.Namespace) -> argparse.Namespace:
    """Passes what was typed on: `two_stream_prep` makes settings of it."""
    return args


def run(args: argparse.Namespace) -> int:
    """Prepares."""
    from two_stream_prep import cli

    return cli.run(args)
