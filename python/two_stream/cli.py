"""The ``two-stream`` command: a registry of sub-commands, one module each.

A module of ``two_stream.commands`` has

* ``HELP``: one line,
* ``add_arguments(parser)``: what is typed,
* ``settings(args)``: what was typed, as a frozen dataclass,
* ``run(settings)``: does it and returns the exit status.

Modules are imported when the command starts, so they keep their own imports
light and load Caffe, OpenCV and Matplotlib inside ``run``.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import sys
from collections.abc import Sequence

from two_stream.errors import UserError

# Sub-command -> module, in the order of a newcomer's work.
COMMANDS = {
    "demo": "two_stream.commands.demo",
    "prepare": "two_stream.commands.prepare",
    "check": "two_stream.commands.check",
    "nets": "two_stream.commands.nets",
    "init-temporal": "two_stream.commands.init_temporal",
    "train": "two_stream.commands.train",
    "evaluate": "two_stream.commands.evaluate",
    "fuse": "two_stream.commands.fuse",
    "reproduce": "two_stream.commands.reproduce",
}


# What the user must mend, wherever it comes up.
_OF_THE_DISK = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
)


def build_parser(commands: dict[str, str] | None = None) -> argparse.ArgumentParser:
    """Returns the parser of the whole command."""
    parser = argparse.ArgumentParser(
        prog="two-stream",
        description="Two-stream ConvNets for action recognition, with Caffe "
        "(arXiv 1507.02159).",
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, path in (commands or COMMANDS).items():
        module = importlib.import_module(path)
        sub = subparsers.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__ or module.HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(sub)
        sub.set_defaults(module=module)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Parses, makes settings, runs; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names need not be text
            stream.reconfigure(errors="backslashreplace")
    args = build_parser().parse_args(argv)
    try:
        return int(args.module.run(args.module.settings(args)) or 0)
    except UserError as error:
        print(f"two-stream: error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output went away: `| head`
        sys.stderr.close()
        return 141
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(f"two-stream: error: {place}{error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("two-stream: interrupted", file=sys.stderr)
        return 130
