"""Runs `two-stream reproduce` on the miniature of UCF101, in a process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from two_stream.locate import python_environment

STREAMS = ("spatial", "temporal")
SOLVER = ("max_iter=12", "snapshot=4", "test_interval=6", "display=1")
# Long enough to be killed in the middle.
TEMPORAL = ("temporal.max_iter=24",)


def command(root: Path, weights: Path, **changes) -> list[str]:
    options = {"splits": 1, "samples": 2, **changes}
    words = ["reproduce", "ucf101", "--root", root, "--net", "small", "--quiet"]
    words += ["--weights", weights, "--flow", "dis", "--size", "96x72", "--bound", 8]
    for change in (*SOLVER, *TEMPORAL):
        words += ["--set", change]
    for name, value in options.items():
        words += [f"--{name}", value]
    return [sys.executable, "-m", "two_stream", *map(str, words)]


def run(*arguments, **changes) -> subprocess.CompletedProcess:
    done = subprocess.run(
        command(*arguments, **changes),
        capture_output=True,
        text=True,
        env=python_environment(),
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done


def kill_in_temporal_training(root: Path, weights: Path) -> None:
    """Starts it, and kills it at the temporal stream's first snapshot."""
    out = root / "reproduce-small" / "split1"
    process = subprocess.Popen(
        command(root, weights), stderr=subprocess.PIPE, env=python_environment()
    )
    with process:
        while not (out / "temporal_small_iter_4.solverstate").is_file():
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (out / "temporal_small_iter_24.caffemodel").is_file()


def times(root: Path) -> dict[Path, int]:
    """When each file that a step leaves was written."""
    files = [*root.glob("frames-dis/**/*"), *root.glob("reproduce-small/**/*")]
    return {
        path: path.stat().st_mtime_ns
        for path in files
        if path.is_file() and not path.name.startswith(".")
    }
