"""Every shipped architecture trains, by pycaffe and by the caffe command."""

import caffe
import cv2
import numpy as np
import pytest
from made_up_nets import with_inputs
from two_stream.models import (
    recipe_for,
    settings_for,
    solver,
    to_text,
    train_val,
    write_models,
)

# Smaller than 224, for speed, and large enough for every layer.
CROP = {"vgg16": 32, "googlenet": 96, "clarifai": 64}


@pytest.mark.parametrize("stream", ["spatial", "temporal"])
@pytest.mark.parametrize("architecture", CROP)
def test_two_steps_lower_the_loss(tmp_path, architecture, stream):
    """On one batch, with the paper's rates; every weight has a gradient."""
    settings = settings_for(
        architecture, stream, classes=3, crop=CROP[architecture], train_batch=4
    )
    shape = [4, settings.channels, settings.crop, settings.crop]
    net_file = tmp_path / "net.prototxt"
    net_file.write_text(to_text(with_inputs(train_val(architecture, settings), shape)))
    recipe = recipe_for(architecture, stream, global_batch=4, random_seed=1)
    message = solver(recipe, settings, str(net_file), str(tmp_path / "snapshot"))
    solver_file = tmp_path / "solver.prototxt"
    solver_file.write_text(to_text(message))
    training = caffe.SGDSolver(str(solver_file))
    test_net = training.test_nets[0]
    test_net.share_with(training.net)
    data = np.random.default_rng(1).normal(0, 20, shape)

    def feed(net):
        net.blobs["data"].data[...] = data
        net.blobs["label"].data[...] = [0, 1, 2, 1]

    def test_loss():
        feed(test_net)
        test_net.forward()
        return float(test_net.blobs["loss"].data)

    before = test_loss()
    feed(training.net)
    training.step(1)
    for name, blobs in training.net.params.items():
        assert all(blob.diff.any() for blob in blobs), name
    training.step(1)
    assert test_loss() < before


@pytest.fixture
def video_lists(tmp_path):
    """Six videos of noise, three classes, 8 frames and 7 flow fields each."""
    rng = np.random.default_rng(2)
    lists = {"rgb": "", "flow": ""}
    for label in range(3):
        for take in range(2):
            video = f"class{label}/take{take}"
            (tmp_path / video).mkdir(parents=True)
            for number in range(1, 9):
                names = [f"image_{number:04d}.jpg"]
                if number < 8:
                    names += [f"flow_{axis}_{number:04d}.jpg" for axis in "xy"]
                for name in names:
                    shape = (84, 112, 3) if name.startswith("image") else (84, 112)
                    pixels = rng.integers(0, 256, shape, np.uint8)
                    assert cv2.imwrite(str(tmp_path / video / name), pixels)
            lists["rgb"] += f"{video} 8 {label}\n"
            lists["flow"] += f"{video} 7 {label}\n"
    for modality, text in lists.items():
        (tmp_path / f"{modality}.txt").write_text(text)
    return {"spatial": tmp_path / "rgb.txt", "temporal": tmp_path / "flow.txt"}


@pytest.mark.parametrize("stream", ["spatial", "temporal"])
def test_caffe_trains_the_small_net_on_frames(tmp_path, video_lists, run_caffe, stream):
    videos = str(video_lists[stream])
    settings = settings_for(
        "small",
        stream,
        classes=3,
        train_list=videos,
        test_list=videos,
        train_batch=4,
        test_batch=3,
    )
    recipe = recipe_for(
        "small",
        stream,
        global_batch=8,
        test_videos=6,
        test_interval=2,
        max_iter=4,
        display=1,
        snapshot=4,
    )
    files = write_models(tmp_path, "small", settings, recipe)
    finished = run_caffe("train", "-solver", files.solver)
    assert finished.returncode == 0, finished.stderr
    assert "accuracy_centre_crop" in finished.stderr
    weights = tmp_path / f"{stream}_small_iter_4.caffemodel"
    assert weights.is_file()
    net = caffe.Net(str(files.deploy), str(weights), caffe.TEST)
    assert net.params["fc8-1"][0].data.any()


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("spatial_vgg16", "data/ucf101/train_rgb_split1.txt"),
        ("temporal_googlenet", "data/ucf101/train_flow_split1.txt"),
    ],
)
def test_a_shipped_solver_says_which_list_is_missing(
    tmp_path, run_caffe, name, missing
):
    stream, architecture = name.split("_")
    settings = settings_for(architecture, stream)
    (tmp_path / "models").mkdir()
    finished = run_caffe(
        "train", "-solver", write(tmp_path, architecture, settings), cwd=tmp_path
    )
    assert finished.returncode == 1
    assert missing in finished.stderr.splitlines()[-1]


def write(root, architecture, settings):
    """The shipped solver, where `models/` is the working directory's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return write_models("models", architecture, settings).solver
