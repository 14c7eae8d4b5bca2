"""Fuses scores files of `two-stream evaluate`: softmax, then a weighted average.

two-stream fuse spatial.npz temporal.npz               spatial 1 : temporal 2
two-stream fuse spatial.npz temporal.npz --weights 1 1.5
two-stream fuse spatial.npz temporal.npz --sweep 0.5 1 1.5 2 3
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from two_stream.errors import UserError

HELP = "fuse the streams' scores and report accuracy"


@dataclass(frozen=True)
class Settings:
    """What to fuse and how."""

    files: tuple[str, ...]
    weights: tuple[float, ...]
    sweep: tuple[float, ...] = ()
    out: str | None = None
    json: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what is typed."""
    parser.add_argument("files", nargs="+", metavar="SCORES", help="spatial, temporal")
    parser.add_argument(
        "--weights",
        nargs="+",
        type=float,
        metavar="W",
        help="one a file (two files: 1 2; else all 1)",
    )
    parser.add_argument(
        "--sweep",
        nargs="*",
        type=float,
        metavar="R",
        help="also try spatial 1 : temporal R, for each R given (or 0.25 to 4)",
    )
    parser.add_argument("--out", metavar="NPZ", help="write the fused scores")
    parser.add_argument("--json", metavar="FILE", help="write the report")


DEFAULT_SWEEP = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)


def settings(args: argparse.Namespace) -> Settings:
    """Checks what was typed."""
    count = len(args.files)
    if args.weights and len(args.weights) != count:
        raise UserError(f"--weights: {len(args.weights)} for {count} files")
    if args.sweep is not None and count != 2:
        raise UserError(f"--sweep needs two files, not {count}")
    if args.out and not args.out.endswith(".npz"):
        raise UserError(f"--out {args.out}: the name must end in .npz")
    weights = args.weights or ([1.0, 2.0] if count == 2 else [1.0] * count)
    sweep = () if args.sweep is None else tuple(args.sweep) or DEFAULT_SWEEP
    if any(not 0 <= ratio < float("inf") for ratio in sweep):
        raise UserError("--sweep: ratios are numbers >= 0")
    return Settings(tuple(args.files), tuple(weights), sweep, args.out, args.json)


def report(s: Settings) -> dict[str, Any]:
    """Fuses; returns the report as plain values, and writes the fused scores."""
    import numpy as np

    from two_stream import fusion
    from two_stream.scores import Scores, load_scores, save_scores

    streams = [load_scores(path) for path in s.files]
    fused = fusion.fuse(streams, s.weights)
    first = streams[0]
    whole = fusion.accuracy(fused, first.labels)
    result = {
        "videos": len(first.ids),
        "classes": first.classes,
        "weights": list(s.weights),
        "streams": [
            {"file": stream.name}
            | fusion.accuracy(stream.scores, stream.labels).as_dict()
            | {"provenance": stream.provenance}
            for stream in streams
        ],
        "fused": whole.as_dict() | {"per_class": whole.per_class},
    }
    if s.sweep:
        result["sweep"] = [
            {"ratio": ratio} | found.as_dict()
            for ratio, found in fusion.sweep(*streams, s.sweep)
        ]
    if s.out:
        provenance = {
            "fused": [stream.provenance for stream in streams],
            "weights": list(s.weights),
            # Scores are log probabilities, whose softmax are the fused ones.
            "scores": "log of the weighted average of softmax",
        }
        tiny = np.finfo(np.float64).tiny
        save_scores(
            s.out,
            Scores(
                first.ids,
                first.labels,
                np.log(np.maximum(fused, tiny)),
                first.classes,
                provenance,
                s.out,
            ),
        )
    return result


def run(s: Settings) -> int:
    """Prints the table; writes what was asked for."""
    from two_stream.files import write_json

    result = report(s)
    rows = [(Path(row["file"]).name, row) for row in result["streams"]]
    ratio = " : ".join(f"{weight:g}" for weight in s.weights)
    rows.append((f"fused {ratio}", result["fused"]))
    rows += [(f"  sweep 1 : {row['ratio']:g}", row) for row in result.get("sweep", ())]
    width = max(len(name) for name, _ in rows)
    print(f"{result['videos']} videos, {len(result['classes'])} classes")
    print(f"{'':{width}}  {'top-1':>7}  {'top-5':>7}  {'mean class':>10}")
    for name, row in rows:
        print(
            f"{name:{width}}  {row['top1']:7.2%}  {row['top5']:7.2%}  "
            f"{row['mean_class']:10.2%}"
        )
    if s.json:
        write_json(s.json, result)
    return 0
