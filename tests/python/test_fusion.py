"""Fusion, accuracy and scores files."""

import json

import numpy as np
import pytest
from scipy.special import softmax as reference_softmax
from two_stream import cli, fusion
from two_stream.errors import UserError
from two_stream.scores import Scores, load_scores, save_scores


def random_scores(seed, videos=40, classes=7, name="a", labels=None, spread=5.0):
    random = np.random.default_rng(seed)
    if labels is None:
        labels = random.integers(0, classes - 1, videos)  # one class has no video
    return Scores(
        ids=[f"v{i}" for i in range(videos)],
        labels=labels,
        scores=random.normal(0, spread, (videos, classes)).astype(np.float32),
        classes=[f"class {i}" for i in range(classes)],
        provenance={"net": name},
        name=name,
    )


def test_softmax_equals_scipy_and_survives_large_scores():
    scores = np.random.default_rng(0).normal(0, 300, (50, 9))
    np.testing.assert_allclose(
        fusion.softmax(scores), reference_softmax(scores, axis=1), rtol=1e-12
    )


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_equals_a_slow_count(seed):
    scores = random_scores(seed)
    values = np.round(scores.scores)  # ties
    found = fusion.accuracy(values, scores.labels)
    top1 = top5 = 0
    by_class = {}
    for row, label in zip(values, scores.labels, strict=True):
        order = sorted(range(len(row)), key=lambda c: (-row[c], c))
        top1 += order[0] == label
        top5 += label in order[:5]
        by_class.setdefault(int(label), []).append(order[0] == label)
    assert found.top1 == pytest.approx(top1 / 40)
    assert found.top5 == pytest.approx(top5 / 40)
    means = {label: float(np.mean(hits)) for label, hits in by_class.items()}
    assert found.mean_class == pytest.approx(np.mean(list(means.values())))
    assert found.per_class == [means.get(c) for c in range(7)]
    assert found.per_class[6] is None
    matrix = fusion.confusion(values, scores.labels)
    assert matrix.sum() == 40 and matrix.trace() == top1


def test_fusion_is_the_weighted_average_of_softmax_in_any_order_of_videos():
    a = random_scores(1)
    b = random_scores(2, name="b", labels=a.labels)
    order = np.random.default_rng(3).permutation(40)
    shuffled = Scores(
        [b.ids[i] for i in order], b.labels[order], b.scores[order], b.classes, {}, "b"
    )
    found = fusion.fuse([a, shuffled], (1, 2))
    expected = (
        reference_softmax(a.scores.astype(float), axis=1)
        + 2 * reference_softmax(b.scores.astype(float), axis=1)
    ) / 3
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for ratio, point in fusion.sweep(a, shuffled, (0.0, 2.0)):
        fused = fusion.fuse([a, b], (1, ratio))
        assert point == fusion.accuracy(fused, a.labels)


def changed(base, **changes):
    fields = {
        "ids": base.ids,
        "labels": base.labels,
        "scores": base.scores,
        "classes": base.classes,
        "name": "b",
    }
    return Scores(**(fields | changes))


def test_streams_that_differ_are_refused_by_the_first_difference():
    a = random_scores(1)
    ids = list(a.ids)
    ids[3] = "other"
    with pytest.raises(UserError, match="video v3 is in a, not in b"):
        fusion.align([a, changed(a, ids=ids)])
    more = changed(
        a,
        ids=a.ids + ["extra"],
        labels=np.append(a.labels, 0),
        scores=np.vstack([a.scores, a.scores[:1]]),
    )
    with pytest.raises(UserError, match="video extra is in b, not in a"):
        fusion.align([a, more])
    labels = a.labels.copy()
    labels[5] = (labels[5] + 1) % 6
    with pytest.raises(
        UserError, match=f"video v5 has label {a.labels[5]} in a, {labels[5]} in b"
    ):
        fusion.align([a, changed(a, labels=labels)])
    classes = list(a.classes)
    classes[2] = "x"
    with pytest.raises(UserError, match="class 2 is 'class 2' in a, 'x' in b"):
        fusion.align([a, changed(a, classes=classes)])
    with pytest.raises(UserError, match="a has 7 classes, b has 5"):
        fusion.align([a, random_scores(1, classes=5, name="b")])


def test_impossible_scores_and_weights_are_refused():
    a = random_scores(1)
    bad = a.scores.copy()
    bad[7, 2] = np.nan
    with pytest.raises(UserError, match="v7 are not finite"):
        changed(a, scores=bad)
    with pytest.raises(UserError, match="outside the 7 classes"):
        changed(a, labels=np.full(40, 7))
    with pytest.raises(UserError, match="video v0 is there twice"):
        changed(a, ids=["v0"] * 40)
    for weights in ((1, -1), (0, 0), (1, float("nan"))):
        with pytest.raises(UserError, match="weights"):
            fusion.fuse([a, a], weights)


def test_scores_file_round_trip_and_refusals(tmp_path):
    a = random_scores(4)
    save_scores(tmp_path / "a.npz", a)
    read = load_scores(tmp_path / "a.npz")
    assert read.ids == a.ids and read.classes == a.classes
    assert read.provenance == a.provenance
    np.testing.assert_array_equal(read.scores, a.scores)
    np.testing.assert_array_equal(read.labels, a.labels)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    with pytest.raises(UserError, match="No such file"):
        load_scores(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(UserError, match="not a scores file"):
        load_scores(tmp_path / "text.npz")
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a scores file"):
        load_scores(tmp_path / "half.npz")


def test_fuse_command(tmp_path, capsys):
    a = random_scores(1)
    b = random_scores(2, labels=a.labels)
    files = [str(tmp_path / "a.npz"), str(tmp_path / "b.npz")]
    for path, scores in zip(files, (a, b), strict=True):
        save_scores(path, scores)
    report, fused = tmp_path / "report.json", tmp_path / "fused.npz"
    arguments = ["fuse", *files, "--sweep", "--json", str(report), "--out", str(fused)]
    assert cli.main(arguments) == 0
    value = json.loads(report.read_text())
    probabilities = fusion.fuse([a, b], (1, 2))
    expected = fusion.accuracy(probabilities, a.labels)
    assert value["fused"]["mean_class"] == expected.mean_class
    assert value["weights"] == [1, 2] and value["videos"] == 40
    two = next(row for row in value["sweep"] if row["ratio"] == 2)
    assert two["top1"] == expected.top1
    assert f"{expected.top1:.2%}" in capsys.readouterr().out
    again = fusion.softmax(load_scores(fused).scores)
    np.testing.assert_allclose(again, probabilities, atol=1e-6)


def test_fuse_command_refuses(tmp_path, capsys):
    save_scores(tmp_path / "a.npz", random_scores(1))
    save_scores(tmp_path / "b.npz", random_scores(1, videos=39))
    files = [str(tmp_path / "a.npz"), str(tmp_path / "b.npz")]
    assert cli.main(["fuse", *files]) == 1
    assert "video v39 is in" in capsys.readouterr().err
    assert cli.main(["fuse", *files, "--weights", "1"]) == 1
    assert "--weights: 1 for 2 files" in capsys.readouterr().err
    assert cli.main(["fuse", files[0], "--sweep"]) == 1
    assert "--sweep needs two files" in capsys.readouterr().err
