"""Files written for, and by, the paper's 2015 fork of Caffe."""

import re

import caffe
import cv2
import numpy as np
import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format
from wire import blob, field

# In the style of the authors' files: lists in brackets, local tops, memory.
TRAIN_VAL = """
name: "action"
mem_param: { optimize_train: true  optimize_test: true  exclude_blob: "pool5_local" }
layer {
  name: "data" type: "VideoData" top: "data" top: "label_local"
  video_data_param {
    source: "%(list)s"
    batch_size: 2
    new_length: 3
    new_height: 40
    new_width: 56
    shuffle: true
    modality: FLOW
    name_pattern: "flow_%%c_%%04d.jpg"
  }
  transform_param{
    crop_size: 32
    mirror: true
    fix_crop: true
    more_fix_crop: true
    multi_scale: true
    max_distort: 1
    scale_ratios: [1,.875,.75, .66]
    mean_value: [128]
    is_flow: true
  }
  include: { phase: TRAIN }
}
layer {
  name: "data" type: "VideoData" top: "data" top: "label_local"
  video_data_param {
    source: "%(list)s" batch_size: 2 new_length: 3 modality: FLOW
    new_height: 40 new_width: 56 name_pattern: "flow_%%c_%%04d.jpg" }
  transform_param{ crop_size: 32 mirror: false mean_value: 128 is_flow: true }
  include: { phase: TEST }
}
layer { name: "conv1_1" type: "Convolution" bottom: "data" top: "conv1_1"
  param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
  convolution_param { num_output: 4 pad: 1 kernel_size: 3
    weight_filler { type: "xavier" } } }
layer { name: "conv1_1_bn" type: "BN" bottom: "conv1_1" top: "conv1_1_bn"
  param { lr_mult: 1 decay_mult: 0 } param { lr_mult: 1 decay_mult: 0 }
  bn_param { engine: CAFFE frozen: false
    slope_filler { type: "constant" value: 1 }
    bias_filler { type: "constant" value: 0 } } }
layer { name: "pool5" type: "Pooling" bottom: "conv1_1_bn" top: "pool5_local"
  pooling_param { pool: MAX kernel_size: 8 stride: 8 } }
%(gather)s
layer { name: "fc8-1" type: "InnerProduct" bottom: "pool5" top: "fc8-1"
  inner_product_param { num_output: 3
    weight_filler { type: "gaussian" std: 0.001 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc8-1" bottom: "label"
  top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "fc8-1" bottom: "label"
  top: "accuracy" include { phase: TEST } }
"""
GATHER = """
layer { name: "gather" type: "Gather" bottom: "pool5_local" bottom: "label_local"
  top: "pool5" top: "label" }
"""
SOLVER = """
net: "net.prototxt"
test_iter: 2
test_interval: 2
test_initialization: true
display: 1
base_lr: 0.005
lr_policy: "multistep"
gamma: 0.1
stepvalue: [2, 3]
max_iter: 4
iter_size: 2
momentum: 0.9
weight_decay: 0.0005
clip_gradients: 20
snapshot: 4
snapshot_prefix: "out"
solver_mode: CPU
device_id: [0,1,2,3]
richness: 200
"""


@pytest.fixture
def folder(tmp_path):
    """Three classes of one video each, 6 flow fields of noise."""
    rng = np.random.default_rng(4)
    for label in range(3):
        (tmp_path / f"video{label}").mkdir()
        for number in range(1, 7):
            for axis in "xy":
                name = f"video{label}/flow_{axis}_{number:04d}.jpg"
                pixels = rng.integers(0, 256, (40, 56), np.uint8)
                assert cv2.imwrite(str(tmp_path / name), pixels)
    lines = [f"video{label} 6 {label}\n" for label in range(3)]
    (tmp_path / "list.txt").write_text("".join(lines))
    text = TRAIN_VAL % {"list": "list.txt", "gather": GATHER}
    (tmp_path / "net.prototxt").write_text(text)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    return tmp_path


def test_net_and_solver_of_the_fork_train(folder, run_caffe):
    run = run_caffe("train", "-solver", "solver.prototxt", cwd=folder)
    assert run.returncode == 0, run.stderr
    losses = re.findall(r"Iteration \d.*, loss = ([\d.]+)", run.stderr)
    assert len(losses) >= 4
    weights = caffe_pb2.NetParameter()
    weights.ParseFromString((folder / "out_iter_4.caffemodel").read_bytes())
    by_name = {layer.name: layer for layer in weights.layer}
    assert len(by_name["conv1_1_bn"].blobs) == 4
    assert any(by_name["conv1_1_bn"].blobs[2].data)  # the moving mean has moved


