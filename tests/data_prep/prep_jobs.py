"""Job functions for the tests of two_stream_prep.workers (imported by workers)."""

import os
import signal
import time


def square(job, report):
    report(job / 10)
    return job * job, os.getpid()


def trouble(job, report):
    """Does what the job says."""
    if job == "raise":
        raise ValueError("two\nlines")
    if job == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if job == "exit":
        os._exit(3)
    if job == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    return job


def write_pid_and_sleep(path, report):
    path.write_text(str(os.getpid()))
    time.sleep(60)
