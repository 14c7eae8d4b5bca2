"""A pool of processes in which a crash costs one job, not the run.

A damaged file can bring a decoder down with a segmentation fault, and the
kernel kills what takes too much memory. concurrent.futures then gives up on
every job; here the job that was running is reported, its process replaced and
the others go on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

_context = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Progress:
    """A job's function called its `report` with `value`."""

    job: int
    value: Any


@dataclass(frozen=True)
class Done:
    """A job ended; `result` is what its function returned."""

    job: int
    result: Any


@dataclass(frozen=True)
class Failed:
    """A job's function raised, or its process died."""

    job: int
    cause: str


Event = Progress | Done | Failed
JobFunction = Callable[[Any, Callable[[Any], None]], Any]


def run_jobs(
    function: JobFunction, jobs: Sequence[Any], processes: int
) -> Iterator[Event]:
    """Call function(job, report) for each job, in up to `processes` processes.

    `function` must be importable (module level), jobs and results picklable.
    Jobs start in order and end in any. Each gives any number of Progress and one
    Done or Failed; `job` is its index. Closing the iterator kills the workers.
    """
    waiting = iter(range(len(jobs)))
    workers: dict[Connection, _Worker] = {}
    try:
        for job in waiting:
            worker = _Worker(function)
            workers[worker.connection] = worker
            worker.start(job, jobs[job])
            if len(workers) == processes:
                break
        while workers:
            for connection in wait(list(workers)):
                worker = workers[connection]
                event = worker.receive()
                yield event
                if isinstance(event, Progress):
                    continue
                job = next(waiting, None)
                if worker.died or job is None:
                    del workers[connection]
                    worker.stop()
                if job is not None:
                    if worker.died:
                        worker = _Worker(function)
                        workers[worker.connection] = worker
                    worker.start(job, jobs[job])
    finally:
        for worker in workers.values():
            worker.process.kill()
            worker.stop()


class _Worker:
    """The parent's side of one process."""

    def __init__(self, function: JobFunction) -> None:
        self.connection, theirs = _context.Pipe()
        self.process = _context.Process(target=_serve, args=(theirs, function))
        self.process.start()
        theirs.close()
        self.job = -1
        self.died = False

    def start(self, job: int, payload: Any) -> None:
        self.job = job
        try:
            self.connection.send(payload)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It is dead: receive() says so.

    def receive(self) -> Event:
        try:
            kind, value = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.died = True
            self.process.join()
            return Failed(self.job, _cause_of_death(self.process.exitcode))
        return kind(self.job, value)

    def stop(self) -> None:
        self.connection.close()  # The worker ends at the end of its input.
        self.process.join()
        self.process.close()


def _cause_of_death(exitcode: int) -> str:
    if exitcode >= 0:
        return f"its process ended with status {exitcode}"
    return f"its process was killed by {signal.Signals(-exitcode).name}"


def describe(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _serve(connection: Connection, function: JobFunction) -> None:
    """A worker's main function: one job after the other until told to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's.
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while True:
        try:
            payload = connection.recv()
        except EOFError:
            return
        try:
            result = function(payload, lambda value: connection.send((Progress, value)))
            message = (Done, result)
        except Exception as error:
            message = (Failed, describe(error))
        connection.send(message)


def _die_with_parent() -> None:
    """End this process at once when the parent is gone, even if by SIGKILL."""
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
