"""What a change has done again, and what not; the heavy work is stood in for."""

import dataclasses
import itertools
import zlib
from pathlib import Path

import miniature
import numpy as np
import pytest
from two_stream.locate import load_proto
from two_stream.reproduce.dataset import read_dataset
from two_stream.reproduce.run import do_steps
from two_stream.reproduce.settings import ReproduceSettings
from two_stream.reproduce.state import State
from two_stream.reproduce.steps import Steps
from two_stream.reproduce.training import last_snapshot
from two_stream.scores import Scores, save_scores
from two_stream_prep import layout
from two_stream_prep.files import write_json
from two_stream_prep.manifest import Manifest

COUNT = itertools.count()  # each training ends in other weights


class WatchedState(State):
    """Notes which steps really work: markers of quick steps can be alike."""

    def __init__(self, path):
        super().__init__(path)
        self.worked = set()

    def step(self, name, inputs, work, *rest, **more):
        def watched(begun):
            self.worked.add(name)
            return work(begun)

        return super().step(name, inputs, watched, *rest, **more)


def fake_extract(videos, data_root, settings, **_):
    manifest = Manifest()
    for video in videos:
        size = video.path.stat().st_size
        record = {"source_bytes": size, "frames": 9, "pairs": 8, "library": "OpenCV"}
        manifest.videos[video.name] = {**record, "recipe": settings.recipe()}
        write_json(data_root / video.name / layout.RECORD, record)
    manifest.save(data_root)

    class Report:
        failed = {}

    return Report


def fake_train(s, stream, solver, start, prefix, begun):
    made = {"weights": "_iter_5.caffemodel", "curves": "_curves.csv"}
    paths = {role: prefix.with_name(prefix.name + end) for role, end in made.items()}
    for path in paths.values():
        path.write_text(f"training {next(COUNT)}")
    return paths


def fake_evaluate(wanted):
    weights = zlib.crc32(Path(wanted.weights).read_bytes())
    random = np.random.default_rng([wanted.samples, weights])
    scores = random.normal(size=(6, 3))
    labels = np.repeat(np.arange(3), 2)
    made = Scores([f"v{i}" for i in range(6)], labels, scores, list("abc"))
    save_scores(wanted.out, made)


@pytest.fixture
def done(tmp_path, monkeypatch):
    """Runs all steps with changed settings; returns the names of those done."""
    import two_stream.evaluation.run
    import two_stream.nets.temporal_init
    import two_stream.reproduce.steps
    import two_stream.reproduce.training

    def fake_init(weights, net, out):
        out.write_text(weights.read_text())
        return dataclasses.make_dataclass("Report", [])()

    monkeypatch.setattr(two_stream.reproduce.steps, "extract", fake_extract)
    monkeypatch.setattr(two_stream.reproduce.training, "train_stream", fake_train)
    monkeypatch.setattr(two_stream.evaluation.run, "evaluate", fake_evaluate)
    monkeypatch.setattr(two_stream.nets.temporal_init, "init_temporal_file", fake_init)
    miniature.write_split_files(tmp_path)
    for name in miniature.CLASSES:
        for group in miniature.GROUPS:
            for clip in (1, 2):
                file = f"v_{name}_{group}_c{clip:02d}.avi"
                path = tmp_path / "UCF-101" / name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("a video")
    weights = tmp_path / "rgb.caffemodel"
    weights.write_text("weights")
    plain = ReproduceSettings(
        "ucf101",
        tmp_path,
        tmp_path / "out",
        tmp_path / "data",
        splits=(1,),
        net="small",
        weights=weights,
    )

    def run(**changes):
        s = dataclasses.replace(plain, **changes)
        state = WatchedState(s.state_file)
        do_steps(Steps(s, state, read_dataset(s)))
        return state.worked

    run.root = tmp_path
    return run


SPATIAL = {"split 1: spatial training", "split 1: spatial test"}
TEMPORAL = {"split 1: temporal training", "split 1: temporal test"}
NETS = {"split 1: spatial net", "split 1: temporal net"}
FUSION = {"split 1: fusion"}
EXTRACT = {"extract frames and flow", "split 1: lists"}
START = {"initialise the temporal net"}
ALL = EXTRACT | NETS | START | SPATIAL | TEMPORAL | FUSION


def test_all_once(done):
    assert done() == ALL
    assert done() == set()


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"samples": 5}, {n for n in ALL if n.endswith(" test")} | FUSION),
        ({"fusion": (1.0, 1.0)}, FUSION),
        ({"workers": 4}, NETS),
        ({"batch": 8}, NETS),
        ({"solver": (("temporal", "max_iter=7"),)}, TEMPORAL | FUSION),
        ({"size": (320, 240)}, EXTRACT | SPATIAL | TEMPORAL | FUSION),
        ({"flow": "dis"}, EXTRACT | TEMPORAL | FUSION),
        ({"bound": 15.0}, EXTRACT | TEMPORAL | FUSION),
        ({"weights": None}, SPATIAL | TEMPORAL | FUSION),
        ({"progress": False, "processes": 2, "keep_snapshots": True}, set()),
    ],
)
def test_a_change_does_what_depends_on_it(done, changes, expected):
    done()
    assert done(**changes) == expected
    assert done(**changes) == set()


def test_another_split_adds_its_own_steps(done):
    done()
    found = done(splits=(1, 2))
    assert len(found) == 8 and all(name.startswith("split 2: ") for name in found)
    assert done(splits=(2,)) == set()


def test_another_video_file_is_extracted_and_learned_again(done):
    done()
    name = "BunnyZoomIn/v_BunnyZoomIn_g08_c01"
    (done.root / "UCF-101" / f"{name}.avi").write_text("another video")
    assert done() == EXTRACT | SPATIAL | TEMPORAL | FUSION
    (done.root / "data" / name / layout.RECORD).unlink()
    assert done() == {"extract frames and flow"}


def test_other_weights_start_again(done):
    done()
    (done.root / "rgb.caffemodel").write_text("other weights")
    assert done() == START | SPATIAL | TEMPORAL | FUSION


def write_snapshot(prefix, iteration):
    message = load_proto().SolverState(iter=iteration)
    message.history.add().data.extend([0.5] * 40)
    path = prefix.with_name(f"{prefix.name}_iter_{iteration}.solverstate")
    path.write_bytes(message.SerializeToString())
    net = load_proto().NetParameter()
    net.layer.add(name="fc").blobs.add().data.extend([0.5] * 40)
    path.with_suffix(".caffemodel").write_bytes(net.SerializeToString())
    return path


def test_training_goes_on_from_the_last_snapshot_that_is_whole(tmp_path):
    prefix = tmp_path / "spatial_small"
    assert last_snapshot(prefix) is None
    paths = [write_snapshot(prefix, iteration) for iteration in (900, 1000, 1100, 1200)]
    write_snapshot(tmp_path / "temporal_small", 5000)
    assert last_snapshot(prefix) == paths[3]
    paths[3].write_bytes(paths[3].read_bytes()[:-20])
    assert last_snapshot(prefix) == paths[2]
    weights = paths[2].with_suffix(".caffemodel")
    weights.write_bytes(weights.read_bytes()[:30])
    assert last_snapshot(prefix) == paths[1]
    paths[1].with_suffix(".caffemodel").unlink()
    assert last_snapshot(prefix) == paths[0]
