"""Nets, weights, lists, frames and means of the fork and of TSN, as they are."""

import re

import numpy as np
import pytest
from scipy.io import savemat
from scipy.special import logsumexp
from slow_protocol import convolve, read_planes, slow_scores
from small_data import random_weights, write_footage
from two_stream import cli
from two_stream.locate import caffe_binary, load_proto
from two_stream.scores import load_scores

# The frames and flow of both: img_00001.jpg of TSN, image_0001.jpg of the fork.
TSN_NAMES = {"image": "img_%05d.jpg", "flow": "flow_%c_%05d.jpg"}
FORK_NAMES = {"image": "image_%04d.jpg", "flow": "flow_%c_%04d.jpg"}


def lists_as_theirs(footage):
    """Folders with their whole path, as both projects' lists have them."""
    for path in (footage.rgb_list, footage.flow_list):
        path.write_text(re.sub(r"(?m)^", f"{footage.root}/", path.read_text().rstrip()))


# Their deploy files: input_dim beside new layers, BN with a frozen flag, the
# average over the map, scores that no softmax follows.
TSN_DEPLOY = """
name: "BN-Inception"
input: "data"
input_dim: 1 input_dim: {channels} input_dim: 32 input_dim: 32
layer {{ name: "conv1/7x7_s2" type: "Convolution" bottom: "data" top: "conv1/7x7_s2"
  param {{ lr_mult: 1 decay_mult: 1 }} param {{ lr_mult: 2 decay_mult: 0 }}
  convolution_param {{ num_output: 4 kernel_size: 7 stride: 2
    weight_filler {{ type: "xavier" }} bias_filler {{ value: 0.2 }} }} }}
layer {{ name: "conv1/7x7_s2_bn" type: "BN" bottom: "conv1/7x7_s2"
  top: "conv1/7x7_s2_bn"
  param {{ lr_mult: 1 decay_mult: 0 }} param {{ lr_mult: 1 decay_mult: 0 }}
  bn_param {{ frozen: true slope_filler {{ type: "constant" value: 1 }}
    bias_filler {{ type: "constant" value: 0 }} }} }}
layer {{ name: "conv1/relu_7x7" type: "ReLU" bottom: "conv1/7x7_s2_bn"
  top: "conv1/7x7_s2_bn" }}
layer {{ name: "global_pool" type: "Pooling" bottom: "conv1/7x7_s2_bn"
  top: "global_pool" pooling_param {{ pool: AVE kernel_size: 13 stride: 1 }} }}
layer {{ name: "dropout" type: "Dropout" bottom: "global_pool" top: "global_pool"
  dropout_param {{ dropout_ratio: 0.8 }} }}
layer {{ name: "fc-action" type: "InnerProduct" bottom: "global_pool" top: "fc-action"
  inner_product_param {{ num_output: 3 }} }}
"""


def tsn_weights(path, channels, bn_shape):
    """Random weights; BN's blobs have ``bn_shape`` in the file."""
    shapes = {
        "conv1/7x7_s2": [(4, channels, 7, 7), (4,)],
        "conv1/7x7_s2_bn": [bn_shape] * 4,
        "fc-action": [(3, 4), (3,)],
    }
    proto = load_proto().NetParameter()
    made = random_weights(path, shapes)
    proto.ParseFromString(path.read_bytes())
    for layer in proto.layer:
        if layer.name.endswith("_bn"):
            # Statistics of the size that pixels have.
            for number, (low, high) in enumerate([(1, 2), (-1, 1), (-9, 9), (4, 99)]):
                values = np.random.default_rng(number).uniform(low, high, 4)
                made[layer.name][number] = values
                layer.blobs[number].data[:] = values.tolist()
    path.write_bytes(proto.SerializeToString())
    return made


def tsn_forward(weights):
    """The net by hand."""
    scale, shift, mean, variance = (
        blob.reshape(4, 1, 1) for blob in weights["conv1/7x7_s2_bn"]
    )
    fc, fc_bias = weights["fc-action"]

    def scores(view):
        maps = convolve(view, *weights["conv1/7x7_s2"], stride=2)
        normal = scale * (maps - mean) / np.sqrt(variance + 1e-5) + shift
        return fc.astype(float) @ np.maximum(normal, 0).mean(axis=(1, 2)) + fc_bias

    return scores