def test_layers_of_version_1_are_upgraded(tmp_path):
    """`layers`, enumerated types, blobs_lr: by Caffe's own upgrade."""
    (tmp_path / "deploy.prototxt").write_text(
        """
        input: "data" input_dim: 2 input_dim: 6 input_dim: 8 input_dim: 8
        layers { name: "conv1_1" type: CONVOLUTION bottom: "data" top: "conv1_1"
          blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
          convolution_param { num_output: 4 kernel_size: 3 } }
        layers { name: "relu1_1" type: RELU bottom: "conv1_1" top: "conv1_1" }
        layers { name: "fc8-1" type: INNER_PRODUCT bottom: "conv1_1" top: "fc8-1"
          inner_product_param { num_output: 3 } }
        """
    )
    net = caffe.Net(str(tmp_path / "deploy.prototxt"), caffe.TEST)
    assert [layer.type for layer in net.layers] == [
        "Input",
        "Convolution",
        "ReLU",
        "InnerProduct",
    ]
    assert net.blobs["fc8-1"].data.shape == (2, 3)


def test_caffemodel_of_the_fork_loads(tmp_path):
    """With the fork's own field numbers, which mean other things in Caffe 1.0.

    137 is embed_param there, 140 elu_param and 141 bias_param.
    """
    rng = np.random.default_rng(6)
    blobs = {
        "conv1_1": [rng.normal(size=(4, 6, 3, 3)), rng.normal(size=4)],
        "conv1_1_bn": [rng.random((1, 4)) + 0.5 for _ in range(4)],
        "fc8-1": [rng.normal(size=(3, 4 * 16)), rng.normal(size=3)],
    }
    filler = field(1, "constant") + field(2, 1.0)
    bn = field(1, filler) + field(2, filler) + field(3, 0.9) + field(4, 1e-5)
    bn += field(5, True) + field(6, 1)
    video = field(1, "ucf101_flow_split_1.txt") + field(4, 50) + field(8, True)
    video += field(9, 256) + field(10, 340) + field(11, 10) + field(13, 1)
    video += field(14, "flow_%c_%04d.jpg")
    transform = field(2, True) + field(3, 224) + field(10, True) + field(11, True)
    transform += field(12, 1.0) + field(12, 0.875) + field(13, 1) + field(14, True)
    transform += field(15, True) + field(16, 1) + field(20, False)

    def layer(name, kind, *extra):
        message = field(1, name) + field(2, kind) + field(3, "below") + field(4, name)
        message += b"".join(field(7, blob(values)) for values in blobs.get(name, ()))
        return field(100, message + b"".join(extra))

    model = field(1, "VGG16-action")
    model += layer("data", "VideoData", field(100, transform), field(140, video))
    model += layer("conv1_1", "Convolution", field(106, field(1, 4) + field(4, 3)))
    model += layer("conv1_1_bn", "BN", field(137, bn))
    model += layer("roi", "ROIPooling", field(141, field(1, 7) + field(3, 0.0625)))
    model += layer("gather", "Gather")
    model += layer("fc8-1", "InnerProduct", field(117, field(1, 3)))
    model += field(200, field(1, True) + field(2, True) + field(3, "pool5_local"))
    weights = tmp_path / "fork.caffemodel"
    weights.write_bytes(model)

    text = TRAIN_VAL % {"list": "list.txt", "gather": ""}
    net_message = text_format.Parse(text, caffe_pb2.NetParameter())
    del net_message.layer[:2]
    net_message.layer.insert(
        0,
        caffe_pb2.LayerParameter(
            name="data",
            type="Input",
            top=["data", "label"],
            input_param={"shape": [{"dim": [2, 6, 32, 32]}, {"dim": [2]}]},
        ),
    )
    net_message.layer[3].top[0] = "pool5"
    (tmp_path / "net.prototxt").write_text(text_format.MessageToString(net_message))
    net = caffe.Net(str(tmp_path / "net.prototxt"), str(weights), caffe.TEST)
    for name, expected in blobs.items():
        for ours, theirs in zip(net.params[name], expected, strict=True):
            np.testing.assert_array_equal(ours.data, theirs.astype(np.float32))

    parsed = caffe_pb2.NetParameter.FromString(model)
    assert parsed.mem_param.optimize_test
    assert parsed.mem_param.exclude_blob == ["pool5_local"]
    assert parsed.layer[0].transform_param.fix_crop
    assert parsed.layer[0].transform_param.is_flow
    assert not parsed.layer[0].HasField("video_data_param")
