"""What the demo found: scores of both streams and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from two_stream.demo.settings import DemoSettings
from two_stream.fusion import accuracy, align, confusion, fuse
from two_stream.scores import Scores
from two_stream.training.curves import Curves

STREAM_NAMES = {
    "spatial": "Spatial",
    "temporal": "Temporal",
    "two_stream": "Two-stream",
}


@dataclass(frozen=True)
class Outcome:
    """Everything that the report shows."""

    settings: DemoSettings
    scores: dict[str, Scores]
    """Of spatial and temporal; videos in one order."""
    curves: dict[str, Curves]
    seconds: dict[str, float] = field(default_factory=dict)
    """Stage -> how long it took."""

    @classmethod
    def of(cls, settings, spatial, temporal, curves, seconds) -> Outcome:
        """Raises UserError for streams whose videos, labels or classes differ."""
        spatial, temporal = align([spatial, temporal])
        scores = {"spatial": spatial, "temporal": temporal}
        return cls(settings, scores, curves, seconds)

    @property
    def classes(self) -> list[str]:
        return self.scores["spatial"].classes

    @property
    def labels(self) -> np.ndarray:
        return self.scores["spatial"].labels

    def class_scores(self) -> dict[str, np.ndarray]:
        """Videos x classes of each stream and of the fusion, keys of STREAM_NAMES."""
        streams = [self.scores["spatial"], self.scores["temporal"]]
        found = {name: self.scores[name].scores for name in ("spatial", "temporal")}
        return found | {"two_stream": fuse(streams, self.settings.weights)}

    def confusions(self) -> dict[str, np.ndarray]:
        """True class x predicted class."""
        items = self.class_scores().items()
        return {name: confusion(scores, self.labels) for name, scores in items}

    def summary(self) -> dict[str, Any]:
        """What report.json holds; accuracies are top-1, in [0, 1]."""
        items = self.class_scores().items()
        top1 = {name: accuracy(scores, self.labels).top1 for name, scores in items}
        return {
            **top1,
            "margin": top1["two_stream"] - max(top1["spatial"], top1["temporal"]),
            "classes": len(self.classes),
            "test_clips": len(self.labels),
            "train_clips": self.settings.clips.train_clips * len(self.classes),
            "fusion_weights": list(self.settings.weights),
            "seed": self.settings.seed,
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
        }
