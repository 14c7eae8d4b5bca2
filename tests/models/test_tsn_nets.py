"""Nets in the form of Temporal Segment Networks: BN, and consensus by pooling."""

import caffe
import numpy as np

# One conv of their BN-Inception, and their tail: the mean of the segments.
NET = """
name: "BN-Inception"
layer { name: "data" type: "Input" top: "data" top: "label"
  input_param { shape { dim: [2, 30, 8, 8] } shape { dim: 2 } } }
layer { name: "data_reshape" type: "Reshape" bottom: "data" top: "data_reshape"
  reshape_param { shape { dim: [-1, 10, 8, 8] } } }
layer { name: "conv1/7x7_s2" type: "Convolution" bottom: "data_reshape"
  top: "conv1/7x7_s2"
  param { lr_mult: 5 decay_mult: 1 } param { lr_mult: 10 decay_mult: 0 }
  convolution_param { num_output: 4 pad: 3 kernel_size: 7 stride: 2
    weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.2 } } }
layer { name: "conv1/7x7_s2_bn" type: "BN" bottom: "conv1/7x7_s2"
  top: "conv1/7x7_s2_bn"
  param { lr_mult: 1 decay_mult: 0 } param { lr_mult: 1 decay_mult: 0 }
  bn_param { engine: CAFFE frozen: true
    slope_filler { type: "constant" value: 1 }
    bias_filler { type: "constant" value: 0 } } }
layer { name: "conv1/relu_7x7" type: "ReLU" bottom: "conv1/7x7_s2_bn"
  top: "conv1/7x7_s2_bn" }
layer { name: "global_pool" type: "Pooling" bottom: "conv1/7x7_s2_bn"
  top: "global_pool" pooling_param { pool: AVE kernel_size: 4 stride: 1 } }
layer { name: "fc-action" type: "InnerProduct" bottom: "global_pool" top: "fc"
  param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
  inner_product_param { num_output: 5
    weight_filler { type: "gaussian" std: 1 } } }
layer { name: "reshape_fc" type: "Reshape" bottom: "fc" top: "reshape_fc"
  reshape_param { shape { dim: [-1, 1, 3, 5] } } }
layer { name: "pool_fusion" type: "Pooling" bottom: "reshape_fc" top: "pool_fc"
  pooling_param { pool: AVE kernel_h: 3 kernel_w: 1 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "pool_fc" bottom: "label"
  top: "loss" softmax_param { axis: 3 } }
layer { name: "accuracy_top1" type: "Accuracy" bottom: "pool_fc" bottom: "label"
  top: "accuracy" accuracy_param { axis: 3 } include { phase: TEST } }
"""
SOLVER = """
train_net: "{net}" base_lr: 0.1 lr_policy: "fixed" momentum: 0.9
weight_decay: 0.0005 random_seed: 1 snapshot_prefix: "{prefix}"
"""


def run_by_hand(net, data):
    """Class scores by numpy, from the net's own weights."""
    params = {name: [b.data for b in blobs] for name, blobs in net.params.items()}
    segments = data.reshape(6, 10, 8, 8)
    padded = np.pad(segments, ((0, 0), (0, 0), (3, 3), (3, 3)))
    weights, bias = params["conv1/7x7_s2"]
    conv = np.empty((6, 4, 4, 4))
    for row in range(4):
        for column in range(4):
            part = padded[:, :, 2 * row : 2 * row + 7, 2 * column : 2 * column + 7]
            conv[:, :, row, column] = np.einsum("nchw,ochw->no", part, weights) + bias
    scale, shift, mean, variance = (
        p.reshape(1, 4, 1, 1) for p in params["conv1/7x7_s2_bn"]
    )
    normal = scale * (conv - mean) / np.sqrt(variance + 1e-5) + shift
    features = np.maximum(normal, 0).mean(axis=(2, 3))
    weights, bias = params["fc-action"]
    return (features @ weights.T + bias).reshape(2, 3, 5).mean(axis=1)


