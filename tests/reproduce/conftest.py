"""Makes this folder's helpers importable; one thread a process is enough."""

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import miniature  # noqa: E402
import runs  # noqa: E402


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    """The miniature of UCF101, made once; the runs are in it too."""
    folder = tmp_path_factory.mktemp("ucf101")
    return miniature.make_ucf101(folder / "root", folder / "scratch")


@pytest.fixture(scope="session")
def rgb_model(tmp_path_factory):
    """Random weights of the spatial net but for its last layer."""
    import caffe
    from two_stream.models import deploy, settings_for, to_text
    from two_stream.nets.weights import read_weights

    folder = tmp_path_factory.mktemp("model")
    net = folder / "deploy.prototxt"
    net.write_text(to_text(deploy("small", settings_for("small", "spatial"))))
    caffe.set_random_seed(3)
    weights = folder / "rgb.caffemodel"
    caffe.Net(str(net), caffe.TEST).save(str(weights))
    message = read_weights(weights)
    (last,) = [layer for layer in message.layer if layer.name == "fc8-1"]
    message.layer.remove(last)
    weights.write_bytes(message.SerializeToString())
    return weights


@pytest.fixture(scope="session")
def killed_and_resumed(videos, rgb_model, caffe_binary):
    """What the files were when it was killed, and what it said when resumed."""
    runs.kill_in_temporal_training(videos, rgb_model)
    before = runs.times(videos)
    return before, runs.run(videos, rgb_model)
