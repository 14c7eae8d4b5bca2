"""Weights of other Caffes: BN's blobs of every shape, and V1 files."""

import re

import caffe
import numpy as np
import pytest
from caffe.proto import caffe_pb2

# Constant input, so that the caffe command prints scores that can be checked.
NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: [1, 2, 4, 4] } shape { dim: 1 }
    data_filler { value: 0.7 } data_filler { value: 1 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 3 kernel_size: 3 } }
layer { name: "conv1_bn" type: "BN" bottom: "conv1" top: "conv1_bn"
  bn_param { frozen: true } }
layer { name: "fc-action" type: "InnerProduct" bottom: "conv1_bn" top: "fc-action"
  inner_product_param { num_output: 3 } }
"""
LOSS = """
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc-action" bottom: "label" }
"""
SOLVER = """
train_net: "train.prototxt" base_lr: 0 lr_policy: "fixed" max_iter: 1
snapshot_prefix: "out" solver_mode: CPU
"""
SHAPES = {
    "conv1": [(3, 2, 3, 3), (3,)],
    "conv1_bn": [(1, 3)] * 4,
    "fc-action": [(3, 12), (3,)],
}
# Those of the paper's fork and TSN's models, and of other Caffes with a BN.
BN_SHAPES = {
    "two": [1, 3],
    "one": [3],
    "four": [1, 3, 1, 1],
    "four, last": [1, 1, 1, 3],
    "legacy": None,
}


@pytest.fixture
def arrays():
    """Weights by layer; variances are positive."""
    random = np.random.default_rng(21)
    return {
        name: [random.uniform(0.1, 2, shape).astype(np.float32) for shape in shapes]
        for name, shapes in SHAPES.items()
    }


def write_model(path, arrays, bn_shape, v1=False):
    """A .caffemodel whose BN blobs have a shape; None: num, channels, ..."""
    model = caffe_pb2.NetParameter()
    for name, blobs in arrays.items():
        layer = (model.layers if v1 else model.layer).add(name=name)
        for array in blobs:
            blob = layer.blobs.add(data=array.ravel().tolist())
            if v1 or (bn_shape is None and name == "conv1_bn"):
                shape = array.shape
                padded = (
                    (*shape, 1, 1)
                    if name == "conv1_bn"
                    else (1,) * (4 - len(shape)) + shape
                )
                blob.num, blob.channels, blob.height, blob.width = padded
            else:
                shape = bn_shape if name == "conv1_bn" else array.shape
                blob.shape.dim.extend(shape)
    path.write_bytes(model.SerializeToString())


def by_hand(arrays):
    """The scores for an input of 0.7 everywhere."""
    filters, bias = (a.astype(float) for a in arrays["conv1"])
    maps = 0.7 * filters.sum(axis=(1, 2, 3)) + bias
    scale, shift, mean, variance = (a[0].astype(float) for a in arrays["conv1_bn"])
    normal = scale * (maps - mean) / np.sqrt(variance + 1e-5) + shift
    weights, bias = arrays["fc-action"]
    return weights.astype(float) @ np.repeat(normal, 4) + bias


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "test.prototxt").write_text(NET)
    (tmp_path / "train.prototxt").write_text(NET + LOSS)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    return tmp_path


@pytest.mark.parametrize("shape", BN_SHAPES.values(), ids=BN_SHAPES)
def test_bn_of_every_shape_by_pycaffe(folder, arrays, shape):
    net_file, weights = str(folder / "test.prototxt"), str(folder / "w.caffemodel")
    write_model(folder / "w.caffemodel", arrays, shape)
    by_name = caffe.Net(net_file, caffe.TEST, weights=weights)
    by_place = caffe.Net(net_file, weights, caffe.TEST)
    later = caffe.Net(net_file, caffe.TEST)
    later.copy_from(weights)
    for net in (by_name, by_place, later):
        assert net.params["conv1_bn"][0].data.shape == (1, 3)
        scores = net.forward()["fc-action"][0]
        np.testing.assert_allclose(scores, by_hand(arrays), rtol=1e-5)


def test_hdf5_by_pycaffe(folder, arrays):
    write_model(folder / "w.caffemodel", arrays, [1, 3])
    net_file, file = str(folder / "test.prototxt"), str(folder / "w.caffemodel.h5")
    net = caffe.Net(net_file, caffe.TEST, weights=str(folder / "w.caffemodel"))
    net.save_hdf5(file)
    scores = caffe.Net(net_file, file, caffe.TEST).forward()["fc-action"][0]
    np.testing.assert_allclose(scores, by_hand(arrays), rtol=1e-5)


@pytest.mark.parametrize("v1", [False, True])
@pytest.mark.parametrize("shape", ["two", "four", "legacy"])
def test_bn_and_v1_by_the_command(folder, arrays, run_caffe, shape, v1):
    write_model(folder / "w.caffemodel", arrays, BN_SHAPES[shape], v1)
    weights = ["-weights", "w.caffemodel"]
    run = run_caffe(
        "test", "-model", "test.prototxt", *weights, "-iterations", 1, cwd=folder
    )
    assert run.returncode == 0, run.stderr
    found = re.findall(r"Batch 0, fc-action = (\S+)", run.stderr)
    np.testing.assert_allclose(np.float64(found), by_hand(arrays), rtol=1e-4)

    run = run_caffe("train", "-solver", "solver.prototxt", *weights, cwd=folder)
    assert run.returncode == 0, run.stderr
    assert "copied 3 layers" in run.stderr
    model = caffe_pb2.NetParameter()
    model.ParseFromString((folder / "out_iter_1.caffemodel").read_bytes())
    saved = {layer.name: layer.blobs for layer in model.layer if layer.blobs}
    for name, blobs in arrays.items():
        for ours, theirs in zip(saved[name], blobs, strict=True):
            assert tuple(ours.shape.dim) == theirs.shape
            np.testing.assert_array_equal(np.float32(ours.data), theirs.ravel())


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("conv1_bn", lambda blobs: blobs[:2], "layer conv1_bn has 2 blobs, in the net"),
        (
            "fc-action",
            lambda blobs: [blobs[0].T.copy(), blobs[1]],
            "layer fc-action has 12 x 3, in the net 3 x 12; give the layer another",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(folder, arrays, run_caffe, name, change, said):
    arrays[name] = change(arrays[name])
    write_model(folder / "w.caffemodel", arrays, [1, 3])
    run = run_caffe(
        "train", "-solver", "solver.prototxt", "-weights", "w.caffemodel", cwd=folder
    )
    assert run.returncode == 1
    assert f"w.caffemodel: {said}" in run.stderr.splitlines()[-1]
    net = caffe.Net(str(folder / "test.prototxt"), caffe.TEST)
    with pytest.raises(RuntimeError, match=said):
        net.copy_from(str(folder / "w.caffemodel"))
    # Nothing was copied, not even what fits.
    assert not any(blob.data.any() for blob in net.params["conv1"])
