"""Reading logs: each kind of line, both date formats, ranks; curves from logs."""

import math

import pytest
from two_stream.console import TRAINING_ACCURACY
from two_stream.training import curves, log


def line(text, severity="I", date="20231123", prefix="", file="solver.cpp:239"):
    return f"{prefix}{severity}{date} 08:00:00.123456   123 {file}] {text}\n"


@pytest.mark.parametrize("date", ["1123", "20231123"])
@pytest.mark.parametrize("prefix", ["", "[1,0]<stderr>: "])
def test_lines_of_all_kinds(date, prefix):
    def read(text, severity="I"):
        return log.parse_line(line(text, severity, date, prefix))

    assert read("Iteration 20 (3.1 iter/s, 6.4s/20 iters), loss = 2.1") == log.Step(
        20, 2.1, 3.1
    )
    assert read("Iteration 60, loss = 1e-05") == log.Step(60, 1e-05, None)
    assert math.isnan(read("Iteration 60, loss = -nan").loss)
    assert read("Iteration 0 (-nan iter/s, 0s/5 iters), loss = 1").loss == 1
    assert read("Iteration 20, lr = 0.01") == log.Rate(20, 0.01)
    assert read("Iteration 40, Testing net (#1)") == log.TestStart(40, 1)
    text = "    Train net output #0: loss = 2.1 (* 1 = 2.1 loss)"
    assert read(text) == log.Output("train", "loss", 2.1)
    text = "    Test net output #0: accuracy_centre_crop = 0.25"
    assert read(text) == log.Output("test", "accuracy_centre_crop", 0.25)
    text = "Snapshotting to binary proto file a b_iter_5.caffemodel"
    assert read(text) == log.Snapshot("a b_iter_5.caffemodel")
    assert read("Check failed: x", "F") == log.Complaint("F", "Check failed: x")
    assert read("careful", "W") == log.Complaint("W", "careful")
    assert read("Optimization Done.") is None


def test_other_lines():
    assert log.parse_line("error: a.prototxt:3: no\n") == log.Complaint(
        "U", "a.prototxt:3: no"
    )
    for text in ("", "  name: 'conv1'", "Iteration 20, lr = 0.01", "I1123 broken"):
        assert log.parse_line(text) is None


def test_curves_keep_iterations_phases_and_notes():
    found = curves.read_log(
        line(text)
        for text in (
            "Iteration 0, Testing net (#0)",
            "    Test net output #0: accuracy = 0.5",
            "Iteration 0, Testing net (#1)",
            "    Test net output #0: accuracy = 0.75",
            "Iteration 0 (1 iter/s, 1s/5 iters), loss = 3",
            "    Train net output #0: loss = 4 (* 1 = 4 loss)",
            "Iteration 0, lr = 0.1",
            "Iteration 5 (1 iter/s, 1s/5 iters), loss = 2",
            "    Train net output #0: loss = 1 (* 1 = 1 loss)",
            "    Train net output #1: accuracy = 1",
        )
    )
    assert found.series("train", "smoothed_loss") == ([0, 5], [3, 2])
    assert found.series("train", "loss") == ([0, 5], [4, 1])
    assert found.series("train", "learning_rate") == ([0], [0.1])
    assert found.series("test", "accuracy") == ([0], [0.5])
    assert found.series("test", "accuracy (net 1)") == ([0], [0.75])
    noted = {(p.phase, p.quantity) for p in found.points if p.note}
    assert noted == {("test", "accuracy"), ("test", "accuracy (net 1)")}
    found.drop_after(5)
    assert found.series("train", "loss") == ([0], [4])


def test_csv_round_trip_and_png(tmp_path):
    made = curves.Curves(
        [
            curves.Point(0, "train", "loss", 0.1 + 0.2),
            curves.Point(0, "train", "learning_rate", 1e-3),
            curves.Point(0, "test", "accuracy", 1 / 3),
        ]
    )
    curves.write_csv(tmp_path / "c.csv", made)
    assert curves.read_csv(tmp_path / "c.csv").points == made.points
    assert TRAINING_ACCURACY in (tmp_path / "c.csv").read_text().splitlines()[3]
    curves.write_png(tmp_path / "c.png", made, "title")
    assert (tmp_path / "c.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.csv", "c.png"]
