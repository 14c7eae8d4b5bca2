"""Who runs where: global batch, the table, and launches that must be refused."""

import re

from .launch import CAFFE, mpirun, run


def error(result):
    assert result.returncode == 1, result.stderr
    lines = [x for x in result.stderr.splitlines() if x.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_global_batch_sets_iter_size(job):
    solver = job.solver(2, "batch", global_batch_size=12, max_iter=1)
    result = run(CAFFE, "train", "-solver", solver, "-workers", 3)
    assert result.returncode == 0, result.stderr
    assert "global batch 12 = 3 ranks x 2 x iter_size 2" in result.stderr
    assert re.search(r"\n  2 +\S+ +CPU +2 +4-5 of 6\n", result.stderr)


def test_global_batch_that_does_not_divide_is_refused(job):
    solver = job.solver(16, "batch", global_batch_size=256)
    result = run(CAFFE, "train", "-solver", solver, "-workers", 3)
    assert error(result) == (
        "error: global_batch_size 256 is no multiple of 3 ranks x batch_size 16 = 48; "
        "workable: global_batch_size 240 or 288, or 2 ranks"
    )


def test_a_launcher_that_mpi_does_not_see_is_refused(job):
    solver = job.solver(2, "alone")
    result = run(CAFFE, "train", "-solver", solver, SLURM_STEP_NUM_TASKS="4")
    assert "SLURM_STEP_NUM_TASKS says that a launcher started 4 ranks" in error(result)
    assert "MPI sees 1" in error(result)


def test_requests_that_contradict_each_other_are_refused(job):
    solver = job.solver(2, "both")
    result = mpirun(2, CAFFE, "train", "-solver", solver, "-workers", 2)
    assert result.returncode == 1
    assert "so -workers 2 cannot be used" in result.stderr
