"""Evaluation by pycaffe against a slow reference in NumPy."""

import contextlib
import json
import resource
import shutil

import numpy as np
import pytest
from slow_protocol import convolve, slow_scores
from small_data import small_weights, write_footage, write_small_net
from two_stream import cli
from two_stream.data.provenance import write_model_provenance
from two_stream.errors import UserError
from two_stream.evaluation.journal import Journal
from two_stream.evaluation.pool import devices
from two_stream.evaluation.run import evaluate
from two_stream.evaluation.settings import EvaluateSettings
from two_stream.scores import load_scores


def forward(weights):
    """The small net, by SciPy: convolution, ReLU, inner product."""
    fc8, fc8_bias = weights["fc8"]

    def scores(view):
        hidden = np.maximum(convolve(view, *weights["conv1"], stride=3), 0)
        return fc8.astype(float) @ hidden.ravel() + fc8_bias

    return scores


@pytest.mark.parametrize("modality", ["rgb", "flow"])
def test_scores_equal_a_slow_reference(tmp_path, modality):
    # Shorter than a stack, shorter than 25 places, longer than 25 places.
    footage = write_footage(tmp_path / "data", 11, (4, 9, 34), height=34, width=37)
    channels, length = (3, 1) if modality == "rgb" else (10, 5)
    weights = small_weights(tmp_path / "w.caffemodel", channels)
    lists = {"rgb": footage.rgb_list, "flow": footage.flow_list}
    scores = evaluate(
        EvaluateSettings(
            net=str(write_small_net(tmp_path / "net.prototxt", channels)),
            weights=str(tmp_path / "w.caffemodel"),
            list=str(lists[modality]),
            out=str(tmp_path / "scores.npz"),
            batch=40,  # 25 samples do not fill the last batch
            workers=2,
            progress=False,
        )
    )
    mean = np.reshape([104, 117, 123] if modality == "rgb" else [128], (-1, 1, 1))
    assert scores.ids == footage.names and scores.labels.tolist() == footage.labels
    for row, name, frames in zip(
        scores.scores, scores.ids, footage.frames, strict=True
    ):
        on_disk = frames if modality == "rgb" else frames - 1
        folder = footage.root / name
        names = "image_%04d.jpg" if modality == "rgb" else "flow_%c_%04d.jpg"
        expected = slow_scores(
            forward(weights), folder, names, on_disk, modality, length, mean
        )
        np.testing.assert_allclose(row, expected, rtol=1e-3, atol=1e-3)
    read = load_scores(tmp_path / "scores.npz")
    np.testing.assert_array_equal(read.scores, scores.scores)
    assert read.provenance["sampling"]["modality"] == modality
    assert len(read.provenance["weights_sha256"]) == 64
    assert not (tmp_path / "scores.npz.partial").exists()


TRAIN_VAL = """
layer {{ name: "test" type: "VideoData" top: "data" top: "label"
  include {{ phase: TEST }}
  transform_param {{ crop_size: 32 mean_value: 128 }}
  video_data_param {{ source: "{source}" batch_size: 2 new_length: 2 }} }}
{layers}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc8"
  bottom: "label" }}
"""


def commandline(tmp_path, footage, net, *more):
    return [
        "evaluate",
        *("--net", str(net), "--weights", str(tmp_path / "w.caffemodel")),
        *("--list", str(footage.flow_list), "--out", str(tmp_path / "s.npz")),
        *("--quiet", *more),
    ]