def run(*arguments):
    assert cli.main([str(argument) for argument in arguments]) == 0


def evaluated(tmp_path, videos, *more):
    """Scores of ``two-stream evaluate`` with net.prototxt and w.caffemodel."""
    out = tmp_path / "scores.npz"
    files = ("--net", tmp_path / "net.prototxt", "--weights", tmp_path / "w.caffemodel")
    arguments = ("evaluate", *files, "--list", videos, "--out", out, "--quiet", *more)
    run(*arguments)
    return load_scores(out)


def assert_protocol(found, forward, footage, names, modality, length, mean):
    """Compares with the protocol by hand; ``mean`` is what a view is lowered by."""
    rgb = modality == "rgb"
    for row, video, frames in zip(found.scores, found.ids, footage.frames, strict=True):
        expected = slow_scores(
            forward,
            footage.root / video,
            names["image" if rgb else "flow"],
            frames if rgb else frames - 1,
            modality,
            length,
            mean,
        )
        np.testing.assert_allclose(row, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("modality", ["rgb", "flow"])
@pytest.mark.parametrize("bn_shape", [(1, 4), (1, 4, 1, 1)])
def test_tsn_models_are_tested(tmp_path, modality, bn_shape):
    footage = write_footage(
        tmp_path / "data", 12, (7, 31), height=36, width=38, **TSN_NAMES
    )
    lists_as_theirs(footage)
    channels, length, mean = (3, 1, [104, 117, 123])
    if modality == "flow":
        channels, length, mean = (10, 5, [128])
    (tmp_path / "net.prototxt").write_text(TSN_DEPLOY.format(channels=channels))
    weights = tsn_weights(tmp_path / "w.caffemodel", channels, bn_shape)
    videos = footage.rgb_list if modality == "rgb" else footage.flow_list
    found = evaluated(tmp_path, videos)
    mean = np.reshape(mean, (-1, 1, 1))
    assert_protocol(
        found, tsn_forward(weights), footage, TSN_NAMES, modality, length, mean
    )
    assert found.labels.tolist() == footage.labels


@pytest.mark.parametrize("bn_shape", [(1, 4), (1, 4, 1, 1)])
def test_a_temporal_tsn_starts_from_its_spatial_twin(tmp_path, bn_shape):
    """Tested like that: each flow channel sees the mean of the colour filters."""
    footage = write_footage(tmp_path / "data", 12, (31,), **TSN_NAMES)
    weights = tsn_weights(tmp_path / "rgb.caffemodel", 3, bn_shape)
    net = tmp_path / "net.prototxt"
    net.write_text(TSN_DEPLOY.format(channels=10))
    files = ("--net", net, "--out", tmp_path / "w.caffemodel")
    run("init-temporal", "--weights", tmp_path / "rgb.caffemodel", *files)
    found = evaluated(tmp_path, footage.flow_list)
    blue, green, red = np.float64(weights["conv1/7x7_s2"][0]).transpose(1, 0, 2, 3)
    weights["conv1/7x7_s2"][0] = np.stack([(blue + green + red) / 3] * 10, axis=1)
    forward = tsn_forward(weights)
    assert_protocol(found, forward, footage, TSN_NAMES, "flow", 5, np.float64(128))


# The consensus of their training files behind the scores of each segment.
TSN_TRAIN_VAL = """
layer {{ name: "data" type: "VideoData" top: "data" top: "label"
  include {{ phase: TEST }}
  video_data_param {{ source: "{list}" batch_size: 1 new_length: 2 num_segments: 3
    modality: FLOW name_pattern: "flow_%c_%05d.jpg" }}
  transform_param {{ crop_size: 32 mean_value: 128 is_flow: true }} }}
layer {{ name: "data_reshape" type: "Reshape" bottom: "data" top: "data_reshape"
  reshape_param {{ shape {{ dim: [-1, 4, 32, 32] }} }} }}
{body}
layer {{ name: "reshape_fc" type: "Reshape" bottom: "fc-action" top: "reshape_fc"
  reshape_param {{ shape {{ dim: [-1, 1, 3, 3] }} }} }}
layer {{ name: "pool_fusion" type: "Pooling" bottom: "reshape_fc" top: "pool_fc"
  pooling_param {{ pool: AVE kernel_h: 3 kernel_w: 1 }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "pool_fc" bottom: "label"
  top: "loss" softmax_param {{ axis: 3 }} }}
"""


def write_tsn_train_val(path, videos):
    """The deploy file's layers between segments and consensus."""
    body = TSN_DEPLOY.format(channels=4).split("input_dim: 32 input_dim: 32\n")[1]
    body = body.replace('bottom: "data"', 'bottom: "data_reshape"')
    path.write_text(TSN_TRAIN_VAL.format(list=videos, body=body))


def test_tsn_consensus_on_frames(tmp_path, run_caffe):
    """``caffe test``: the loss of the mean over the middles of three segments."""
    footage = write_footage(
        tmp_path / "data", 12, (7, 31), height=40, width=52, **TSN_NAMES
    )
    net, weights_file = tmp_path / "net.prototxt", tmp_path / "w.caffemodel"
    write_tsn_train_val(net, footage.flow_list)
    forward = tsn_forward(tsn_weights(weights_file, 4, (1, 4, 1, 1)))
    done = run_caffe("test", "-model", net, "-weights", weights_file, "-iterations", 2)
    assert done.returncode == 0, done.stderr
    losses = np.float64(re.findall(r"Batch \d, loss = (\S+)", done.stderr))
    expected = []
    # 6 fields: segments of 2; 30: of 10, of which 4 are left out on either side.
    for video, label, starts in zip(
        footage.names, footage.labels, ([1, 3, 5], [5, 15, 25]), strict=True
    ):
        scores = 0
        for start in starts:
            planes = [
                read_planes(footage.root / video, TSN_NAMES["flow"], number)
                for number in (start, start + 1)
            ]
            view = np.concatenate(planes)[:, 4:36, 10:42].astype(float)
            scores = scores + forward(view - 128) / 3
        expected.append(logsumexp(scores) - scores[label])
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-6)


