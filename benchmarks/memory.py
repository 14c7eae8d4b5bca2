"""Peak memory and time of the shipped nets: stock Caffe beside shared buffers.

    python benchmarks/memory.py [--nets temporal_vgg16 ...] [--batch 8]

Stock Caffe is built by the same CMake from the same sources, and nothing of this
project is linked to it. Every number is of a process of its own; the processes of
the two take turns, so that a ratio compares like with like. Prints Markdown, and
writes all that was measured to ``build/benchmarks/memory.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OFF = "optimize_train: false optimize_test: false"
ON = "optimize_train: true optimize_test: true"


@dataclass
class Variant:
    """One way to run a net, and what its runs gave."""

    name: str
    phase: str
    program: str
    mem_param: str
    peaks: list[float] = field(default_factory=list)  # MB, one a process
    seconds: list[float] = field(default_factory=list)  # one an iteration
    results: set[str] = field(default_factory=set)
    largest_batch: int = 0  # that was seen to fit into the memory given

    @property
    def peak(self) -> float:
        return statistics.median(self.peaks)

    @property
    def time(self) -> float:
        return statistics.median(self.seconds)


def variants() -> list[Variant]:
    ours = "memory_probe"
    return [
        Variant("stock", "TRAIN", "memory_probe_stock", OFF),
        Variant("shared", "TRAIN", ours, ON),
        Variant("shared, recompute", "TRAIN", ours, ON + " recompute {}"),
        Variant("not shared", "TRAIN", ours, OFF),
        Variant("stock", "TEST", "memory_probe_stock", OFF),
        Variant("shared", "TEST", ours, ON),
    ]


def build(folder: Path) -> None:
    targets = ["memory_probe", "memory_probe_stock"]
    subprocess.run(
        ["cmake", "--build", str(folder), "--target", *targets],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def run(folder: Path, net: str, variant: Variant, batch: int, iterations: int) -> dict:
    command = [
        folder / "bin" / variant.program,
        ROOT / "models" / f"{net}_train_val.prototxt",
        variant.phase,
        str(batch),
        str(iterations),
        variant.mem_param,
    ]
    done = subprocess.run(
        [str(part) for part in command],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GLOG_minloglevel": "1"},
    )
    return json.loads(done.stdout)


def measure(args: argparse.Namespace, net: str) -> list[Variant]:
    measured = variants()
    for turn in range(args.turns):
        for variant in measured:
            got = run(args.build, net, variant, args.batch, args.iterations)
            variant.peaks.append(got["peak_mb"])
            # The first iteration also touches all memory for the first time.
            variant.seconds += got["seconds"][1:]
            variant.results.add(got["result"] + " " + got["digest"])
            print(
                f"{net} {variant.phase} {variant.name} ({turn + 1}/{args.turns}): "
                f"{got['peak_mb']:.0f} MB, {got['seconds'][-1]:.2f} s",
                file=sys.stderr,
            )
    for variant in measured:
        variant.largest_batch = largest_batch(args, net, variant)
    check_results(net, measured)
    return measured


def check_results(net: str, measured: list[Variant]) -> None:
    """Bit for bit; stock Caffe's dropout draws other masks, so it only tests."""
    for group in (
        [v for v in measured if v.phase == "TRAIN" and v.name != "stock"],
        [v for v in measured if v.phase == "TEST"],
    ):
        results = set.union(*(v.results for v in group))
        if len(results) != 1:
            raise SystemExit(f"{net}: results differ: {results}")


def largest_batch(args: argparse.Namespace, net: str, variant: Variant) -> int:
    """The largest batch that was run within the memory given, while the next was not.

    Memory grows nearly linearly with the batch: each guess is on the line through the
    two batches before.
    """
    limit = args.memory * 1000
    points = [(args.batch, variant.peak)]
    fits, fails = 0, math.inf
    guess = 3 * args.batch
    while fails - fits > 1:
        peak = run(args.build, net, variant, guess, 1)["peak_mb"]
        print(
            f"{net} {variant.phase} {variant.name}: batch {guess}, {peak:.0f} MB",
            file=sys.stderr,
        )
        if peak <= limit:
            fits = max(fits, guess)
        else:
            fails = min(fails, guess)
        points = [points[-1], (guess, peak)]
        (b0, p0), (b1, p1) = points
        slope = max((p1 - p0) / (b1 - b0), 1e-3)
        guess = b1 + math.floor((limit - p1) / slope)
        guess = max(fits + 1, min(guess, fails - 1))
    return fits


def table(args: argparse.Namespace, net: str, measured: list[Variant]) -> str:
    lines = [
        f"### {net}, batch {args.batch}",
        "",
        "| phase | | peak MB | x stock | s / iteration | x stock "
        f"| largest batch in {args.memory:g} GB |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    stock = {v.phase: v for v in measured if v.name == "stock"}
    for v in measured:
        s = stock[v.phase]
        lines.append(
            f"| {v.phase} | {v.name} | {v.peak:.0f} | {v.peak / s.peak:.3f} "
            f"| {v.time:.2f} | {v.time / s.time:.3f} | {v.largest_batch} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--nets", nargs="+", default=["temporal_vgg16", "temporal_googlenet"]
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--iterations", type=int, default=3, help="a process")
    parser.add_argument("--turns", type=int, default=2, help="processes a variant")
    parser.add_argument("--memory", type=float, default=3, help="GB")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "cpu")
    args = parser.parse_args()
    if args.iterations < 2:
        parser.error("--iterations must be at least 2: the first is not timed")
    build(args.build)
    options = {name: value for name, value in vars(args).items() if name != "build"}
    report = {}
    for net in args.nets:
        measured = measure(args, net)
        report[net] = [
            {
                "phase": v.phase,
                "variant": v.name,
                "peak_mb": v.peaks,
                "largest_batch": v.largest_batch,
                "seconds": v.seconds,
            }
            for v in measured
        ]
        print(table(args, net, measured), end="\n\n", flush=True)
    out = ROOT / "build" / "benchmarks" / "memory.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".part")
    partial.write_text(json.dumps({"options": options, "nets": report}, indent=1))
    partial.replace(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
