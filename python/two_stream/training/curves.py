"""Curves of a training: collected from its log, written as CSV and PNG."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from two_stream.console import TRAINING_ACCURACY
from two_stream.files import atomic_path, write_text
from two_stream.training.log import Event, Output, Rate, Step, TestStart, parse_line

COLUMNS = ("iteration", "phase", "quantity", "value", "note")


@dataclass(frozen=True)
class Point:
    """A value at an iteration; ``phase`` is train or test."""

    iteration: int
    phase: str
    quantity: str
    value: float

    @property
    def note(self) -> str:
        """Returns what must be said wherever the value is shown."""
        accuracy = "accuracy" in self.quantity.lower()
        return TRAINING_ACCURACY if accuracy and self.phase == "test" else ""


@dataclass
class Curves:
    """All values that a log has, in its order."""

    points: list[Point] = field(default_factory=list)
    _step: int = 0
    _test: tuple[int, int] = (0, 0)

    def add(self, event: Event | None) -> Point | None:
        """Takes an event; returns the point it makes, if it makes one."""
        point = self._point(event)
        if point:
            self.points.append(point)
        return point

    def _point(self, event: Event | None) -> Point | None:
        if isinstance(event, Step):
            self._step = event.iteration
            return Point(event.iteration, "train", "smoothed_loss", event.loss)
        if isinstance(event, Rate):
            return Point(event.iteration, "train", "learning_rate", event.rate)
        if isinstance(event, TestStart):
            self._test = (event.iteration, event.net)
        if isinstance(event, Output):
            if event.phase == "train":
                return Point(self._step, "train", event.name, event.value)
            iteration, net = self._test
            name = event.name if net == 0 else f"{event.name} (net {net})"
            return Point(iteration, "test", name, event.value)
        return None

    def drop_after(self, iteration: int) -> None:
        """Forgets what a run that is resumed at an iteration will do again."""
        self.points = [p for p in self.points if p.iteration < iteration]

    def series(self, phase: str, quantity: str) -> tuple[list[int], list[float]]:
        """Returns the iterations and values of a curve."""
        chosen = [p for p in self.points if (p.phase, p.quantity) == (phase, quantity)]
        return [p.iteration for p in chosen], [p.value for p in chosen]

    def names(self) -> list[tuple[str, str]]:
        """Returns (phase, quantity) of each curve."""
        return list(dict.fromkeys((p.phase, p.quantity) for p in self.points))


def read_log(lines: Iterable[str]) -> Curves:
    """Returns the curves of a whole log."""
    curves = Curves()
    for line in lines:
        curves.add(parse_line(line))
    return curves


def write_csv(path: str | Path, curves: Curves) -> None:
    """Writes a row a value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for p in curves.points:
        writer.writerow([p.iteration, p.phase, p.quantity, repr(p.value), p.note])
    write_text(path, text.getvalue())


def read_csv(path: str | Path) -> Curves:
    """Reads what ``write_csv`` wrote."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return Curves(
            [
                Point(int(r["iteration"]), r["phase"], r["quantity"], float(r["value"]))
                for r in rows
            ]
        )


def write_png(path: str | Path, curves: Curves, title: str) -> None:
    """Draws losses above, accuracy and learning rate below."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 7), sharex=True)
    rates = below.twinx()
    noted = False
    for phase, quantity in curves.names():
        x, y = curves.series(phase, quantity)
        label = f"{phase} {quantity.replace('_', ' ')}"
        if quantity == "learning_rate":
            rates.plot(x, y, color="0.6", linewidth=1, drawstyle="steps-post")
        elif "accuracy" in quantity.lower():
            noted |= phase == "test"
            below.plot(x, y, marker="o", markersize=3, label=label)
        else:
            style = {"marker": "o", "markersize": 3} if phase == "test" else {}
            above.plot(x, y, label=label, **style)
    above.set(title=title, ylabel="loss")
    below.set(xlabel="iteration", ylabel="accuracy", ylim=(0, 1))
    rates.set_ylabel("learning rate (grey)")
    if curves.series("train", "learning_rate")[0]:
        rates.set_yscale("log")
    for axes in (above, below):
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="best", fontsize=8)
    if noted:
        below.set_title(f"test accuracy: {TRAINING_ACCURACY}", fontsize=9)
    figure.tight_layout()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)
