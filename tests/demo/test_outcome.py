"""report.json's figures against ones computed here from the scores."""

import json

import numpy as np
import pytest
from two_stream.demo.outcome import Outcome
from two_stream.demo.settings import DemoSettings
from two_stream.errors import UserError
from two_stream.scores import Scores

CLASSES = [f"class {i}" for i in range(5)]


def random_scores(seed: int, order=None) -> Scores:
    random = np.random.default_rng(seed)
    order = np.arange(40) if order is None else order
    labels = np.arange(40) % 5
    values = random.normal(size=(40, 5)) + np.eye(5)[labels]
    return Scores([f"v{i}" for i in order], labels[order], values[order], CLASSES)


def softmax(row):
    powers = [np.exp(value) for value in row]
    return np.array(powers) / sum(powers)


def test_summary_has_the_accuracies_of_the_streams_and_their_fusion():
    spatial, temporal = random_scores(1), random_scores(2)
    shuffled = random_scores(2, np.random.default_rng(0).permutation(40))
    outcome = Outcome.of(DemoSettings(), spatial, shuffled, {}, {"stage": 1.26})

    summary = outcome.summary()

    hits = {"spatial": 0, "temporal": 0, "two_stream": 0}
    for a, b, label in zip(
        spatial.scores, temporal.scores, spatial.labels, strict=True
    ):
        hits["spatial"] += np.argmax(a) == label
        hits["temporal"] += np.argmax(b) == label
        hits["two_stream"] += np.argmax(softmax(a) + 2 * softmax(b)) == label
    for name, count in hits.items():
        assert summary[name] == pytest.approx(count / 40)
    single = max(summary["spatial"], summary["temporal"])
    assert summary["margin"] == pytest.approx(summary["two_stream"] - single)
    assert summary["classes"] == 5 and summary["test_clips"] == 40
    assert json.loads(json.dumps(summary)) == summary


def test_confusions_count_true_by_predicted():
    spatial, temporal = random_scores(3), random_scores(4)
    outcome = Outcome.of(DemoSettings(), spatial, temporal, {}, {})
    found = outcome.confusions()["spatial"]
    for true in range(5):
        for predicted in range(5):
            chosen = spatial.scores[spatial.labels == true]
            assert found[true, predicted] == (chosen.argmax(1) == predicted).sum()


def test_streams_of_other_videos_are_refused():
    spatial, temporal = random_scores(1), random_scores(2)
    ids = ["other", *temporal.ids[1:]]
    other = Scores(ids, temporal.labels, temporal.scores, CLASSES)
    with pytest.raises(UserError, match="video v0"):
        Outcome.of(DemoSettings(), spatial, other, {}, {})
