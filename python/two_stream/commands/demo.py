"""From real video files to a two-stream result, on a CPU, in minutes.

Cuts clips of scene x camera motion from real footage, extracts frames and optical
flow, trains a spatial and a temporal net with Caffe, tests and fuses them. Writes
report.json and report.html. What an earlier run prepared is used again.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from two_stream.errors import UserError

HELP = "the whole pipeline on real footage, in minutes"


@dataclass(frozen=True)
class Settings:
    """Where the files go, and the seed of clips and nets."""

    out: Path
    seed: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what is typed."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("build/demo"), metavar="DIR")
    add("--seed", type=int, default=1, help="of clips and nets (%(default)s)")


def settings(args: argparse.Namespace) -> Settings:
    """Checks what was typed."""
    if args.seed < 0:
        raise UserError(f"--seed {args.seed}: a number of 0 or more")
    return Settings(args.out, args.seed)


def run(s: Settings) -> int:
    """Runs it and prints the accuracies."""
    from two_stream.demo.cut import CutSettings
    from two_stream.demo.outcome import STREAM_NAMES
    from two_stream.demo.run import REPORT_HTML, run_demo
    from two_stream.demo.settings import DemoSettings

    outcome = run_demo(DemoSettings(out=s.out, clips=CutSettings(seed=s.seed)))
    summary = outcome.summary()
    print(f"\n{summary['test_clips']} test clips, {summary['classes']} classes, top-1:")
    for key, name in STREAM_NAMES.items():
        print(f"  {name:<10} {summary[key]:6.1%}")
    print(f"two-stream is {100 * summary['margin']:.1f} points above the better stream")
    print(f"report: {s.out / REPORT_HTML}")
    return 0
