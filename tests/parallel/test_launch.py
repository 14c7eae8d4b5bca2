"""Who runs where: global batch, the table, and launches that must be refused."""

import os
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
    assert re.match(
        r"error: rank 0 of 2 \(\S+\): OMPI_COMM_WORLD_SIZE says that a launcher "
        "started 2 ranks, so -workers 2 cannot be used$",
        error(result),
    )
    for flags in (["-workers", -1], ["-timeout", 0]):
        error(run(CAFFE, "train", "-solver", solver, *flags))


def test_cores_are_divided_among_the_ranks_of_a_host(job):
    """And with them the threads that read and that multiply."""
    solver = job.solver(2, "cores", max_iter=1)
    net = job.folder / "cores_net.prototxt"
    net.write_text(net.read_text().replace("threads: 2", ""))
    cores = len(os.sched_getaffinity(0))
    for ranks, result in (
        (1, run(CAFFE, "train", "-solver", solver)),
        (2, run(CAFFE, "train", "-solver", solver, "-workers", 2)),
        (2, mpirun(2, CAFFE, "train", "-solver", solver)),
        (2, mpirun(2, "--bind-to", "none", CAFFE, "train", "-solver", solver)),
    ):
        assert result.returncode == 0, result.stderr
        # mpirun binds each rank to one core, if not told otherwise.
        bound = "--bind-to" not in result.args and result.args[0] == "mpirun"
        each = max(1, 1 if bound else cores // ranks)
        text = f"Training on {ranks} ranks?, cores for each: {each}\n"
        assert re.search(text, result.stderr)
        # No more than the samples of the batches read ahead.
        assert f"read by {min(each, 2 * 4)} threads" in result.stderr
