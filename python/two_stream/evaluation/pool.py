"""Worker processes, side by side, each with a net of its own.

A net that fails ends its process; the pool says with which words.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from two_stream.errors import UserError
from two_stream.locate import python_environment
from two_stream.nets.probe import last_error

# Videos that a worker has been told of: one in hand, one waiting.
_AHEAD = 2


@dataclass(frozen=True)
class Answer:
    """The scores of a video, or why there are none."""

    video: int
    scores: list[float] | None
    error: str | None


def devices(gpus: Sequence[int], workers: int | None) -> list[str]:
    """Returns the device of each worker: ``cpu`` or a GPU's number.

    Without a number of workers: two a GPU, so that one reads while the other
    computes; one on a CPU.
    """
    if workers is not None and workers < 1:
        raise UserError(f"{workers} workers: at least 1")
    if not gpus:
        return ["cpu"] * (workers or 1)
    count = workers or 2 * len(gpus)
    if count < len(gpus):
        raise UserError(f"{count} workers for {len(gpus)} GPUs: at least one each")
    return [str(gpus[i % len(gpus)]) for i in range(count)]


def score_videos(
    plan_path: Path, videos: Sequence[int], where: Sequence[str]
) -> Iterator[Answer]:
    """Yields an answer a video, as they come.

    Raises UserError if a worker ends before its work. Leaves no process behind.
    """
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for video in videos:
        todo.put(video)
    answers: queue.SimpleQueue[Answer | Exception | None] = queue.SimpleQueue()
    workers = [
        _Worker(plan_path, number, device, len(where))
        for number, device in enumerate(where[: max(1, len(videos))])
    ]
    threads = [
        threading.Thread(target=worker.serve, args=(todo, answers), daemon=True)
        for worker in workers
    ]
    try:
        for thread in threads:
            thread.start()
        running = len(threads)
        while running:
            answer = answers.get()
            if answer is None:
                running -= 1
            elif isinstance(answer, Exception):
                raise answer
            else:
                yield answer
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    def __init__(self, plan_path: Path, number: int, device: str, count: int):
        self._log_path = plan_path.with_name(f"worker{number}.log")
        environment = python_environment(gpu=device != "cpu")
        threads = str(max(1, (os.cpu_count() or 1) // count))
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            environment.setdefault(name, threads)
        with open(self._log_path, "wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "two_stream.evaluation.worker",
                    str(plan_path),
                    device,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )

    def serve(self, todo: queue.SimpleQueue, answers: queue.SimpleQueue) -> None:
        """Hands out videos and collects answers, until there are none left."""
        try:
            self._talk(todo, answers)
            answers.put(None)
        except (OSError, ValueError) as error:  # the pipe broke: it has died
            answers.put(UserError(f"a worker stopped ({error}): {self._words()}"))
        except UserError as error:
            answers.put(error)

    def _talk(self, todo: queue.SimpleQueue, answers: queue.SimpleQueue) -> None:
        self._read()  # ready
        asked = 0
        while True:
            while asked < _AHEAD:
                try:
                    video = todo.get_nowait()
                except queue.Empty:
                    break
                print(video, file=self._process.stdin, flush=True)
                asked += 1
            if not asked:
                return
            found = self._read()
            asked -= 1
            answers.put(Answer(found["video"], found.get("scores"), found.get("error")))

    def _read(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise UserError(f"a worker stopped: {self._words()}")
        return json.loads(line)

    def _words(self) -> str:
        return last_error(self._log_path.read_text(errors="replace"))

    def stop(self) -> None:
        """Ends the process, kindly if it has nothing to do."""
        try:
            self._process.stdin.close()
        except OSError:
            pass
        if self._process.poll() is None:
            try:
                self._process.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()
