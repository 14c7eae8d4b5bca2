"""What ``caffe train`` says: glog's lines, read into events.

    I1123 08:00:00.123456   123 solver.cpp:239] Iteration 20 (3.1 iter/s, ...

glog 0.5 and newer put the year before the date; mpirun may put the rank before
the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    r"^(?:\[\d+,\d+\]<\w+>:\s*)?([IWEF])(?:\d{4}){1,2} \d\d:\d\d:\d\d\.\d+\s+\d+ "
    r"([^ :]+):(\d+)\] (.*)$"
)
_NUMBER = r"([-+]?(?:[0-9.]+(?:e[-+]?\d+)?|nan|inf))"
_STEP = re.compile(rf"Iteration (\d+)(?: \(([^ ]+) iter/s, .*\))?, loss = {_NUMBER}")
_RATE = re.compile(rf"Iteration (\d+), lr = {_NUMBER}")
_TEST = re.compile(r"Iteration (\d+), Testing net \(#(\d+)\)")
_OUTPUT = re.compile(rf"\s*(Train|Test) net output #\d+: (\S+) = {_NUMBER}")
_LOST_RANK = re.compile(
    r"mpirun noticed that process rank (\d+) with PID \d+ on node (\S+) "
    r"exited on (.+)\."
)
_SNAPSHOT = re.compile(r"Snapshotting to (?:binary proto|HDF5) file (.+)")


@dataclass(frozen=True)
class Step:
    """The loss at an iteration, smoothed as the solver says."""

    iteration: int
    loss: float
    per_second: float | None


@dataclass(frozen=True)
class Rate:
    """The learning rate at an iteration."""

    iteration: int
    rate: float


@dataclass(frozen=True)
class TestStart:
    """A test net is tried."""

    __test__ = False  # not one of pytest's

    iteration: int
    net: int


@dataclass(frozen=True)
class Output:
    """An output of the training net or of the test net last named."""

    phase: str
    name: str
    value: float


@dataclass(frozen=True)
class Snapshot:
    """Weights were written."""

    path: str


@dataclass(frozen=True)
class Batch:
    """How many samples a step takes, on how many ranks, in Caffe's words."""

    text: str


@dataclass(frozen=True)
class Complaint:
    """A warning (W), an error (E), a fatal error (F), or a line for the user (U)."""

    severity: str
    text: str


Event = Step | Rate | TestStart | Output | Snapshot | Batch | Complaint


def parse_line(line: str) -> Event | None:
    """Returns what a line of the log says, None if nothing of interest."""
    line = line.rstrip("\r\n")
    match = _LINE.match(line)
    if not match:
        if line.startswith("error: "):  # our caffe command's own
            return Complaint("U", line.removeprefix("error: "))
        if lost := _LOST_RANK.match(line):
            return Complaint("U", f"rank {lost[1]} ({lost[2]}) ended by {lost[3]}")
        return None
    severity, _, _, text = match.groups()
    if severity != "I":
        return Complaint(severity, text)
    if found := _OUTPUT.match(text):
        return Output(found[1].lower(), found[2], float(found[3]))
    if found := _STEP.match(text):
        return Step(int(found[1]), float(found[3]), _float(found[2]))
    if found := _RATE.match(text):
        return Rate(int(found[1]), float(found[2]))
    if found := _TEST.match(text):
        return TestStart(int(found[1]), int(found[2]))
    if text.startswith("global batch "):
        return Batch(text)
    if found := _SNAPSHOT.match(text):
        return Snapshot(found[1])
    return None


def _float(text: str | None) -> float | None:
    return None if text is None else float(text)
