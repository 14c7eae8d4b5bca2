"""What the runs of all splits found, read back from their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from two_stream_prep.files import read_json

from two_stream import fusion
from two_stream.data.lists import Video, read_list, video_ids
from two_stream.data.provenance import differences, read_model_provenance
from two_stream.reproduce import paper
from two_stream.reproduce.settings import MODALITY, STREAMS, ReproduceSettings
from two_stream.reproduce.state import State
from two_stream.scores import Scores, load_scores
from two_stream.training.curves import Curves, read_csv

ROWS = (*STREAMS, "fused")
# The step that these results are for.
REPORT = "report"


@dataclass(frozen=True)
class SplitResult:
    """One split; ``scores`` has V x C of each of ROWS, videos in one order."""

    number: int
    streams: dict[str, Scores]
    scores: dict[str, np.ndarray]
    curves: dict[str, Curves]
    sweep: list[dict[str, float]]
    videos: list[Video]
    """Of the spatial test list, in the order of the scores."""
    warnings: list[str]

    @property
    def labels(self) -> np.ndarray:
        return self.streams["spatial"].labels

    def accuracy(self, row: str) -> fusion.Accuracy:
        """Returns the accuracy of a stream or of the fusion."""
        return fusion.accuracy(self.scores[row], self.labels)


@dataclass(frozen=True)
class Results:
    """All splits, and what must be known to judge them."""

    settings: ReproduceSettings
    splits: list[SplitResult]
    departures: list[str]
    seconds: dict[str, float]

    @property
    def classes(self) -> list[str]:
        return self.splits[0].streams["spatial"].classes

    @property
    def warnings(self) -> list[str]:
        return [text for split in self.splits for text in split.warnings]

    def columns(self) -> list[int | None]:
        """Returns the numbers of the splits; None is the mean of several."""
        numbers: list[int | None] = [split.number for split in self.splits]
        return numbers + [None] if numbers[1:] else numbers

    def mean_class(self, row: str, column: int | None) -> float:
        """Returns the paper's measure of a split, or its mean over the splits."""
        found = [
            split.accuracy(row).mean_class
            for split in self.splits
            if column in (None, split.number)
        ]
        return float(np.mean(found))

    def paper(self, row: str, column: int | None) -> float | None:
        """Returns the paper's figure beside ``mean_class``; its mean is of 1 to 3."""
        numbers = {split.number for split in self.splits}
        if column is None and numbers != {1, 2, 3}:
            return None
        s = self.settings
        return paper.figure(s.dataset, s.net, column, ROWS.index(row))

    def has_paper(self) -> bool:
        """Tells whether the paper has any figure for this table."""
        return any(self.paper(row, c) for row in ROWS for c in self.columns())

    def per_class(self, row: str) -> list[float]:
        """Returns each class's accuracy, averaged over the splits that test it."""
        shares = [split.accuracy(row).per_class for split in self.splits]
        return [
            float(np.mean([share for share in of_class if share is not None] or [0.0]))
            for of_class in zip(*shares, strict=True)
        ]

    def confusion(self, row: str) -> np.ndarray:
        """Returns counts, true x predicted class, summed over the splits."""
        return sum(fusion.confusion(sp.scores[row], sp.labels) for sp in self.splits)


def collect(s: ReproduceSettings, state: State) -> Results:
    """Reads what the steps have left; raises UserError if it is damaged."""
    splits = [_split(s, number) for number in s.splits]
    found = paper.departures(s, len(splits[0].streams["spatial"].classes))
    steps = state.done.items()
    seconds = {name: done["seconds"] for name, done in steps if name != REPORT}
    return Results(s, splits, found, seconds)


def _split(s: ReproduceSettings, number: int) -> SplitResult:
    loaded = [load_scores(s.scores_file(number, stream)) for stream in STREAMS]
    streams = dict(zip(STREAMS, fusion.align(loaded), strict=True))
    scores = {stream: streams[stream].scores for stream in STREAMS}
    scores["fused"] = fusion.fuse(list(streams.values()), s.fusion)
    folder = s.split_folder(number)
    test_list = s.list_file("test", number, "spatial")
    videos = read_list(test_list)
    by_id = dict(zip(video_ids(videos, test_list), videos, strict=True))
    return SplitResult(
        number=number,
        streams=streams,
        scores=scores,
        curves={
            stream: read_csv(folder / f"{stream}_{s.net}_curves.csv")
            for stream in STREAMS
        },
        sweep=read_json(folder / "fused.json")["sweep"],
        videos=[by_id[name] for name in streams["spatial"].ids],
        warnings=[
            text for stream in STREAMS for text in _warnings(number, streams[stream])
        ],
    )


def _warnings(number: int, scores: Scores) -> list[str]:
    """Returns how a model's data and its test's differ, both sides named."""
    tested = scores.provenance
    trained = (read_model_provenance(tested["weights"]) or {}).get("data")
    modality = tested["sampling"]["modality"]
    stream = next(name for name, value in MODALITY.items() if value == modality)
    texts = differences(trained, tested["data"], modality)
    return [f"split {number}, {stream}: {text}" for text in texts]


def table(results: Results) -> tuple[list[str], list[list[str]]]:
    """Returns the header and rows of the accuracy table, in per cent."""
    columns = results.columns()
    header = ["mean class accuracy, %"]
    header += ["mean" if c is None else f"split {c}" for c in columns]
    rows = []
    for row in ROWS:
        ours = [100 * results.mean_class(row, c) for c in columns]
        rows.append([row, *(f"{value:.1f}" for value in ours)])
        theirs = [results.paper(row, c) for c in columns]
        if results.has_paper():
            shown = ["-" if v is None else f"{100 * v:.1f}" for v in theirs]
            rows.append(["  the paper's", *shown])
    return header, rows


def as_text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table for the terminal."""
    width = max(len(row[0]) for row in (header, *rows))
    lines = [
        row[0].ljust(width) + "".join(f"{cell:>9}" for cell in row[1:])
        for row in (header, *rows)
    ]
    return "\n".join(lines)
