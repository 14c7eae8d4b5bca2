"""Net and weight files: the probe, the tested net, fit, cross-modality."""

import os
import subprocess
import sys

import numpy as np
import pytest
from google.protobuf import text_format
from small_data import random_weights, write_small_net
from two_stream import cli
from two_stream.errors import UserError
from two_stream.locate import CHECKOUT, load_proto, pycaffe_folder, python_environment
from two_stream.nets import deploy, prototxt, weights
from two_stream.nets.probe import NetShapes, last_error, probe
from two_stream.nets.temporal_init import average_and_repeat

TRAIN_VAL = """
name: "train_val"
layer { name: "train" type: "VideoData" top: "data" top: "label"
  include { phase: TRAIN }
  transform_param { crop_size: 24 mirror: true is_flow: true mean_value: 128 }
  video_data_param { source: "train.txt" batch_size: 5 new_length: 5 modality: FLOW } }
layer { name: "test" type: "VideoData" top: "data" top: "label"
  include { phase: TEST }
  transform_param { crop_size: 24 mean_value: 127 mean_value: 126 scale: 0.5 }
  video_data_param { source: "test.txt" batch_size: 2 new_length: 5 modality: FLOW
    new_width: 40 new_height: 30 name_pattern: "flow_%c_%05d.jpg" root_folder: "data"
    short_clip: PAD } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 4 kernel_size: 3
    weight_filler { type: "xavier" } } }
layer { name: "drop" type: "Dropout" bottom: "conv1" top: "conv1" }
layer { name: "aux" type: "InnerProduct" bottom: "conv1" top: "aux"
  inner_product_param { num_output: 6 } }
layer { name: "aux_loss" type: "SoftmaxWithLoss" bottom: "aux" bottom: "label"
  top: "aux_loss" include { phase: TRAIN } }
layer { name: "fc8" type: "InnerProduct" bottom: "conv1" top: "fc8"
  inner_product_param { num_output: 6 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc8" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "fc8" bottom: "label" top: "accuracy"
  include { phase: TEST } }
"""

V1_DEPLOY = """
name: "v1"
input: "data" input_dim: 10 input_dim: 3 input_dim: 32 input_dim: 32
layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1"
  convolution_param { num_output: 4 kernel_size: 5 stride: 3 } }
layers { name: "relu1" type: RELU bottom: "conv1" top: "conv1" }
layers { name: "fc8" type: INNER_PRODUCT bottom: "conv1" top: "fc8"
  inner_product_param { num_output: 3 } }
layers { name: "prob" type: SOFTMAX bottom: "fc8" top: "prob" }
"""


@pytest.fixture
def train_val(tmp_path):
    path = tmp_path / "train_val.prototxt"
    path.write_text(TRAIN_VAL)
    return path


def test_data_layer_of_a_phase(train_val):
    net = prototxt.read_net(train_val)
    test = prototxt.find_data(net, "TEST")
    assert (test.layer, test.source, test.modality) == ("test", "test.txt", "flow")
    assert (test.channels, test.crop, test.resize) == (10, 24, (40, 30))
    assert (test.mean_values, test.scale) == ((127, 126), 0.5)
    assert (test.pattern, test.short_clip) == ("flow_%c_%05d.jpg", "pad")
    assert prototxt.find_data(net, "TRAIN").source == "train.txt"


