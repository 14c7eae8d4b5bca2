"""N ranks do what one does, through the real binary and VideoData."""

import re

import pytest

from .launch import CAFFE, mpirun, run
from .models import params, relative_error, same_bits


def train(job, ranks, how, gather, **fields):
    prefix = f"{how}_{ranks}"
    solver = job.solver(8 // ranks, prefix, gather, **fields)
    command = [CAFFE, "train", "-solver", solver, "-check_sync", 1, "-timeout", 30]
    if how == "mpi":
        result = mpirun(ranks, *command)
    else:
        result = run(*command, "-workers", ranks)
    assert result.returncode == 0, result.stderr
    clipped = result.stderr.count("Gradient clipping: scaling down gradients")
    assert clipped >= 5
    return params(job.folder / f"{prefix}_iter_5.caffemodel"), result.stderr


@pytest.mark.parametrize("gather", [False, True])
def test_ranks_train_as_one_does(job, gather):
    fields = {"iter_size": 2, "clip_gradients": 0.2}
    alone, _ = train(job, 1, "threads", gather, **fields)
    for ranks in (2, 4):
        threads, _ = train(job, ranks, "threads", gather, **fields)
        assert relative_error(threads, alone) < 1e-5
        mpi, _ = train(job, ranks, "mpi", gather, **fields)
        assert same_bits(mpi, threads)


@pytest.mark.parametrize("gather", [False, True])
@pytest.mark.parametrize("ranks, how", [(1, "threads"), (2, "threads"), (2, "mpi")])
def test_shared_memory_buffers_change_nothing(job, ranks, how, gather):
    share = "optimize_train: true optimize_test: true"
    found = []
    for name, mem_param in (
        ("off", "optimize_train: false optimize_test: false"),
        ("on", share),
        ("recompute", share + ' recompute { blob: "fc6" }'),
    ):
        extra = f"mem_param {{ {mem_param} }}"
        solver = job.solver(4, name, gather, extra, iter_size=2)
        command = [CAFFE, "train", "-solver", solver]
        if how == "mpi":
            result = mpirun(ranks, *command)
        else:
            result = run(*command, "-workers", ranks)
        assert result.returncode == 0, result.stderr
        assert ("saved" in result.stderr) == (name != "off")
        assert ("Recomputed" in result.stderr) == (name == "recompute")
        found.append(params(job.folder / f"{name}_iter_5.caffemodel"))
    assert same_bits(found[0], found[1])
    assert same_bits(found[0], found[2])


def scores(log):
    found = re.findall(r"Test net output #\d: (\w+) = (\S+)", log)
    return [(name, float(value)) for name, value in found]


def test_test_iterations_are_shared(job):
    """5 iterations on 3 ranks, twice: the second round starts where one rank's does."""
    fields = {"test_interval": 2, "test_initialization": "true", "max_iter": 4}
    logs = []
    for ranks in (1, 3):
        solver = job.solver(12 // ranks, f"test_{ranks}", **fields, snapshot=0)
        result = run(CAFFE, "train", "-solver", solver, "-workers", ranks)
        assert result.returncode == 0, result.stderr
        logs.append(scores(result.stderr))
    alone, shared = logs
    assert len(alone) == 2 * 3
    for (name, a), (other, b) in zip(alone, shared, strict=True):
        assert name == other
        assert a == pytest.approx(b, rel=2e-5)


def test_debug_info_shows_the_gradients_that_all_ranks_have(job):
    solver = job.solver(4, "debug", debug_info="true", display=1)
    result = run(CAFFE, "train", "-solver", solver, "-workers", 2)
    assert result.returncode == 0, result.stderr
    norms = re.findall(r"All net params \(data, diff\): (.*)", result.stderr)
    assert len(norms) == 2 * 5  # of each rank, at each step
    assert all(norms.count(text) == 2 for text in norms)
