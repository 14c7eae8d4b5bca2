"""What all Python tests share: the build under test and how to run its binary."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A shell without job control starts background jobs with SIGINT ignored, which
# programs under test would inherit; a handler is not inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def caffe_binary() -> Path:
    """The caffe command under test; $CAFFE_BIN, else the CPU build's."""
    binary = Path(os.environ.get("CAFFE_BIN", ROOT / "build/cpu/bin/caffe"))
    assert binary.is_file(), f"{binary} is missing: make build"
    return binary


@pytest.fixture(scope="session")
def run_caffe(caffe_binary):
    """Runs ``caffe *arguments``; returns the finished process with its text."""

    def run(*arguments, **options):
        return subprocess.run(
            [caffe_binary, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=300,
            **options,
        )

    return run