def test_train_val_and_deploy_files_say_the_same(tmp_path, footage, capsys):
    deploy = write_small_net(tmp_path / "deploy.prototxt", 4)
    small_weights(tmp_path / "w.caffemodel", 4)
    layers = deploy.read_text().split('top: "data"')[1].split("} }", 1)[1]
    layers = layers.split('layer { name: "prob"')[0].lstrip("}\n ")
    train_val = tmp_path / "train_val.prototxt"
    train_val.write_text(TRAIN_VAL.format(source=footage.flow_list, layers=layers))
    few = ("--samples", "3", "--crops", "2")
    assert cli.main(commandline(tmp_path, footage, deploy, *few)) == 0
    one = load_scores(tmp_path / "s.npz")
    (footage.root / "classes.txt").write_text("a\nb\nc\n")
    assert cli.main(commandline(tmp_path, footage, train_val, *few)) == 0
    other = load_scores(tmp_path / "s.npz")
    np.testing.assert_array_equal(one.scores, other.scores)
    segments = train_val.read_text().replace("new_length", "num_segments: 3 new_length")
    train_val.write_text(segments)
    assert cli.main(commandline(tmp_path, footage, train_val, *few)) == 1
    assert "a consensus of 3 segments; name the scores" in capsys.readouterr().err
    blob = ("--blob", "fc8")
    assert cli.main(commandline(tmp_path, footage, train_val, *few, *blob)) == 0
    np.testing.assert_array_equal(load_scores(tmp_path / "s.npz").scores, one.scores)
    assert one.classes == ["0", "1", "2"] and other.classes == ["a", "b", "c"]
    assert "3 videos, 3 samples x 2 crops: top-1" in capsys.readouterr().out


def test_it_goes_on_where_it_stopped(tmp_path, footage, capsys):
    net = write_small_net(tmp_path / "net.prototxt", 4)
    small_weights(tmp_path / "w.caffemodel", 4)
    few = ("--samples", "2", "--crops", "1")
    broken = footage.root / footage.names[1] / "flow_y_0006.jpg"
    shutil.copy(broken, tmp_path / "kept.jpg")
    broken.write_bytes(b"not a picture")
    assert cli.main(commandline(tmp_path, footage, net, *few, "--samples", "6")) == 1
    said = capsys.readouterr().err
    assert "1 of 3 videos could not be scored" in said
    assert f"{footage.flow_list}:2: {broken}: not an image" in said
    assert not (tmp_path / "s.npz").exists()

    journal = tmp_path / "s.npz.partial"
    head, *rows = journal.read_text().splitlines()
    assert sorted(json.loads(row)[0] for row in rows) == [
        footage.names[0],
        footage.names[2],
    ]
    marked = [json.dumps([json.loads(row)[0], [9.0, 8.0, 7.0]]) for row in rows]
    journal.write_text("\n".join([head, *marked]) + '\n["cut sh')
    shutil.copy(tmp_path / "kept.jpg", broken)
    assert cli.main(commandline(tmp_path, footage, net, *few, "--samples", "6")) == 0
    assert "2 of 3 videos were scored before" in capsys.readouterr().err
    scores = load_scores(tmp_path / "s.npz").scores
    np.testing.assert_array_equal(scores[[0, 2]], [[9, 8, 7]] * 2)
    assert not np.array_equal(scores[1], [9, 8, 7])
    assert not journal.exists()


def test_a_journal_of_another_evaluation_does_not_count(tmp_path):
    path = tmp_path / "s.partial"
    journal = Journal(path, {"weights": "a"}, ["v", "w"])
    journal.add("v", [1.0, 2.0])
    journal.close()
    assert Journal(path, {"weights": "a"}, ["v", "w"]).scores == {"v": [1.0, 2.0]}
    assert Journal(path, {"weights": "a"}, ["w"]).scores == {}
    other = Journal(path, {"weights": "b"}, ["v", "w"])
    assert other.stale and other.scores == {}


