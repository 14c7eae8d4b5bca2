"""A rank that dies, throws or hangs ends all of them; signals act once."""

import os
import re
import signal
import subprocess
import time

import pytest

from .launch import CAFFE, environment, mpirun, run

LONG = {"max_iter": 1000000, "display": 1, "snapshot": 0}


def start(*command, **more):
    return subprocess.Popen(
        [str(part) for part in command],
        env=environment(**more),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("nothing happened")


def children(pid):
    text = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True
    ).stdout
    return sorted(int(word) for word in text.split())


def mpi_job(job, ranks, *flags, **fields):
    """An endless run under mpirun, once it trains; and its ranks by pid."""
    solver = job.solver(4, "fault", **{**LONG, **fields})
    log = job.folder / "log"
    with open(log, "w") as file:
        process = subprocess.Popen(
            ["mpirun", "-np", str(ranks), str(CAFFE), "train", "-solver", str(solver)]
            + [str(flag) for flag in flags],
            env=environment(),
            stderr=file,
            stdout=subprocess.DEVNULL,
        )
    wait_until(lambda: re.search(r"Iteration [5-9]", log.read_text()))
    pids = {}
    for pid in children(process.pid):
        with open(f"/proc/{pid}/environ") as file:
            rank = re.search(r"OMPI_COMM_WORLD_RANK=(\d+)", file.read())
        if rank:
            pids[int(rank.group(1))] = pid
    assert sorted(pids) == list(range(ranks))
    return process, pids, log


def our_lines(text):
    return [line for line in text.splitlines() if line.startswith("error: ")]


def assert_all_gone(pids):
    def gone():
        return not any(os.path.exists(f"/proc/{pid}") for pid in pids.values())

    wait_until(gone, 10)


def test_a_killed_rank_ends_all(job):
    process, pids, log = mpi_job(job, 3, "-timeout", 5)
    os.kill(pids[1], signal.SIGKILL)
    assert process.wait(20) != 0
    assert_all_gone(pids)
    assert re.search(r"rank 1 .*signal 9", log.read_text())  # mpirun's words


def test_a_hanging_process_ends_all(job):
    """It may have sent its last message to one of the others only, which then waits
    for both: but the one speaks that waits for the hanging one alone."""
    process, pids, log = mpi_job(job, 3, "-timeout", 2)
    begin = time.monotonic()
    os.kill(pids[2], signal.SIGSTOP)
    assert process.wait(30) != 0
    assert time.monotonic() - begin < 20
    os.kill(pids[2], signal.SIGCONT) if os.path.exists(f"/proc/{pids[2]}") else None
    assert_all_gone(pids)
    (line,) = our_lines(log.read_text())
    assert re.match(
        r"error: rank [01] of 3 \(\S+\): .* timed out after 2 s: "
        r"no word from rank 2 \(\S+\)$",
        line,
    )


def spoil(job, clips, how):
    for clip in clips:
        for path in (job.folder / f"clip_{clip}").iterdir():
            path.unlink()
            if how == "fifo":
                os.mkfifo(path)  # opening it waits for ever
            else:
                path.write_bytes(b"no JPEG")


@pytest.mark.parametrize("how", ["threads", "mpi"])
def test_a_throwing_rank_ends_all(job, how):
    spoil(job, range(10), "bytes")
    solver = job.solver(4, "fault", **LONG)
    command = [CAFFE, "train", "-solver", solver, "-timeout", 20]
    begin = time.monotonic()
    result = mpirun(2, *command) if how == "mpi" else run(*command, "-workers", 2)
    assert result.returncode != 0
    assert time.monotonic() - begin < 15
    (line,) = our_lines(result.stderr)
    assert re.match(r"error: rank \d of 2 \(\S+\): .*(clip|frame)", line)


@pytest.mark.parametrize("how", ["threads", "mpi"])
def test_a_hanging_reader_ends_all(job, how):
    """Rank 0 waits for clip 4 for ever; rank 1's threads, which read ahead, for
    clip 7."""
    spoil(job, [4, 7], "fifo")
    solver = job.solver(1, "fault", **LONG)
    net = job.folder / "fault_net.prototxt"
    net.write_text(net.read_text().replace("shuffle: true", ""))
    command = [CAFFE, "train", "-solver", solver, "-timeout", 2]
    begin = time.monotonic()
    result = mpirun(2, *command) if how == "mpi" else run(*command, "-workers", 2)
    assert result.returncode == 1
    assert time.monotonic() - begin < 30
    (line,) = our_lines(result.stderr)
    assert re.match(
        r"error: rank 1 of 2 \(\S+\): .* timed out after 2 s: "
        r"no word from rank 0",
        line,
    )


@pytest.mark.parametrize("how", ["threads", "mpi"])
def test_a_failed_check_names_rank_and_check(job, how):
    solver = job.solver(4, "fault", lr_policy='"nonsense"')
    command = [CAFFE, "train", "-solver", solver]
    result = mpirun(2, *command) if how == "mpi" else run(*command, "-workers", 2)
    assert result.returncode != 0
    assert re.match(
        r"error: rank \d of 2 \(\S+\): sgd_solver.cpp:\d+: "
        "Unknown learning rate policy: nonsense$",
        our_lines(result.stderr)[0],
    )


def snapshots(job):
    return sorted(job.folder.glob("fault_iter_*.solverstate"))


def test_a_signal_to_one_process_acts_once_on_all(job):
    process, pids, log = mpi_job(job, 2, "-timeout", 20)
    os.kill(pids[1], signal.SIGHUP)
    wait_until(lambda: snapshots(job))
    time.sleep(0.5)
    assert len(snapshots(job)) == 1
    os.kill(pids[1], signal.SIGINT)
    assert process.wait(20) == 0
    assert "Optimization stopped early." in log.read_text()
    assert len(snapshots(job)) == 2  # and one when it stopped
    assert our_lines(log.read_text()) == []


def test_a_signal_to_all_processes_acts_once(job):
    process, pids, log = mpi_job(job, 3, "-timeout", 20)
    for pid in pids.values():
        os.kill(pid, signal.SIGHUP)
    wait_until(lambda: snapshots(job))
    time.sleep(0.5)
    assert len(snapshots(job)) == 1
    for pid in pids.values():
        os.kill(pid, signal.SIGINT)
    assert process.wait(20) == 0
    assert len(snapshots(job)) == 2


def test_signals_act_once_on_threads(job):
    solver = job.solver(4, "fault", **LONG)
    process = start(CAFFE, "train", "-solver", solver, "-workers", 3)
    for line in process.stderr:
        if "Iteration 5" in line:
            break
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: snapshots(job))
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Optimization stopped early." in rest
    assert len(snapshots(job)) == 2


def test_mpirun_hands_on_user_signals(job):
    process, _, log = mpi_job(job, 2, "-timeout", 20)
    process.send_signal(signal.SIGUSR1)
    wait_until(lambda: snapshots(job))
    process.send_signal(signal.SIGUSR2)
    assert process.wait(20) == 0
    assert "Optimization stopped early." in log.read_text()
    assert len(snapshots(job)) == 2
