"""From a dataset's video files to the paper's table, by one command.

Checks the layout, extracts frames and flow, writes lists and nets, trains both
streams on each split, tests them 25 x 10 and fuses them. Interrupted, the same
command goes on where it stopped; what has changed since is done again.

  two-stream reproduce ucf101 --root /data/ucf101 --weights vgg16.caffemodel \\
      --gpu 0,1,2,3

ROOT holds, for ucf101, UCF-101/ and ucfTrainTestlist/; for hmdb51, hmdb51_org/ and
testTrainMulti_7030_splits/; for folder (your own videos), videos/CLASS/*.mp4.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from two_stream.errors import UserError

if TYPE_CHECKING:
    from two_stream.reproduce.settings import ReproduceSettings

HELP = "a whole dataset, from video files to the paper's table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what is typed."""
    add = parser.add_argument
    add("dataset", choices=("ucf101", "hmdb51", "folder"))
    add("--root", required=True, type=Path, metavar="DIR", help="the dataset")
    add("--out", type=Path, metavar="DIR", help="default: ROOT/reproduce-NET")
    add("--data", type=Path, metavar="DIR", help="frames (ROOT/frames-FLOW)")
    add("--splits", metavar="1,2,3", help="default: all three; folder: 1")
    nets = ("vgg16", "googlenet", "clarifai", "small")
    add("--net", default="vgg16", choices=nets, help="default: %(default)s")
    add("--weights", type=Path, metavar="CAFFEMODEL", help="RGB model to start from")
    add("--gpu", metavar="0,1", help="GPUs, one rank each (default: the CPU)")
    add("--workers", type=int, metavar="N", help="N ranks on the CPU")
    add("--flow", default="tvl1", choices=("tvl1", "dis", "farneback"))
    add("--size", default="340x256", metavar="WxH", help="of frames (%(default)s)")
    add("--bound", type=float, default=20.0, help="of flow, pixels (%(default)g)")
    add("--processes", type=int, metavar="N", help="that extract (default: one a core)")
    add("--samples", type=int, default=25, help="a test video (%(default)s)")
    add("--crops", type=int, default=10, help="a sample (%(default)s)")
    add("--batch", type=int, metavar="N", help="samples a forward pass and rank")
    add(
        "--set",
        action="append",
        default=[],
        metavar="[STREAM.]FIELD=VALUE",
        help="of the solvers, as max_iter=300 or temporal.base_lr=0.01",
    )
    add("--group", metavar="REGEX", help="folder: keep together what matches alike")
    add("--test-share", type=float, help="folder: default 0.3")
    add("--skip-missing", action="store_true", help="leave out videos not to be had")
    add("--keep-snapshots", action="store_true", help="not only the final weights")
    add("--quiet", action="store_true", help="no progress bars")


def settings(args: argparse.Namespace) -> ReproduceSettings:
    """Checks what was typed."""
    from two_stream_prep.cli import parse_size

    from two_stream.commands.evaluate import parse_gpus
    from two_stream.reproduce.settings import ReproduceSettings

    for name in ("processes", "workers", "batch", "samples"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} {value}: at least 1")
    if args.gpu and args.workers:
        raise UserError("--gpu and --workers: give one of them")
    if args.dataset != "folder" and (args.group or args.test_share is not None):
        raise UserError(
            f"--group and --test-share are for folder; {args.dataset} has its splits"
        )
    size = parse_size(args.size)
    if size is None:
        raise UserError("--size keep: nets need one size, as 340x256")
    root = args.root.absolute()
    return ReproduceSettings(
        dataset=args.dataset,
        root=root,
        out=(args.out or root / f"reproduce-{args.net}").absolute(),
        data=(args.data or root / f"frames-{args.flow}").absolute(),
        splits=_splits(args.splits, args.dataset),
        net=args.net,
        weights=args.weights.absolute() if args.weights else None,
        gpus=parse_gpus(args.gpu) if args.gpu else (),
        workers=args.workers,
        flow=args.flow,
        size=size,
        bound=args.bound,
        processes=args.processes,
        samples=args.samples,
        crops=args.crops,
        batch=args.batch,
        solver=tuple(pair for text in args.set for pair in _overrides(text)),
        group=args.group,
        test_share=0.3 if args.test_share is None else args.test_share,
        skip_missing=args.skip_missing,
        keep_snapshots=args.keep_snapshots,
        progress=not args.quiet,
    )


def _splits(text: str | None, dataset: str) -> tuple[int, ...]:
    if text is None:
        return (1,) if dataset == "folder" else (1, 2, 3)
    words = text.split(",")
    official = dataset != "folder"
    for word in words:
        if not word.isdigit() or int(word) < 1 or (official and int(word) > 3):
            numbers = "1 to 3" if official else "1 or more"
            raise UserError(f"--splits {text}: numbers of {numbers}, as 1,2,3")
    return tuple(map(int, words))


def _overrides(text: str) -> list[tuple[str, str]]:
    """Reads ``max_iter=300`` for both streams, ``temporal.max_iter=300`` for one."""
    stream, dot, rest = text.partition(".")
    if dot and stream in ("spatial", "temporal"):
        return [(stream, rest)]
    return [("spatial", text), ("temporal", text)]


def run(s: ReproduceSettings) -> int:
    """Does it, and prints the table."""
    from two_stream.console import warn
    from two_stream.reproduce.paper import SOURCE
    from two_stream.reproduce.results import as_text, table
    from two_stream.reproduce.run import reproduce

    results = reproduce(s)
    print(f"\n{s.dataset}, {s.net}, {s.samples} samples x {s.crops} crops a video")
    print(as_text(*table(results)))
    if results.has_paper():
        print(f"(the paper's: {SOURCE})")
    if results.departures:
        print("not as in the paper:")
        for text in results.departures:
            print(f"  - {text}")
    for text in results.warnings:
        warn(text)
    print(f"report: {s.report}")
    return 0
