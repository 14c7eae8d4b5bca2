"""Late fusion of streams and its accuracy (sections 3 and 4.1).

Each stream's scores go through softmax; the weighted average decides. The
paper's weights are spatial 1, temporal 2. Its figure is the mean of the classes'
accuracies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from two_stream.errors import UserError
from two_stream.scores import Scores

PAPER_WEIGHTS = (1.0, 2.0)


@dataclass(frozen=True)
class Accuracy:
    """Accuracies in [0, 1]; ``per_class`` has None for a class without videos."""

    top1: float
    top5: float
    mean_class: float
    per_class: list[float | None]

    def as_dict(self) -> dict[str, float]:
        """Returns the three figures."""
        return {"top1": self.top1, "top5": self.top5, "mean_class": self.mean_class}


def softmax(scores: np.ndarray) -> np.ndarray:
    """Returns the softmax of each row, in double precision."""
    shifted = np.asarray(scores, np.float64)
    exponentials = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def ranks(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the place of each row's true label, 0 for the best.

    Among equal scores the lower label is better, as ``argmax`` has it.
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    before = np.arange(scores.shape[1]) < labels[:, None]
    return ((scores > own) | ((scores == own) & before)).sum(axis=1)


def accuracy(scores: np.ndarray, labels: np.ndarray) -> Accuracy:
    """Returns top-1, top-5 and mean-class accuracy of V x C scores."""
    if not len(labels):
        raise UserError("no videos to take the accuracy of")
    place = ranks(scores, labels)
    correct = place == 0
    totals = np.bincount(labels, minlength=scores.shape[1])
    hits = np.bincount(labels[correct], minlength=scores.shape[1])
    per_class = [
        float(hit / total) if total else None
        for hit, total in zip(hits, totals, strict=True)
    ]
    return Accuracy(
        top1=float(correct.mean()),
        top5=float((place < 5).mean()),
        mean_class=float(np.mean([a for a in per_class if a is not None])),
        per_class=per_class,
    )


def confusion(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns counts, true label x predicted label."""
    matrix = np.zeros((scores.shape[1],) * 2, np.int64)
    np.add.at(matrix, (labels, scores.argmax(axis=1)), 1)
    return matrix


def align(streams: Sequence[Scores]) -> list[Scores]:
    """Returns the streams with their videos in the first one's order.

    Raises UserError naming the first difference in classes, videos or labels.
    """
    first = streams[0]
    aligned = [first]
    for other in streams[1:]:
        _same_classes(first, other)
        row = {name: i for i, name in enumerate(other.ids)}
        for name in first.ids:
            if name not in row:
                raise UserError(f"video {name} is in {first.name}, not in {other.name}")
        known = set(first.ids)
        for name in other.ids:
            if name not in known:
                raise UserError(f"video {name} is in {other.name}, not in {first.name}")
        order = [row[name] for name in first.ids]
        labels = other.labels[order]
        differs = labels != first.labels
        if differs.any():
            at = int(differs.argmax())
            raise UserError(
                f"video {first.ids[at]} has label {first.labels[at]} in {first.name}, "
                f"{labels[at]} in {other.name}"
            )
        aligned.append(
            Scores(
                first.ids,
                labels,
                other.scores[order],
                other.classes,
                other.provenance,
                other.name,
            )
        )
    return aligned


def _same_classes(first: Scores, other: Scores) -> None:
    if len(first.classes) != len(other.classes):
        raise UserError(
            f"{first.name} has {len(first.classes)} classes, {other.name} has "
            f"{len(other.classes)}"
        )
    for label, (a, b) in enumerate(zip(first.classes, other.classes, strict=True)):
        if a != b:
            raise UserError(
                f"class {label} is '{a}' in {first.name}, '{b}' in {other.name}"
            )


def fuse(streams: Sequence[Scores], weights: Sequence[float]) -> np.ndarray:
    """Returns the weighted average of the streams' softmax, V x C.

    Raises UserError for streams that differ (see align) or impossible weights.
    """
    if len(weights) != len(streams):
        raise UserError(f"{len(weights)} weights for {len(streams)} scores files")
    if not all(np.isfinite(w) and w >= 0 for w in weights) or sum(weights) <= 0:
        raise UserError(f"weights {list(weights)}: give numbers >= 0, not all 0")
    total = sum(weights)
    return sum(
        weight / total * softmax(stream.scores)
        for weight, stream in zip(weights, align(streams), strict=True)
    )


def sweep(
    spatial: Scores, temporal: Scores, ratios: Sequence[float]
) -> list[tuple[float, Accuracy]]:
    """Returns the accuracy for spatial 1 : temporal r, for each ratio r."""
    spatial, temporal = align([spatial, temporal])
    s, t = softmax(spatial.scores), softmax(temporal.scores)
    return [(r, accuracy((s + r * t) / (1 + r), spatial.labels)) for r in ratios]