def test_tsn_training_files_are_tested_by_the_segment(tmp_path, capsys):
    """By --blob, the same as by the deploy file; a consensus is refused."""
    footage = write_footage(tmp_path / "data", 12, (7, 9), **TSN_NAMES)
    videos, net = footage.flow_list, tmp_path / "net.prototxt"
    few = ("--samples", "3", "--crops", "5")
    net.write_text(TSN_DEPLOY.format(channels=4))
    tsn_weights(tmp_path / "w.caffemodel", 4, (1, 4))
    expected = evaluated(tmp_path, videos, *few)
    write_tsn_train_val(net, videos)
    found = evaluated(tmp_path, videos, *few, "--blob", "fc-action")
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-6)
    arguments = ["evaluate", "--net", net, "--weights", tmp_path / "w.caffemodel"]
    arguments += ["--list", videos, "--out", tmp_path / "s.npz", "--quiet", *few]
    arguments = list(map(str, arguments))
    assert cli.main(arguments) == 1
    assert "a consensus of 3 segments; name the scores" in capsys.readouterr().err
    assert cli.main([*arguments, "--blob", "pool_fc", "--batch", "15"]) == 1
    assert "its scores are 5 for 15 views" in capsys.readouterr().err


# A deploy file of 2014, as the ImageNet models and early action models have it.
V1_DEPLOY = """
name: "CUHK_Action"
input: "data"
input_dim: 50 input_dim: {channels} input_dim: 32 input_dim: 32
layers {{ name: "conv1_1" type: CONVOLUTION bottom: "data" top: "conv1_1"
  blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
  convolution_param {{ num_output: 4 kernel_size: 5 stride: 3 }} }}
layers {{ name: "relu1_1" type: RELU bottom: "conv1_1" top: "conv1_1" }}
layers {{ name: "drop7" type: DROPOUT bottom: "conv1_1" top: "conv1_1"
  dropout_param {{ dropout_ratio: 0.9 }} }}
layers {{ name: "fc8" type: INNER_PRODUCT bottom: "conv1_1" top: "fc8"
  inner_product_param {{ num_output: 3 }} }}
"""


