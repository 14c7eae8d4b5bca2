"""Shared buffers seen from pycaffe: the usual ways of use keep working."""

import gc

import caffe
import numpy as np
import pytest

BODY = """
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1
    weight_filler { type: "xavier" } } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1
    weight_filler { type: "xavier" } } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "pool" type: "Pooling" bottom: "conv2" top: "pool"
  pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "conv3" type: "Convolution" bottom: "pool" top: "conv3"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1
    weight_filler { type: "xavier" } } }
layer { name: "fc" type: "InnerProduct" bottom: "conv3" top: "fc"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "score" type: "InnerProduct" bottom: "fc" top: "score"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
"""
DEPLOY = (
    """
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 4 dim: 3 dim: 24 dim: 24 } } }
"""
    + BODY
    + 'layer { name: "prob" type: "Softmax" bottom: "score" top: "prob" }'
)
TRAIN = (
    """
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 4 dim: 3 dim: 24 dim: 24 } shape { dim: 4 }
    data_filler { type: "gaussian" } data_filler { type: "constant" } } }
"""
    + BODY
    + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "score" '
    'bottom: "label" top: "loss" }'
)
SHARED = "mem_param { optimize_train: true optimize_test: true }\n"
UNSHARED = "mem_param { optimize_train: false optimize_test: false }\n"


@pytest.fixture
def make_net(tmp_path):
    """A function: prototxt, phase -> net, the weights always the same."""

    def make(text, phase=caffe.TEST, **options):
        path = tmp_path / f"net{len(list(tmp_path.iterdir()))}.prototxt"
        path.write_text(text)
        caffe.set_random_seed(7)
        return caffe.Net(str(path), phase, **options)

    return make


def pair(make_net, text, phase=caffe.TEST):
    return make_net(UNSHARED + text, phase), make_net(SHARED + text, phase)


def images(seed=0):
    return np.random.default_rng(seed).normal(size=(4, 3, 24, 24)).astype("f")


def test_reading_a_reused_blob_says_what_to_do(make_net):
    net = make_net(SHARED + DEPLOY)
    net.forward(data=images())
    with pytest.raises(RuntimeError, match='exclude_blob: "conv1"'):
        net.blobs["conv1"].data.sum()
    with pytest.raises(RuntimeError, match='data of blob "conv1"'):
        net.blobs["conv1"].data[...] = 1


def test_excluded_blobs_can_be_read(make_net):
    stock = make_net(UNSHARED + DEPLOY)
    shared = make_net(
        'mem_param { optimize_test: true exclude_blob: "conv1" }' + DEPLOY
    )
    for net in (stock, shared):
        net.forward(data=images())
    np.testing.assert_array_equal(stock.blobs["conv1"].data, shared.blobs["conv1"].data)


def test_outputs_and_late_features_need_no_exclusion(make_net):
    stock, shared = pair(make_net, DEPLOY)
    for seed in range(3):
        for net in (stock, shared):
            net.forward(data=images(seed))
        for blob in ("prob", "score", "fc", "data"):
            np.testing.assert_array_equal(
                stock.blobs[blob].data, shared.blobs[blob].data
            )


def test_forward_returns_the_blobs_asked_for(make_net):
    stock, shared = pair(make_net, DEPLOY)
    for seed in range(2):
        a = stock.forward(blobs=["conv1", "pool"], data=images(seed))
        b = shared.forward(["conv1", "pool"], data=images(seed))
        assert a.keys() == b.keys() == {"conv1", "pool", "prob"}
        for blob in a:
            np.testing.assert_array_equal(a[blob], b[blob])


def test_forward_all_extracts_features(make_net):
    stock, shared = pair(make_net, DEPLOY)
    data = np.concatenate([images(1), images(2), images(3)[:2]])
    a = stock.forward_all(blobs=["conv2"], data=data)
    b = shared.forward_all(blobs=["conv2"], data=data)
    assert len(b["conv2"]) == 10
    for blob in a:
        np.testing.assert_array_equal(a[blob], b[blob])


def test_after_an_error_the_blob_is_kept(make_net):
    stock, shared = pair(make_net, DEPLOY)
    shared.forward(data=images())
    with pytest.raises(RuntimeError):
        _ = shared.blobs["conv1"].data
    for net in (stock, shared):
        net.forward(data=images(5))
    np.testing.assert_array_equal(stock.blobs["conv1"].data, shared.blobs["conv1"].data)


