"""Scores of videos: what ``evaluate`` writes and ``fuse`` reads.

A scores file is a NumPy archive (.npz) of

* ``ids``: V video identifiers,
* ``labels``: V true labels,
* ``scores``: V x C, float32: the last layer before softmax, averaged over views,
* ``classes``: C class names,
* ``provenance``: JSON: net, weights' hash, list, protocol, how the data was made
  that was tested, and that which the net was trained on.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from two_stream.errors import UserError
from two_stream.files import atomic_path

FORMAT = 1


@dataclass(frozen=True)
class Scores:
    """Scores of V videos over C classes."""

    ids: list[str]
    labels: np.ndarray
    scores: np.ndarray
    classes: list[str]
    provenance: dict[str, Any] = field(default_factory=dict)
    name: str = "scores"

    def __post_init__(self):
        videos, classes = len(self.ids), len(self.classes)
        if self.scores.shape != (videos, classes) or self.labels.shape != (videos,):
            raise UserError(
                f"{self.name}: {videos} videos and {classes} classes, but scores of "
                f"shape {self.scores.shape} and {self.labels.size} labels"
            )
        if not np.issubdtype(self.labels.dtype, np.integer):
            raise UserError(f"{self.name}: labels are not whole numbers")
        if len(set(self.ids)) != videos:
            twice = next(i for i in self.ids if self.ids.count(i) > 1)
            raise UserError(f"{self.name}: video {twice} is there twice")
        bad = ~np.isfinite(self.scores).all(axis=1)
        if bad.any():
            raise UserError(
                f"{self.name}: the scores of {self.ids[int(bad.argmax())]} are not "
                "finite; the net has diverged"
            )
        if videos and not 0 <= self.labels.min() <= self.labels.max() < classes:
            raise UserError(f"{self.name}: a label is outside the {classes} classes")


def save_scores(path: str | Path, scores: Scores) -> None:
    """Writes a scores file, whole or not at all."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file,
            format=np.int64(FORMAT),
            ids=np.array(scores.ids, np.str_),
            labels=scores.labels.astype(np.int64),
            scores=scores.scores.astype(np.float32),
            classes=np.array(scores.classes, np.str_),
            provenance=np.array(json.dumps(scores.provenance)),
        )


def load_scores(path: str | Path) -> Scores:
    """Reads a scores file; raises UserError if it is none."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if int(archive["format"]) != FORMAT:
                raise UserError(
                    f"{path}: scores of format {int(archive['format'])}, this "
                    f"version reads {FORMAT}; evaluate again"
                )
            return Scores(
                ids=archive["ids"].tolist(),
                labels=archive["labels"],
                scores=archive["scores"],
                classes=archive["classes"].tolist(),
                provenance=json.loads(str(archive["provenance"])),
                name=str(path),
            )
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path}: cannot read scores ({reason})") from None
    except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: not a scores file of `two-stream evaluate` ({error})"
        ) from None
