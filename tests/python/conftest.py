"""Makes this folder's helpers importable; one thread a process is enough."""

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

from small_data import write_footage  # noqa: E402


@pytest.fixture
def footage(tmp_path):
    """Three short videos, one shorter than a stack."""
    return write_footage(tmp_path / "data", 7, (9, 31, 4))