def v1_forward(weights):
    fc8, bias = weights["fc8"]

    def scores(view):
        hidden = np.maximum(convolve(view, *weights["conv1_1"], stride=3), 0)
        return fc8.astype(float) @ hidden.ravel() + bias

    return scores


def write_mean(path, image):
    """A mean of channels x height x width, as .mat or as a .binaryproto of 2014."""
    if path.suffix == ".mat":
        savemat(path, {"image_mean": image.transpose(1, 2, 0)})
        return
    blob = load_proto().BlobProto(num=1, data=image.ravel().tolist())
    blob.channels, blob.height, blob.width = image.shape
    path.write_bytes(blob.SerializeToString())


@pytest.mark.parametrize("modality", ["rgb", "flow"])
@pytest.mark.parametrize("kind", [".mat", ".binaryproto"])
def test_v1_models_and_mean_files_are_tested(tmp_path, modality, kind):
    footage = write_footage(
        tmp_path / "data", 13, (7, 31), height=34, width=37, **FORK_NAMES
    )
    lists_as_theirs(footage)
    channels, length = (3, 1) if modality == "rgb" else (6, 3)
    (tmp_path / "net.prototxt").write_text(V1_DEPLOY.format(channels=channels))
    shapes = {"conv1_1": [(4, channels, 5, 5), (4,)], "fc8": [(3, 400), (3,)]}
    weights = random_weights(tmp_path / "w.caffemodel", shapes, v1=True)
    half = np.random.default_rng(8).uniform(0, 255, (channels, 32, 16))
    # The same for a view and its mirror image.
    mean = np.concatenate([half, half[..., ::-1]], axis=2).astype(np.float32)
    write_mean(tmp_path / f"mean{kind}", mean)
    videos = footage.rgb_list if modality == "rgb" else footage.flow_list
    found = evaluated(tmp_path, videos, "--mean", tmp_path / f"mean{kind}")
    assert_protocol(
        found, v1_forward(weights), footage, FORK_NAMES, modality, length, mean
    )


# Their training files: each phase its loss, one of them without a top, a mean for
# each channel, a Gather between local tops and the rest.
TRAIN_VAL = """
name: "CUHK_Action_TemporalNet"
layer {{ name: "data" type: "VideoData" top: "data" top: "label_local"
  video_data_param {{ source: "{train}" batch_size: 2 new_length: 3
    num_segments: 1 modality: FLOW }}
  transform_param{{ crop_size: 32 mirror: true fix_crop: true multi_scale: true
    max_distort: 1 scale_ratios: [1,.875,.75] is_flow: true {mean} }}
  include: {{ phase: TRAIN }} }}
layer {{ name: "data" type: "VideoData" top: "data" top: "label_local"
  video_data_param {{ source: "{test}" batch_size: 2 new_length: 3
    num_segments: 1 modality: FLOW }}
  transform_param{{ crop_size: 32 mirror: false is_flow: true {mean} }}
  include: {{ phase: TEST }} }}
layer {{ name: "conv1_1" type: "Convolution" bottom: "data" top: "conv1_1"
  param {{ lr_mult: 1 decay_mult: 1 }} param {{ lr_mult: 2 decay_mult: 0 }}
  convolution_param {{ num_output: 4 kernel_size: 5 stride: 3 }} }}
layer {{ name: "relu1_1" type: "ReLU" bottom: "conv1_1" top: "conv1_1" }}
layer {{ name: "pool5" type: "Pooling" bottom: "conv1_1" top: "pool5_local"
  pooling_param {{ pool: MAX kernel_size: 2 stride: 2 }} }}
layer {{ name: "gather" type: "Gather" bottom: "pool5_local" bottom: "label_local"
  top: "pool5" top: "label" }}
layer {{ name: "drop7" type: "Dropout" bottom: "pool5" top: "pool5"
  dropout_param {{ dropout_ratio: 0.8 }} }}
layer {{ name: "fc8-1" type: "InnerProduct" bottom: "pool5" top: "fc8-1"
  inner_product_param {{ num_output: 3
    weight_filler {{ type: "gaussian" std: 0.001 }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc8-1" bottom: "label"
  include {{ phase: TRAIN }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc8-1" bottom: "label"
  top: "loss" include {{ phase: TEST }} }}
layer {{ name: "accuracy" type: "Accuracy" bottom: "fc8-1" bottom: "label"
  top: "accuracy" include {{ phase: TEST }} }}
"""
# No solver_mode: to them it means GPUs.
SOLVER = """
net: "{net}" test_iter: 2 test_interval: 2 base_lr: 0.00005 lr_policy: "step"
gamma: 0.1 stepsize: 10000 display: 1 max_iter: 4 momentum: 0.9 weight_decay: 0.0005
snapshot: 1000 snapshot_prefix: "{out}" iter_size: 3 device_id: [0,1]
test_initialization: false random_seed: 5
"""


