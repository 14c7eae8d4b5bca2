"""The demo from end to end, reduced: real footage, real caffe, few clips."""

import json
import re

import numpy as np
import pytest
from two_stream.cli import build_parser
from two_stream.demo import stages
from two_stream.demo.cut import CutSettings
from two_stream.demo.run import run_demo
from two_stream.demo.settings import DemoSettings
from two_stream.errors import UserError

pytestmark = pytest.mark.usefixtures("caffe_binary")


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> DemoSettings:
    return DemoSettings(
        out=tmp_path_factory.mktemp("demo"),
        clips=CutSettings(train_clips=6, test_clips=3, width=96, height=72),
        iterations={"spatial": 100, "temporal": 100},
        samples=2,
    )


@pytest.fixture(scope="module")
def outcome(settings):
    return run_demo(settings)


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(scores.argmax(axis=1) == labels))


def test_each_stream_learns_its_half_and_the_fusion_both(outcome, settings):
    # Classes are sorted: four motions of the first scene, of the second, ...
    labels = outcome.labels
    spatial, temporal = (outcome.scores[s].scores for s in ("spatial", "temporal"))
    assert accuracy(spatial.reshape(-1, 4, 4).max(2), labels // 4) > 0.6
    by_motion = temporal.reshape(-1, 4, 4).max(1)
    assert accuracy(by_motion, labels % 4) > 0.6
    summary = outcome.summary()
    assert summary["margin"] > 0.1


def test_reports_say_what_the_scores_files_hold(outcome, settings):
    report = json.loads((settings.out / "report.json").read_text())
    loaded = {
        stream: np.load(settings.scores_file(stream))
        for stream in ("spatial", "temporal")
    }
    labels = loaded["spatial"]["labels"]
    assert report["classes"] == 16 and report["test_clips"] == len(labels) == 48
    soft = {}
    for stream, file in loaded.items():
        assert report[stream] == pytest.approx(accuracy(file["scores"], labels))
        powers = np.exp(file["scores"].astype(float))
        soft[stream] = powers / powers.sum(axis=1, keepdims=True)
    fused = soft["spatial"] + 2 * soft["temporal"]
    assert report["two_stream"] == pytest.approx(accuracy(fused, labels))

    page = (settings.out / "report.html").read_text()
    for name in ("spatial", "temporal", "two_stream"):
        assert f">{100 * report[name]:.1f}%<" in page
    sources = re.findall(r'src="([^"]{30})', page)
    assert len(sources) > 16 + 4 + 2
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_training_lowered_the_loss_and_was_tested(outcome):
    for curves in outcome.curves.values():
        _, losses = curves.series("train", "smoothed_loss")
        assert losses[0] == pytest.approx(np.log(16), abs=0.1)
        assert losses[-1] < losses[0] - 0.3
        assert curves.series("test", "accuracy_centre_crop")[0][-1] == 100


def test_a_second_run_uses_clips_and_data_again(outcome, settings):
    before = {path: path.stat().st_mtime_ns for path in settings.data.rglob("*.jpg")}
    assert len(before) == 16 * 9 * (13 + 12 * 2)
    assert stages.make_clips(settings) == "as they were"
    assert stages.extract_data(settings).startswith("0 clips extracted, 144 as")
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_other_clips_do_not_get_the_old_data(outcome, settings, monkeypatch):
    monkeypatch.setattr(stages, "cut", lambda *_: None)
    other = DemoSettings(
        out=settings.out,
        clips=CutSettings(train_clips=1, test_clips=1, width=96, height=72, seed=5),
    )
    stages.make_clips(other)
    assert not settings.data.exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    precious = tmp_path / "data" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    with pytest.raises(UserError, match="isn't empty and not the demo's"):
        run_demo(DemoSettings(out=tmp_path))
    assert precious.read_text() == "mine"
    with pytest.raises(UserError, match="is a file"):
        run_demo(DemoSettings(out=precious))


def test_command_line():
    def parse(*words):
        args = build_parser().parse_args(["demo", *words])
        return args.module.settings(args)

    assert (str(parse().out), parse().seed) == ("build/demo", 1)
    given = parse("--out", "x/y", "--seed", "7")
    assert (str(given.out), given.seed) == ("x/y", 7)