def test_parse_errors_name_the_line(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text('name: "x"\nlayer {\n  nonsense: 3\n}\n')
    with pytest.raises(UserError, match=r"net.prototxt:3: .*nonsense"):
        prototxt.read_net(path)
    with pytest.raises(UserError, match="cannot read it .No such file"):
        prototxt.read_net(tmp_path / "none.prototxt")


@pytest.mark.parametrize(
    "text, devices",
    [
        ("device_id: [0,1,2,3]\nbase_lr: 0.5", [0, 1, 2, 3]),
        ("device_id: 2 device_id: 1\nbase_lr: 0.5", [2, 1]),
        ("device_id: [0,\n1]; base_lr: 0.5, device_id: 3,", [0, 1, 3]),
        ("# device_id: 7\nbase_lr: 0.5 richness: 200", []),
    ],
)
def test_the_fork_s_solvers_parse(tmp_path, text, devices):
    path = tmp_path / "solver.prototxt"
    path.write_text(text)
    solver = prototxt.read_solver(path)
    assert solver.device_ids == devices and solver.param.base_lr == 0.5


def test_tested_net_of_a_train_val_file(train_val):
    made = deploy.scoring_net(prototxt.read_net(train_val), batch=20)
    assert (made.input, made.scores) == ("data", "fc8")
    assert [layer.name for layer in made.net.layer] == ["test", "conv1", "drop", "fc8"]
    assert list(made.net.layer[0].input_param.shape[0].dim) == [20, 10, 24, 24]
    aux = deploy.scoring_net(prototxt.read_net(train_val), 20, "aux")
    assert [layer.name for layer in aux.net.layer][-1] == "aux"
    with pytest.raises(UserError, match="has no blob 'none'"):
        deploy.scoring_net(prototxt.read_net(train_val), 20, "none")


def test_softmax_in_place_is_left_out(tmp_path):
    path = write_small_net(tmp_path / "net.prototxt", 3)
    path.write_text(path.read_text().replace('top: "prob"', 'top: "fc8"'))
    made = deploy.scoring_net(prototxt.read_net(path), 10)
    assert made.scores == "fc8"
    assert [layer.name for layer in made.net.layer][-1] == "fc8"


@pytest.mark.parametrize("stream", ["spatial", "temporal"])
@pytest.mark.parametrize("name", ["vgg16", "googlenet", "clarifai", "small"])
def test_shipped_nets_can_be_tested(stream, name):
    for kind in ("train_val", "deploy"):
        path = CHECKOUT / "models" / f"{stream}_{name}_{kind}.prototxt"
        made = deploy.scoring_net(prototxt.read_net(path), 10)
        assert made.input == "data" and made.scores == "fc8-1"
        assert made.net.layer[-1].top == ["fc8-1"]
        kinds = {layer.type for layer in made.net.layer}
        assert not kinds & {"VideoData", "Softmax", "SoftmaxWithLoss", "Accuracy"}


def test_probe_needs_neither_data_nor_weights(train_val):
    shapes = probe(train_val, "TRAIN")
    assert shapes.params == {
        "conv1": [(4, 10, 3, 3), (4,)],
        "aux": [(6, 4 * 22 * 22), (6,)],
        "fc8": [(6, 4 * 22 * 22), (6,)],
    }
    assert shapes.blobs["data"] == (1, 10, 24, 24)
    assert shapes.types["conv1"] == "Convolution"


def test_probe_reads_v1_nets(tmp_path):
    (tmp_path / "v1.prototxt").write_text(V1_DEPLOY)
    shapes = probe(tmp_path / "v1.prototxt", "TEST")
    assert shapes.params["fc8"] == [(3, 400), (3,)]
    tested = deploy.scoring_net(prototxt.read_net(tmp_path / "v1.prototxt"), 10)
    assert (tested.input, tested.scores) == ("data", "fc8")


def test_probe_tells_why_caffe_refuses(tmp_path):
    path = write_small_net(tmp_path / "net.prototxt", 3)
    path.write_text(path.read_text().replace('bottom: "conv1"', 'bottom: "conv9"', 1))
    with pytest.raises(UserError, match="cannot set the TEST net up: .*conv9"):
        probe(path, "TEST")


def test_last_error_of_both_log_prefixes():
    cause = "net.cpp:373] Unknown bottom blob 'x'"
    for date in ("F1123", "F20231123"):
        log = f"I1123 1 2 a] b\n{date} 08:00:00.1  12 {cause}\n*** Check failure\n"
        assert last_error(log) == cause
    assert last_error("Traceback\n  ValueError: what\n") == "ValueError: what"


NET = NetShapes(
    {"conv1": [(4, 3, 5, 5), (4,)], "fc7": [(6, 8), (6,)], "fc8": [(2, 6), (2,)]},
    {},
    {},
    (),
)


@pytest.mark.parametrize("v1", [False, True])
def test_match_of_weights(tmp_path, v1):
    file = tmp_path / "w.caffemodel"
    layers = {"conv1": [(4, 3, 5, 5), (4,)], "fc7": [(6, 8), (6,)], "old": [(5, 6)]}
    random_weights(file, layers, v1=v1)
    found = weights.check_weights([file], "net", NET, all_layers=False)
    assert found.copied == ["conv1", "fc7"]
    assert found.fresh == ["fc8"] and found.unused == ["old"]
    with pytest.raises(UserError, match="no weights for fc8 of net"):
        weights.check_weights([file], "net", NET, all_layers=True)


def test_weights_that_cannot_be_meant_are_refused(tmp_path):
    file = tmp_path / "w.caffemodel"
    random_weights(file, {"a": [(1,)], "b": [(2, 2)]})
    with pytest.raises(
        UserError, match=r"every layer would start fresh .weights: a, b; net: conv1"
    ):
        weights.check_weights([file], "net", NET, all_layers=False)
    random_weights(file, {"conv1": [(4, 10, 5, 5), (4,)]})
    with pytest.raises(
        UserError, match="conv1 is 4 x 10 x 5 x 5 and 4 in .*, 4 x 3 x 5 x 5 and 4"
    ):
        weights.check_weights([file], "net", NET, all_layers=False)
    file.write_bytes(b"\x0a\xffnonsense")
    with pytest.raises(UserError, match="not a .caffemodel"):
        weights.match([file], NET)
    file.write_bytes(b"")
    with pytest.raises(UserError, match="holds no layers"):
        weights.match([file], NET)


def test_hdf5_weights_by_caffe_itself(tmp_path):
    net = write_small_net(tmp_path / "net.prototxt", 3)
    code = (
        f"import caffe; n = caffe.Net({str(net)!r}, 1); n.save_hdf5('w.caffemodel.h5')"
    )
    run_python(code, tmp_path)
    found = weights.match([tmp_path / "w.caffemodel.h5"], probe(net, "TEST"))
    assert found.copied == ["conv1", "fc8"] and not found.fresh


def run_python(code, folder):
    command = [sys.executable, "-c", code]
    subprocess.run(command, check=True, cwd=folder, env=python_environment())


def test_average_by_hand():
    filters = np.arange(2 * 3 * 1 * 2, dtype=np.float32).reshape(2, 3, 1, 2)
    # Filter 0 is [[0, 1], [2, 3], [4, 5]] by channel: means 2 and 3.
    expected = np.array([[[2, 3]] * 4, [[8, 9]] * 4], np.float32).reshape(2, 4, 1, 2)
    np.testing.assert_array_equal(average_and_repeat(filters, 4), expected)


@pytest.mark.parametrize("v1", [False, True])
def test_init_temporal_command(tmp_path, capsys, v1):
    net = write_small_net(tmp_path / "net.prototxt", channels=10, classes=5)
    layers = {"conv1": [(4, 3, 5, 5), (4,)], "fc8": [(5, 400), (5,)], "x": [(1,)]}
    source = random_weights(tmp_path / "rgb.caffemodel", layers, v1=v1)
    out = tmp_path / "flow.caffemodel"
    arguments = ["--weights", str(tmp_path / "rgb.caffemodel"), "--net", str(net)]
    assert cli.main(["init-temporal", *arguments, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "averaged  conv1: 3 channels, repeated over 10" in said
    assert "copied    1 layers: fc8" in said and "not used  x" in said
    code = (
        f"import caffe, numpy; n = caffe.Net({str(net)!r}, 1, weights={str(out)!r}); "
        "numpy.savez('out.npz', *[b.data for k in n.params for b in n.params[k]])"
    )
    run_python(code, tmp_path)
    loaded = np.load(tmp_path / "out.npz")
    rgb = source["conv1"][0].astype(np.float64)
    for channel in range(10):
        mean = (rgb[:, 0] + rgb[:, 1] + rgb[:, 2]) / 3
        np.testing.assert_allclose(loaded["arr_0"][:, channel], mean, rtol=1e-6)
    np.testing.assert_array_equal(loaded["arr_1"], source["conv1"][1])
    np.testing.assert_array_equal(loaded["arr_2"], source["fc8"][0])
    np.testing.assert_array_equal(loaded["arr_3"], source["fc8"][1])


def test_init_temporal_leaves_out_what_differs(tmp_path, capsys):
    net = write_small_net(tmp_path / "net.prototxt", channels=10, classes=5)
    file, out = tmp_path / "rgb.caffemodel", tmp_path / "out.caffemodel"
    random_weights(file, {"conv1": [(4, 3, 5, 5), (4,)], "fc8": [(9, 400), (9,)]})
    arguments = ["--weights", str(file), "--net", str(net), "--out", str(out)]
    assert cli.main(["init-temporal", *arguments]) == 0
    assert (
        "fresh     fc8: 9 x 400 and 9, the net has 5 x 400" in capsys.readouterr().out
    )
    made = load_proto().NetParameter.FromString(out.read_bytes())
    assert [layer.name for layer in made.layer] == ["conv1"]

    random_weights(file, {"other": [(4, 3, 5, 5)]})
    assert cli.main(["init-temporal", *arguments]) == 1
    assert "first layer, conv1, is not in the weights" in capsys.readouterr().err
    random_weights(file, {"conv1": [(4, 3, 7, 7), (4,)]})
    assert cli.main(["init-temporal", *arguments]) == 1
    assert "only the number of input channels may differ" in capsys.readouterr().err


def test_the_tool_runs_from_anywhere(tmp_path):
    net = write_small_net(tmp_path / "net.prototxt", channels=4)
    random_weights(tmp_path / "rgb.caffemodel", {"conv1": [(4, 3, 5, 5), (4,)]})
    tool = CHECKOUT / "tools" / "init_temporal.py"
    command = [sys.executable, str(tool), "--weights", "rgb.caffemodel", "--net"]
    command += [net.name, "--out", "flow.caffemodel"]
    environment = dict(os.environ) | {"PYTHONPATH": str(pycaffe_folder())}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
    assert (tmp_path / "flow.caffemodel").stat().st_size > 0


def test_v1_text_has_today_s_type_names():
    net = text_format.Parse(V1_DEPLOY, load_proto().NetParameter())
    types = [layer.type for layer in prototxt.layers(net)]
    assert types == ["Convolution", "ReLU", "InnerProduct", "Softmax"]