def fork_forward(blobs):
    """The net by hand, from the blobs of a .caffemodel."""
    filters, bias, fc8, fc8_bias = (
        np.float64(blob.data).reshape(blob.shape.dim)
        for name in ("conv1_1", "fc8-1")
        for blob in blobs[name]
    )

    def scores(view):
        maps = np.maximum(convolve(view, filters, bias, stride=3), 0)
        pooled = maps.reshape(4, 5, 2, 5, 2).max(axis=(2, 4))
        return fc8 @ pooled.ravel() + fc8_bias

    return scores


def test_the_fork_s_training_runs_from_a_v1_image_model(tmp_path, capsys, monkeypatch):
    """Cross-modality from a V1 model, then their solver, net, lists and frames.

    128 everywhere, as values or in a file of the crop's size, is the same mean.
    """
    # Their device_id would choose a CUDA build, if there is one.
    monkeypatch.setenv("CAFFE_BIN", caffe_binary())
    train, test = (
        write_footage(tmp_path / name, seed, frames)
        for name, seed, frames in (("a", 14, (9, 8, 7, 12)), ("b", 15, (9, 8)))
    )
    # Groups of their own, which the checks before the start ask for.
    test.flow_list.write_text(test.flow_list.read_text().replace("_g0", "_g5"))
    for folder in test.root.glob("v_*"):
        folder.rename(str(folder).replace("_g0", "_g5"))
    for footage in (train, test):
        lists_as_theirs(footage)
    shapes = {"conv1_1": [(4, 3, 5, 5), (4,)], "fc8": [(1000, 100), (1000,)]}
    imagenet, flow = tmp_path / "imagenet.caffemodel", tmp_path / "flow.caffemodel"
    random_weights(imagenet, shapes, v1=True)

    net, solver = tmp_path / "net.prototxt", tmp_path / "solver.prototxt"
    solver.write_text(SOLVER.format(net=net, out=tmp_path / "out"))
    learned = []
    for kind in ("values", ".mat", ".binaryproto"):
        mean = f"mean_value: {[128] * 6}"
        if kind != "values":
            file = tmp_path / f"flow_mean{kind}"
            write_mean(file, np.full((6, 32, 32), 128, np.float32))
            mean = f'mean_file: "{file}"'
        lists = {"train": train.flow_list, "test": test.flow_list}
        net.write_text(TRAIN_VAL.format(mean=mean, **lists))
        run("init-temporal", "--weights", imagenet, "--net", net, "--out", flow)
        said = capsys.readouterr().out
        assert "averaged  conv1_1: 3 channels, repeated over 6" in said
        run("train", "--solver", solver, "--weights", flow, "--quiet")
        assert "1 layers copied; fresh: fc8-1" in capsys.readouterr().err
        model = load_proto().NetParameter()
        model.ParseFromString((tmp_path / "out_iter_4.caffemodel").read_bytes())
        learned.append({layer.name: layer.blobs for layer in model.layer})
    for other in learned[1:]:
        assert list(other["fc8-1"]) == list(learned[0]["fc8-1"])
        assert list(other["conv1_1"]) == list(learned[0]["conv1_1"])

    (tmp_path / "out_iter_4.caffemodel").rename(tmp_path / "w.caffemodel")
    found = evaluated(tmp_path, test.flow_list)
    assert all("_g5" in name for name in found.ids)
    forward = fork_forward(learned[0])
    assert_protocol(found, forward, test, FORK_NAMES, "flow", 3, np.float64(128))
