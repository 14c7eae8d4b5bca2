"""One command on the miniature of UCF101: killed, resumed, run again, changed."""

import fcntl
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from runs import STREAMS, command, run, times
from two_stream.locate import python_environment

pytestmark = pytest.mark.usefixtures("caffe_binary")


def state(root: Path) -> dict:
    return json.loads((root / "reproduce-small" / "reproduce.json").read_text())


def test_a_killed_run_goes_on_from_its_snapshot(videos, killed_and_resumed):
    before, done = killed_and_resumed
    out = videos / "reproduce-small" / "split1"
    assert "spatial training: done before" in done.stderr
    assert "temporal training (goes on)" in done.stderr
    log = (out / "temporal_small.log").read_text()
    first, second = log.split("Starting Optimization")[1:]
    assert "Iteration 0 (" in first and "Optimization Done" not in first
    begun = int(re.search(r"Iteration (\d+) \(", second)[1])
    assert begun in (4, 8, 12, 16, 20) and "Optimization Done" in second
    rows = (out / "temporal_small_curves.csv").read_text().splitlines()
    losses = [row.split(",")[0] for row in rows if "smoothed_loss" in row]
    assert losses == [str(iteration) for iteration in range(25)]
    after = times(videos)
    kept = [p for p in before if "temporal" not in p.name and p.suffix != ".json"]
    assert len([p for p in kept if p.suffix == ".jpg"]) == 18 * (9 + 2 * 8)
    assert out / "spatial_small_iter_12.caffemodel" in kept
    assert all(after[path] == before[path] for path in kept)
    # Only the final weights stay.
    assert {path.name for path in out.glob("*.caffemodel")} == {
        "spatial_small_iter_12.caffemodel",
        "temporal_small_iter_24.caffemodel",
    }
    assert not list(out.glob("*.solverstate"))
    made = json.loads((out / "temporal_small.provenance.json").read_text())
    assert list(made["weights"]) == [
        str(out.parent / "temporal_small_start.caffemodel")
    ]


def test_table_and_report_say_what_the_scores_files_hold(videos, killed_and_resumed):
    _, done = killed_and_resumed
    out = videos / "reproduce-small"
    soft, expected = {}, {}
    for stream in STREAMS:
        file = np.load(out / "split1" / f"{stream}.npz")
        labels, scores = file["labels"], file["scores"].astype(float)
        assert sorted(labels) == [0, 0, 1, 1, 2, 2]
        assert all("_g01_" in name for name in file["ids"])
        expected[stream] = np.mean(scores.argmax(axis=1) == labels)
        powers = np.exp(scores)
        soft[stream] = powers / powers.sum(axis=1, keepdims=True)
    fused = (soft["spatial"] + 2 * soft["temporal"]).argmax(axis=1)
    expected["fused"] = np.mean(fused == labels)  # classes are of one size
    lines = [line.split() for line in done.stdout.splitlines() if line]
    shown = {words[0]: words[1] for words in lines if words[0] in expected}
    assert shown == {name: f"{100 * share:.1f}" for name, share in expected.items()}

    page = (out / "report.html").read_text()
    for share in expected.values():
        assert f'<div class="value">{100 * share:.1f}%<' in page
    # Curves, classes, confusions, the wheel and six clips.
    assert page.count("data:image/png;base64,") == 3 + 1 + 6
    for text in ("UCF101 has 101", "flow by dis", "DriverTiltUp", "centre crop"):
        assert text in page and (text in done.stdout or "101" not in text)


def test_the_temporal_net_starts_from_the_rgb_model(videos, killed_and_resumed):
    report = videos / "reproduce-small" / "temporal_small_start.json"
    value = json.loads(report.read_text())
    assert (value["averaged"], value["channels"]) == ("conv1", [3, 10])
    assert value["copied"] == ["conv2", "conv3", "fc6"]
    assert list(value["fresh"]) == ["fc8-1"]
    steps = state(videos)["steps"]
    start = steps["initialise the temporal net"]["sha256"]["weights"]
    assert steps["split 1: temporal training"]["inputs"]["weights"] == start


def test_again_does_nothing_and_a_change_does_what_follows_from_it(
    videos, rgb_model, killed_and_resumed
):
    before = times(videos)
    again = run(videos, rgb_model)
    assert times(videos) == before
    assert again.stdout == killed_and_resumed[1].stdout

    changed = run(videos, rgb_model, samples=3)
    assert "spatial test (again: samples changed)" in changed.stderr
    after = times(videos)
    written = {path.name for path in after if after[path] != before.get(path)}
    scores = {"spatial.npz", "temporal.npz", "fused.npz", "fused.json"}
    assert written == scores | {"reproduce.json", "report.html"}


@pytest.mark.parametrize(
    "words, said",
    [
        (["--crops", "3"], "3 crops: choose one of 1, 2, 5, 10"),
        (["--bound", "-1"], "the flow bound must be positive"),
        (["--workers", "3"], "3 ranks do not divide the 32 samples"),
        (["--batch", "5"], "5 does not divide the recipe's 32"),
        (["--set", "bogus=1"], "a solver has no field 'bogus'"),
        (["--set", "temporal.max_iter=x"], "'x' is no value of max_iter"),
        (["--set", "snapshot_format=HDF5"], "snapshot_format is reproduce's own"),
        (["--set", "spatial.net=x"], "net is reproduce's own"),
        (["--gpu", "0"], "--gpu 0: "),
        (
            ["--net", "clarifai"],
            "clarifai_train_val.prototxt: layer conv1 is 32 x 3 x 5",
        ),
        (["--weights", __file__], "not a .caffemodel, or cut short"),
    ],
)
def test_what_would_fail_later_is_said_at_once(
    videos, rgb_model, tmp_path, words, said
):
    out = tmp_path / "out"
    arguments = [*command(videos, rgb_model, out=out, data=tmp_path / "data"), *words]
    environment = python_environment() | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("two-stream: error: ") and said in line
    assert not list(tmp_path.iterdir())


def test_two_runs_in_one_folder_are_refused(videos, rgb_model, killed_and_resumed):
    with open(videos / "reproduce-small" / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            command(videos, rgb_model),
            capture_output=True,
            text=True,
            env=python_environment(),
        )
    assert done.returncode == 1
    assert "another `two-stream reproduce` is at work here" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("two-stream: error: ")
