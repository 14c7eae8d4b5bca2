"""Makes this folder's helpers importable; one thread a process is enough."""

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import miniature  # noqa: E402


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    """The miniature of UCF101, made once; read only."""
    folder = tmp_path_factory.mktemp("ucf101")
    return miniature.make_ucf101(folder / "root", folder / "scratch")
