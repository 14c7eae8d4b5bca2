"""Starts programs of the build, alone and as MPI ranks."""

import os
import subprocess
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build" / "cpu" / "bin"
CAFFE = BUILD / "caffe"
TESTS = BUILD / "two_stream_tests"


def environment(**more):
    """This process's, with one BLAS thread a rank and as root if need be."""
    return {
        **os.environ,
        "OPENBLAS_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        **more,
    }


def run(*command, timeout=120, **more):
    return subprocess.run(
        [str(part) for part in command],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def mpirun(ranks, *command, timeout=120, **more):
    return run("mpirun", "-np", ranks, *command, timeout=timeout, **more)
