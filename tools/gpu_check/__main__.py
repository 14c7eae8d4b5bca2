"""Runs the checks and writes the report; exit status 1 if one failed."""

from __future__ import annotations

import argparse
import datetime
import platform
import re
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

from gpu_check.checks import CHECKS, ROOT, Bench, NotRun
from gpu_check.machine import CheckFailed, Runner, gpus, processor
from gpu_check.report import Outcome, Report
from gpu_check.timing import vgg_rows

TIMING = "timing"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/gpu_check.sh", description=__doc__)
    parser.add_argument(
        "--no-gpu",
        action="store_true",
        help="rehearse on the CPU what can be rehearsed",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small nets in the place of VGG-16"
    )
    parser.add_argument(
        "--only", metavar="WORD", help="only checks whose name contains it"
    )
    parser.add_argument("--build", type=Path, help="default: build/cuda or build/cpu")
    parser.add_argument("--out", type=Path, help="default: docs/gpu")
    return parser.parse_args()


def commit() -> str:
    ran = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return ran.stdout.strip() or "unknown"


def outcome(name: str, check, bench: Bench) -> Outcome:
    start = time.monotonic()
    try:
        state, detail = "passed", check(bench)
    except NotRun as reason:
        state, detail = "not run", str(reason)
    except CheckFailed as failure:
        state, detail = "failed", str(failure)
    except Exception as error:  # the other checks are still worth their time
        traceback.print_exc()
        state, detail = "failed", f"{type(error).__name__}: {error}"
    result = Outcome(name, state, time.monotonic() - start, detail)
    print(f"{result.state:>8}  {name} ({result.seconds:.0f} s): {detail}", flush=True)
    return result


def main() -> int:
    flags = parse()
    present = [] if flags.no_gpu else gpus()
    if not present and not flags.no_gpu:
        print(
            "error: nvidia-smi lists no GPU; --no-gpu rehearses on the CPU",
            file=sys.stderr,
        )
        return 1
    build = flags.build or ROOT / "build" / ("cuda" if present else "cpu")
    folder = build / "gpu_check"
    runner = Runner(build, folder / "logs")
    if not runner.has("caffe"):
        print(f"error: {build}/bin/caffe is missing: build it first", file=sys.stderr)
        return 1
    sys.path.insert(0, str(build / "python"))  # caffe_pb2

    version = runner.run("version", "caffe", "version").text
    parts = dict(re.findall(r"^  (\w+): (.*)$", version, re.M))
    number = re.match(r"(\d+)\.(\d+)", parts.get("NCCL", ""))
    nccl = tuple(map(int, number.groups())) if number else ()
    mpi = parts.get("MPI", "")[:1].isdigit() and shutil.which("mpirun") is not None
    bench = Bench(runner, folder, present, nccl, mpi, flags.quick)
    facts = {"date": datetime.date.today().isoformat(), "commit": commit()}
    facts["CPU"] = processor()
    facts["system"] = platform.platform()
    if present:
        facts["GPUs"] = ", ".join(f"{gpu.name} ({gpu.megabytes} MB)" for gpu in present)
        facts["driver"] = present[0].driver
    facts |= {
        key: parts[key] for key in ("CUDA", "cuDNN", "NCCL", "MPI") if key in parts
    }
    report = Report(present[0].name if present else None, facts)

    wanted = flags.only or ""
    for name, check in CHECKS.items():
        if wanted in name:
            report.outcomes.append(outcome(name, check, bench))
    if wanted in TIMING:

        def timing(bench: Bench) -> str:
            report.timings = vgg_rows(bench)
            return f"{len(report.timings)} rows below"

        report.outcomes.append(outcome(TIMING, timing, bench))
    path = report.write(flags.out or ROOT / "docs" / "gpu")
    print(f"wrote {path}; logs are in {runner.logs}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