def test_arrays_taken_once_follow_the_net(make_net):
    """As in Caffe, an array is a view of the blob, pass after pass."""
    stock, shared = pair(make_net, DEPLOY)
    views = [net.blobs["conv2"].data for net in (stock, shared)]  # before any pass
    assert not views[1].any()
    for seed in range(3):
        for net in (stock, shared):
            net.forward(data=images(seed))
        assert views[0].any()
        np.testing.assert_array_equal(*views)
    blob = shared.blobs["conv2"]
    del net, shared
    gc.collect()
    np.testing.assert_array_equal(views[0], blob.data)


def test_shapes_can_be_read_at_any_time(make_net):
    net = make_net(SHARED + DEPLOY)
    net.forward(data=images())
    assert tuple(net.blobs["conv1"].shape) == (4, 6, 24, 24)


def test_surgery_in_the_middle(make_net):
    stock, shared = pair(make_net, DEPLOY)
    conv2 = np.random.default_rng(1).normal(size=(4, 6, 24, 24))
    for net in (stock, shared):
        net.blobs["conv2"].data[...] = conv2
        net.forward(start="pool")
    np.testing.assert_array_equal(stock.blobs["prob"].data, shared.blobs["prob"].data)


def test_partial_forward_on_lost_input_is_an_error(make_net):
    net = make_net(SHARED + DEPLOY)
    net.forward(data=images())
    with pytest.raises(RuntimeError, match="layer conv2 needs the data of blob"):
        net.forward(start="conv2")


def test_gradients(make_net):
    stock, shared = pair(make_net, TRAIN, caffe.TRAIN)
    results = []
    for net in (stock, shared):
        caffe.set_random_seed(3)
        net.clear_param_diffs()
        net.forward()
        asked = net.backward(diffs=["conv1", "pool"])
        params = [p.diff.copy() for ps in net.params.values() for p in ps]
        results.append([asked["conv1"], asked["pool"], *params])
    for a, b in zip(*results, strict=True):
        assert a.any()
        np.testing.assert_array_equal(a, b)
    with pytest.raises(RuntimeError, match='diff of blob "conv3"'):
        _ = shared.blobs["conv3"].diff


def test_backward_twice_is_an_error_not_garbage(make_net):
    net = make_net(SHARED + TRAIN, caffe.TRAIN)
    net.forward()
    net.backward()
    with pytest.raises(RuntimeError, match="needs the data of blob"):
        net.backward()


def test_backward_in_a_test_net(make_net):
    net = make_net(SHARED + DEPLOY)
    net.forward(data=images())
    net.backward(prob=np.ones((4, 3)))  # no loss: nothing to do, as in Caffe
    stock, shared = pair(make_net, "force_backward: true\n" + DEPLOY)
    diffs = []
    for net in (stock, shared):
        net.forward(data=images())
        score = np.zeros((4, 3), "f")
        score[:, 1] = 1
        diffs.append(net.backward(prob=score)["data"])
    assert diffs[0].any()
    np.testing.assert_array_equal(*diffs)


def test_reshape(make_net):
    stock, shared = pair(make_net, DEPLOY.replace('"prob" type', '"prob" type'))
    for batch in (2, 7, 1, 4):
        data = np.random.default_rng(batch).normal(size=(batch, 3, 24, 24))
        for net in (stock, shared):
            net.blobs["data"].reshape(*data.shape)
            net.reshape()
            net.forward(data=data.astype("f"))
        np.testing.assert_array_equal(
            stock.blobs["prob"].data, shared.blobs["prob"].data
        )


def test_test_nets_are_shared_on_request_only(make_net):
    net = make_net(DEPLOY)
    net.forward(data=images())
    assert net.blobs["conv1"].data.any()


@pytest.mark.parametrize("by_type", [True, False])
def test_solvers(tmp_path, by_type):
    def train(memory, recompute=""):
        net = tmp_path / "net.prototxt"
        net.write_text(memory.replace("}", recompute + "}") + TRAIN)
        solver_file = tmp_path / "solver.prototxt"
        solver_file.write_text(
            f'net: "{net}" base_lr: 0.1 lr_policy: "fixed" momentum: 0.9 '
            'max_iter: 100 type: "SGD" random_seed: 5 test_iter: 1 '
            "test_interval: 2 snapshot_after_train: false"
        )
        make = caffe.SGDSolver if by_type else caffe.get_solver
        solver = make(str(solver_file))
        solver.step(5)
        solver.test_nets[0].forward()
        loss = solver.test_nets[0].blobs["loss"].data
        return [p[0].data.copy() for p in solver.net.params.values()] + [loss]

    expected = train(UNSHARED)
    for result in (train(SHARED), train(SHARED, "recompute {}")):
        for a, b in zip(expected, result, strict=True):
            np.testing.assert_array_equal(a, b)
