"""The small pair learns, on made-up data, in seconds."""

import caffe
import numpy as np
import pytest
from made_up_nets import Motions, Scenes, with_inputs
from two_stream.models import (
    recipe_for,
    settings_for,
    solver,
    to_text,
    train_val,
    write_models,
)


@pytest.mark.parametrize("stream", ["spatial", "temporal"])
def test_small_net_learns(tmp_path, stream):
    rng = np.random.default_rng(3)
    settings = settings_for("small", stream, classes=4)
    if stream == "spatial":
        source = Scenes(4, settings.crop, rng)
    else:
        source = Motions(settings.length, settings.crop, rng)
    shape = [settings.train_batch, settings.channels, settings.crop, settings.crop]
    net_file = tmp_path / "net.prototxt"
    net_file.write_text(to_text(with_inputs(train_val("small", settings), shape)))
    recipe = recipe_for("small", stream, random_seed=1)
    message = solver(recipe, settings, str(net_file), str(tmp_path / "snapshot"))
    message.test_interval = 10**6
    solver_file = tmp_path / "solver.prototxt"
    solver_file.write_text(to_text(message))

    training = caffe.SGDSolver(str(solver_file))
    losses = []
    for _ in range(40):
        data, labels = source.batch(settings.train_batch)
        training.net.blobs["data"].data[...] = settings.scale * data
        training.net.blobs["label"].data[...] = labels
        training.step(1)
        losses.append(float(training.net.blobs["loss"].data))
    assert losses[0] == pytest.approx(np.log(4), abs=0.2)

    data, labels = source.batch(settings.train_batch)
    test_net = training.test_nets[0]
    test_net.share_with(training.net)
    test_net.blobs["data"].data[...] = settings.scale * data
    test_net.blobs["label"].data[...] = labels
    assert float(test_net.forward()["accuracy_centre_crop"]) >= 0.9


def test_demo_points_the_small_pair_at_its_own_folder(tmp_path):
    settings = settings_for(
        "small", "temporal", classes=16, length=7, train_list="a.txt", test_list="b.txt"
    )
    files = write_models(tmp_path / "nets", "small", settings)
    net = caffe.Net(str(files.deploy), caffe.TEST)
    assert net.blobs["data"].data.shape == (10, 14, 64, 64)
    assert net.outputs == ["fc8-1"] and net.blobs["fc8-1"].data.shape == (10, 16)
    text = files.train_val.read_text()
    assert 'source: "a.txt"' in text and 'source: "b.txt"' in text
    assert f'net: "{files.train_val}"' in files.solver.read_text()
