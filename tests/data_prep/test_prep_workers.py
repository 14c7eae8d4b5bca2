"""The pool of processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from prep_jobs import square, trouble, write_pid_and_sleep
from two_stream_prep.workers import Done, Failed, Progress, run_jobs


def test_every_job_once_over_the_processes():
    jobs = list(range(11))
    events = list(run_jobs(square, jobs, 2))
    done = {event.job: event.result for event in events if isinstance(event, Done)}
    assert {job: result[0] for job, result in done.items()} == {j: j * j for j in jobs}
    processes = {result[1] for result in done.values()}
    assert 1 <= len(processes) <= 2 and os.getpid() not in processes
    progress = {event.job: event.value for event in events if type(event) is Progress}
    assert progress == {job: job / 10 for job in jobs}
    assert len(events) == 2 * len(jobs)


def test_no_jobs():
    assert list(run_jobs(square, [], 4)) == []


def test_a_crash_costs_one_job():
    jobs = ["a", "segfault", "raise", "b", "exit", "interrupt", "segfault", "c"]
    events = sorted(run_jobs(trouble, jobs, 2), key=lambda event: event.job)
    assert events == [
        Done(0, "a"),
        Failed(1, "its process was killed by SIGSEGV"),
        Failed(2, "ValueError: two lines"),
        Done(3, "b"),
        Failed(4, "its process ended with status 3"),
        Done(5, "interrupt"),
        Failed(6, "its process was killed by SIGSEGV"),
        Done(7, "c"),
    ]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def test_workers_die_with_their_parent(tmp_path):
    """Killed by SIGKILL it can't end them; they see to it themselves."""
    path = tmp_path / "pid"
    code = (
        "import sys; from pathlib import Path; from prep_jobs import *\n"
        "from two_stream_prep.workers import run_jobs\n"
        "list(run_jobs(write_pid_and_sleep, [Path(sys.argv[1])], 1))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", code, path], env=environment)
    wait_for(lambda: path.exists() and path.read_text())
    worker = int(path.read_text())
    assert is_running(worker)
    parent.kill()
    parent.wait()
    wait_for(lambda: not is_running(worker))


def test_closing_kills_the_workers(tmp_path):
    first, second = paths = [tmp_path / "first", tmp_path / "second"]
    events = run_jobs(write_pid_and_sleep, paths, 2)

    def kill_first():
        for path in paths:
            wait_for(lambda path=path: path.exists() and path.read_text())
        os.kill(int(first.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill_first)
    killer.start()
    assert next(events) == Failed(0, "its process was killed by SIGKILL")
    killer.join()
    assert is_running(int(second.read_text()))
    events.close()
    assert not is_running(int(second.read_text()))
