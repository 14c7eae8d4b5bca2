"""Runs ``caffe train``: log, curves, progress, signals, exit status."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from two_stream.console import TRAINING_ACCURACY, error, note, progress_bar, warn
from two_stream.data.provenance import write_model_provenance
from two_stream.errors import UserError
from two_stream.locate import caffe_binary
from two_stream.training.curves import Curves, read_log, write_csv, write_png
from two_stream.training.files import TrainFiles, prepare_files
from two_stream.training.log import (
    Batch,
    Complaint,
    Event,
    Rate,
    Snapshot,
    Step,
    TestStart,
    parse_line,
)
from two_stream.training.preflight import (
    check_snapshot,
    preflight,
    training_provenance,
)
from two_stream.training.settings import TrainSettings, caffe_arguments

# Curves are drawn again at most this often (seconds).
_DRAW_EVERY = 20
# How long caffe may take to end when it is told to (seconds).
_PATIENCE = 20
# Lines of the log that are shown where nothing else says why caffe ended.
_LAST_LINES = 12
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class TrainResult:
    """How a training ended.

    ``status`` is the exit status of caffe, or 128 + the signal that ended it.
    """

    status: int
    files: TrainFiles
    curves: Curves
    snapshots: list[str] = field(default_factory=list)
    seconds: float = 0.0


def train(s: TrainSettings) -> TrainResult:
    """Checks, then trains with the real ``caffe``; returns how it ended.

    Raises UserError for what is wrong before the start.
    """
    if s.snapshot:
        check_snapshot(s.snapshot)
    files = prepare_files(s)
    preflight(s, files)
    gpu = s.gpu is not None or (s.workers is None and files.for_gpus)
    arguments = caffe_arguments(s, caffe_binary(gpu), files.solver)
    curves = Curves()
    if s.snapshot and files.log.is_file():
        curves = read_log(files.log.read_text(errors="replace").splitlines())
        curves.drop_after(_iteration_of(s.snapshot))
    write_model_provenance(files.prefix, training_provenance(s, files))
    note(f"log {files.log}, curves {files.curves_png} and {files.curves_csv.name}")
    result = TrainResult(0, files, curves)
    started = time.monotonic()
    with open(files.log, "ab" if s.snapshot else "wb") as log:
        _run(arguments, s.mpi is not None, log, _Follower(s, result))
    result.seconds = time.monotonic() - started
    return result


def _iteration_of(snapshot: str) -> int:
    match = re.search(r"_iter_(\d+)\.(solverstate|caffemodel)", snapshot)
    return int(match.group(1)) if match else 0


def _run(arguments: list[str], by_mpirun: bool, log, follower: _Follower) -> None:
    # Progress and curves are read from glog's lines, which this would silence.
    environment = {k: v for k, v in os.environ.items() if k != "GLOG_minloglevel"}
    try:
        # A session of its own: Ctrl-C reaches it once, through us.
        process = subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent(
                # mpirun must live to end its ranks.
                signal.SIGTERM if by_mpirun else signal.SIGKILL
            ),
        )
    except OSError as error:
        raise UserError(f"{arguments[0]}: cannot start ({error.strerror})") from None
    with _signals_to(process, by_mpirun) as passed_on, follower:
        for line in process.stdout:
            log.write(line)
            log.flush()
            follower.take(line.decode("utf-8", errors="replace"))
        status = process.wait()
        if status and signal.SIGTERM not in passed_on:
            follower.explain()
    follower.result.status = status if status >= 0 else 128 - status


def _die_with_parent(number: int) -> Callable[[], None]:
    """Has the kernel signal a child when this process ends, even if it is killed."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # Linux has it
    return lambda: prctl and prctl(_PR_SET_PDEATHSIG, number)


@contextlib.contextmanager
def _signals_to(process: subprocess.Popen, by_mpirun: bool) -> Iterator[set[int]]:
    """Passes signals on; caffe then snapshots or stops as it is told to. Yields the
    signals so far.

    mpirun would kill its ranks on SIGINT and SIGHUP; it hands these two to the
    ranks of all hosts, for which they mean the same.
    """
    names = {signal.SIGINT: signal.SIGUSR2, signal.SIGHUP: signal.SIGUSR1}

    passed_on: set[int] = set()

    def forward(number, _frame):
        passed_on.add(number)
        process.send_signal(names.get(number, number) if by_mpirun else number)

    before = {}
    try:
        for number in _FORWARDED:
            before[number] = signal.signal(number, forward)
    except ValueError:  # not the main thread: nobody sends us signals
        pass
    try:
        yield passed_on
    except BaseException:
        process.terminate()  # mpirun must live to end its ranks
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Follower:
    """Shows and keeps what the log says, line by line."""

    def __init__(self, s: TrainSettings, result: TrainResult):
        self.result = result
        start = _iteration_of(s.snapshot) if s.snapshot else 0
        self._bar = progress_bar(result.files.max_iter, "it", start, s.progress)
        self._shown: dict[str, str] = {}
        self._drawn = time.monotonic()
        self._diverged = False
        self._explained = False
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    def __enter__(self) -> _Follower:
        return self

    def __exit__(self, *_exception) -> None:
        self._bar.close()
        self._draw()

    def take(self, line: str) -> None:
        """Takes a line of the log."""
        if line.strip():
            self._last.append(line.rstrip())
        event = parse_line(line)
        if event is None:
            return
        point = self.result.curves.add(event)
        self._progress(event)
        if point and point.note:
            note(
                f"iteration {point.iteration}: test {point.quantity} "
                f"{point.value:.4f} ({TRAINING_ACCURACY})"
            )
        if isinstance(event, Batch):
            note(event.text)
        if isinstance(event, Snapshot):
            self.result.snapshots.append(event.path)
            self._advance(_iteration_of(event.path))
        if isinstance(event, Complaint):
            say = warn if event.severity == "W" else error
            say(f"caffe: {event.text}")
            self._explained |= event.severity != "W"
        redraw = isinstance(event, TestStart | Snapshot)
        if redraw and time.monotonic() - self._drawn > _DRAW_EVERY:
            self._draw()

    def explain(self) -> None:
        """Shows the last lines, unless an error was shown already."""
        if not self._explained:
            error("caffe failed; its last lines:\n" + "\n".join(self._last))

    def _progress(self, event: Event) -> None:
        if isinstance(event, Step):
            self._shown["loss"] = f"{event.loss:.4g}"
            # NaN is the one number that is not itself.
            if event.loss != event.loss and not self._diverged:
                self._diverged = True
                warn("the loss is not a number: lower base_lr, or check the means")
            self._advance(event.iteration)
        elif isinstance(event, Rate):
            self._shown["lr"] = f"{event.rate:g}"

    def _advance(self, iteration: int) -> None:
        self._bar.set_postfix(self._shown, refresh=False)
        self._bar.update(max(0, iteration - self._bar.n))

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        if self.result.curves.points:
            files = self.result.files
            write_csv(files.curves_csv, self.result.curves)
            title = Path(files.prefix).name
            write_png(files.curves_png, self.result.curves, title)