def test_consensus_is_the_mean_of_the_segments(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    rng = np.random.default_rng(8)
    for layer_blob in net.params["conv1/7x7_s2_bn"]:
        layer_blob.data[...] = rng.random(layer_blob.data.shape) + 0.5
    data = rng.normal(size=(2, 30, 8, 8))
    net.blobs["data"].data[...] = data
    net.forward()
    scores = run_by_hand(net, data)
    pooled = net.blobs["pool_fc"].data[:, 0, 0]
    np.testing.assert_allclose(pooled, scores, rtol=1e-4, atol=1e-6)
    net.blobs["label"].data[...] = scores.argmax(axis=1)
    assert net.forward()["accuracy"] == 1


def test_frozen_bn_stays_while_the_rest_learns(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    solver = tmp_path / "solver.prototxt"
    solver.write_text(
        SOLVER.format(net=tmp_path / "net.prototxt", prefix=tmp_path / "out")
    )
    training = caffe.SGDSolver(str(solver))
    rng = np.random.default_rng(9)
    for layer_blob in training.net.params["conv1/7x7_s2_bn"]:
        layer_blob.data[...] = rng.random(layer_blob.data.shape) + 0.5
    before = {
        name: [b.data.copy() for b in blobs]
        for name, blobs in training.net.params.items()
    }
    training.net.blobs["data"].data[...] = rng.normal(size=(2, 30, 8, 8))
    training.net.blobs["label"].data[...] = [1, 4]
    losses = []
    for _ in range(10):
        training.step(1)
        losses.append(float(training.net.blobs["loss"].data))
    assert losses[-1] < losses[0]
    for name, blobs in training.net.params.items():
        same = [
            np.array_equal(b.data, a) for b, a in zip(blobs, before[name], strict=True)
        ]
        assert all(same) if name.endswith("_bn") else not any(same), name


# A deploy file with the memory options of the fork.
DEPLOY = """
name: "BN-Inception"
input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
mem_param { optimize_train: true optimize_test: true }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 4 kernel_size: 5 stride: 3 } }
layer { name: "conv1_bn" type: "BN" bottom: "conv1" top: "conv1_bn"
  bn_param { frozen: true } }
layer { name: "relu1" type: "ReLU" bottom: "conv1_bn" top: "conv1_bn" }
layer { name: "global_pool" type: "Pooling" bottom: "conv1_bn" top: "global_pool"
  pooling_param { pool: AVE kernel_size: 2 stride: 1 } }
layer { name: "fc-action" type: "InnerProduct" bottom: "global_pool" top: "fc-action"
  inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc-action" top: "prob" }
"""


def test_their_python_tools_run(tmp_path):
    """pyActionRecog's calls: the old constructor, io, reshaping, forward(blobs)."""
    (tmp_path / "net.prototxt").write_text(DEPLOY)
    net_file, weights = str(tmp_path / "net.prototxt"), str(tmp_path / "w.caffemodel")
    rng = np.random.default_rng(12)
    made = caffe.Net(net_file, caffe.TEST)
    for blobs in made.params.values():
        for blob in blobs:
            blob.data[...] = rng.uniform(0.1, 1, blob.data.shape)
    made.save(weights)
    params = {name: [b.data.copy() for b in made.params[name]] for name in made.params}

    net = caffe.Net(net_file, weights, caffe.TEST)
    transformer = caffe.io.Transformer({"data": net.blobs["data"].data.shape})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_mean("data", np.array([104, 117, 123]))
    for frames in (1, 3, 2):  # batches of 10, 30 and 20
        images = [rng.uniform(0, 255, (12, 16, 3)) for _ in range(frames)]
        views = caffe.io.oversample(images, (8, 8))
        # Before preprocess(), which works in place.
        less = views.transpose(0, 3, 1, 2) - np.reshape([104, 117, 123], (3, 1, 1))
        data = np.float32([transformer.preprocess("data", view) for view in views])
        net.blobs["data"].reshape(*data.shape)
        net.reshape()
        scores = net.forward(blobs=["fc-action"], data=data)["fc-action"].copy()
        assert scores.shape == (10 * frames, 5)
        np.testing.assert_allclose(scores, by_hand(params, less), rtol=1e-4)


def by_hand(params, views):
    """Scores of DEPLOY by numpy."""
    filters, bias = params["conv1"]
    scale, shift, mean, variance = (blob[0] for blob in params["conv1_bn"])
    pooled = 0
    for row in (0, 3):
        for column in (0, 3):
            part = views[:, :, row : row + 5, column : column + 5]
            maps = np.einsum("nchw,ochw->no", part, filters) + bias
            normal = scale * (maps - mean) / np.sqrt(variance + 1e-5) + shift
            pooled = pooled + np.maximum(normal, 0) / 4
    weights, bias = params["fc-action"]
    return pooled @ weights.T + bias