def test_a_full_disk_is_an_error_that_keeps_what_is_whole(tmp_path):
    path = tmp_path / "s.partial"
    made = {"weights": "a"}, ["v", "w"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.closing(Journal(path, *made)) as journal:
        journal.add("v", [1.0, 2.0])
        room = path.stat().st_size + 9  # for the beginning of a line
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
        try:
            for _ in range(2):
                with pytest.raises(UserError, match="s.partial: cannot write"):
                    journal.add("w", [3.0, 4.0])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.stat().st_size == room
    with contextlib.closing(Journal(path, *made)) as journal:
        assert journal.scores == {"v": [1.0, 2.0]}


@pytest.mark.parametrize("damage", [b"\0\0\0\n", b'["w", [3', b'"w"\n', b"\xff\n"])
def test_a_damaged_journal_counts_up_to_the_damage(tmp_path, damage):
    path = tmp_path / "s.partial"
    made = {"weights": "a"}, ["v", "w", "x"]
    with contextlib.closing(Journal(path, *made)) as journal:
        journal.add("v", [1.0, 2.0])
        with pytest.raises(UserError, match="another evaluation is writing it"):
            Journal(path, *made)
    path.write_bytes(path.read_bytes() + damage + b'["x", [5.0, 6.0]]\n')
    with contextlib.closing(Journal(path, *made)) as journal:
        assert journal.scores == {"v": [1.0, 2.0]} and not journal.stale
        journal.add("w", [3.0, 4.0])
    with contextlib.closing(Journal(path, *made)) as journal:
        assert journal.scores == {"v": [1.0, 2.0], "w": [3.0, 4.0]}


def test_refusals(tmp_path, footage, capsys):
    net = write_small_net(tmp_path / "net.prototxt", 4)
    small_weights(tmp_path / "w.caffemodel", 4)

    def refusal(*more):
        assert cli.main(commandline(tmp_path, footage, net, *more)) == 1
        return capsys.readouterr().err

    assert "4 channels, but 3 flow positions have 6" in refusal("--length", "3")
    assert "needs one %0Nd and one %c" in refusal("--pattern", "x_%04d.jpg")
    assert "blob 'none'" in refusal("--blob", "none")
    assert "no such mean file" in refusal("--mean", "/nowhere.mat")
    lines = footage.flow_list.read_text()
    footage.flow_list.write_text(lines + "another 8 3\n")
    assert ":4: label 3, but" in refusal()
    footage.flow_list.write_text(lines + f"{footage.names[0]} 8 1\n")
    assert f":4: {footage.names[0]} is in line 1 too" in refusal()
    footage.flow_list.write_text(lines)
    small_weights(tmp_path / "w.caffemodel", 4, classes=5)
    assert "fc8 is 5 x 400 and 5" in refusal()
    small_weights(tmp_path / "w.caffemodel", 4)
    assert "are smaller than the crop of 32 x 32" in refusal("--resize", "40x30")


def test_flow_made_another_way_is_a_warning_that_names_both(
    tmp_path, footage, capsys, monkeypatch
):
    net = write_small_net(tmp_path / "net.prototxt", 4)
    small_weights(tmp_path / "m_iter_10.caffemodel", 4)
    data = {"algorithm": "tvl1", "parameters": {}, "bound": 20.0, "size": [52, 40]}
    write_model_provenance(tmp_path / "m", {"data": data | {"algorithm": "dis"}})
    monkeypatch.setattr(
        "two_stream.evaluation.plan.data_provenance", lambda *arguments: data
    )
    arguments = commandline(tmp_path, footage, net, "--samples", "1", "--crops", "1")
    arguments[arguments.index("--weights") + 1] = str(tmp_path / "m_iter_10.caffemodel")
    assert cli.main(arguments) == 0
    said = capsys.readouterr().err
    assert "algorithm: dis in training, tvl1 now" in said and "warning" in said
    kept = load_scores(tmp_path / "s.npz").provenance
    assert kept["data"] == data and kept["trained_on"]["algorithm"] == "dis"


def test_a_worker_that_dies_says_why(tmp_path, footage):
    net = write_small_net(tmp_path / "net.prototxt", 4)
    small_weights(tmp_path / "w.caffemodel", 4)
    settings = EvaluateSettings(
        net=str(net),
        weights=str(tmp_path / "w.caffemodel"),
        list=str(footage.flow_list),
        out=str(tmp_path / "s.npz"),
        gpus=(99,),  # no such device, and in a build without CUDA none at all
        progress=False,
    )
    with pytest.raises(UserError, match="a worker stopped: .*"):
        evaluate(settings)


def test_devices_of_workers():
    assert devices((), None) == ["cpu"]
    assert devices((), 3) == ["cpu"] * 3
    assert devices((0, 2), None) == ["0", "2", "0", "2"]
    assert devices((0, 1), 3) == ["0", "1", "0"]
    with pytest.raises(UserError, match="1 workers for 2 GPUs"):
        devices((0, 1), 1)
    with pytest.raises(UserError, match="0 workers"):
        devices((), 0)
