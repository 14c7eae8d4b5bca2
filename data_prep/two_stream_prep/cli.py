"""The command line: `two-stream prepare ...` or `python -m two_stream_prep ...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from two_stream_prep.commands import (
    READERS,
    Command,
    ExtractCommand,
    FolderListsCommand,
    InfoCommand,
    LmdbCommand,
    OfficialListsCommand,
    parse_splits,
)
from two_stream_prep.errors import UserError
from two_stream_prep.flow import ALGORITHMS, FlowAlgorithm, make_algorithm
from two_stream_prep.lists import FolderRule
from two_stream_prep.settings import ExtractSettings
from two_stream_prep.video import Size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the sub-commands extract, lists, lmdb and info."""
    commands = parser.add_subparsers(
        dest="prepare_command", metavar="COMMAND", required=True
    )
    _add_extract(commands.add_parser("extract", help="videos to frames and flow"))
    _add_lists(commands.add_parser("lists", help="lists for training and testing"))

    lmdb = commands.add_parser("lmdb", help="all images into one LMDB database")
    lmdb.add_argument("data", type=Path, metavar="DATA", help="extracted data")
    lmdb.add_argument("database", type=Path, metavar="DATABASE", help="a new folder")
    _add_quiet(lmdb)

    info = commands.add_parser("info", help="what a data folder holds, how made")
    info.add_argument("data", type=Path, metavar="DATA", help="extracted data")


def run(args: argparse.Namespace) -> int:
    """Run parsed arguments; the exit status. Raises UserError."""
    return command_from(args).run()


def command_from(args: argparse.Namespace) -> Command:
    """Parsed arguments as a typed command. Raises UserError."""
    if args.prepare_command == "extract":
        return _extract_command(args)
    if args.prepare_command == "lmdb":
        return LmdbCommand(args.data, args.database, progress=not args.quiet)
    if args.prepare_command == "info":
        return InfoCommand(args.data)
    if args.dataset == "folders":
        rule = FolderRule(
            test_share=args.test_share,
            seed=args.seed,
            group_pattern=args.group,
            test_pattern=args.test_pattern,
            top_folders=args.top_folders,
        )
        return FolderListsCommand(args.data, rule, args.out)
    return OfficialListsCommand(
        args.dataset,
        args.data,
        args.split_folder,
        parse_splits(args.splits),
        args.skip_missing,
        args.out,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The whole program; prints a user's error in one line, with status 1."""
    parser = argparse.ArgumentParser(
        prog="python -m two_stream_prep", description="Prepare videos for training."
    )
    add_arguments(parser)
    try:
        return run(parser.parse_args(arguments))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; run it again to go on", file=sys.stderr)
        return 130


def _add_quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_extract(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", type=Path, metavar="VIDEOS", help="a folder or file")
    parser.add_argument("data", type=Path, metavar="DATA", help="where the images go")
    parser.add_argument(
        "--size",
        default="340x256",
        metavar="WxH|keep",
        help="size of frames and flow in pixels (%(default)s)",
    )
    parser.add_argument(
        "--flow",
        default="tvl1",
        choices=[*ALGORITHMS, "none"],
        help="algorithm, or none for RGB frames only (%(default)s)",
    )
    parser.add_argument(
        "--flow-set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the algorithm; may be repeated",
    )
    parser.add_argument(
        "--bound",
        type=float,
        default=20.0,
        help="flow is clipped to +-BOUND pixels (%(default)g)",
    )
    parser.add_argument("--quality", type=int, default=95, help="JPEG (%(default)s)")
    parser.add_argument(
        "--min-decoded",
        type=float,
        default=0.9,
        metavar="SHARE",
        help="fail a video of whose frames fewer can be decoded (%(default)g)",
    )
    parser.add_argument("--processes", type=int, help="default: one a core")
    parser.add_argument(
        "--force", action="store_true", help="write videos again that are there"
    )
    _add_quiet(parser)


def _add_lists(parser: argparse.ArgumentParser) -> None:
    datasets = parser.add_subparsers(dest="dataset", metavar="DATASET", required=True)

    folders = datasets.add_parser("folders", help="your own: a folder per class")
    folders.add_argument("data", type=Path, metavar="DATA", help="extracted data")
    folders.add_argument(
        "--test-share",
        type=float,
        default=0.3,
        help="share of each class, drawn at random, to test on (%(default)g)",
    )
    folders.add_argument("--seed", type=int, default=1, help="of the draw")
    folders.add_argument(
        "--group",
        metavar="REGEX",
        help="videos that match alike stay together in the draw, as in '_g([0-9]+)_'",
    )
    other_rules = folders.add_mutually_exclusive_group()
    other_rules.add_argument(
        "--test-pattern", metavar="REGEX", help="test on the videos that match"
    )
    other_rules.add_argument(
        "--top-folders", action="store_true", help="train/CLASS/..., test/CLASS/..."
    )

    for name in READERS:
        official = datasets.add_parser(name, help="by the official split files")
        official.add_argument("data", type=Path, metavar="DATA", help="extracted data")
        official.add_argument("split_folder", type=Path, metavar="SPLIT_FILES")
        official.add_argument("--splits", default="1,2,3", help="default: %(default)s")
        official.add_argument(
            "--skip-missing",
            action="store_true",
            help="leave out videos that were not extracted",
        )
    for dataset in datasets.choices.values():
        dataset.add_argument("--out", type=Path, help="default: DATA itself")


def _extract_command(args: argparse.Namespace) -> ExtractCommand:
    if args.processes is not None and args.processes < 1:
        raise UserError(f"--processes must be at least 1, not {args.processes}")
    settings = ExtractSettings(
        size=parse_size(args.size),
        flow=_flow(args.flow, args.flow_set),
        bound=args.bound,
        jpeg_quality=args.quality,
        min_decoded=args.min_decoded,
    )
    return ExtractCommand(
        args.videos, args.data, settings, args.processes, args.force, not args.quiet
    )


def parse_size(text: str) -> Size | None:
    """(width, height) of "340x256"; None of "keep"."""
    if text == "keep":
        return None
    fields = text.split("x")
    if len(fields) != 2 or not all(f.isascii() and f.isdigit() for f in fields):
        raise UserError(f"a size is WIDTHxHEIGHT or keep, not {text!r}")
    return int(fields[0]), int(fields[1])


def _flow(name: str, pairs: Sequence[str]) -> FlowAlgorithm | None:
    parameters = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"--flow-set takes NAME=VALUE, not {pair!r}")
        parameters[key.strip()] = value.strip()
    if name != "none":
        return make_algorithm(name, parameters)
    if parameters:
        raise UserError("--flow-set makes no sense with --flow none")
    return None
