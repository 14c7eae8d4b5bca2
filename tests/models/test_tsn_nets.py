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
