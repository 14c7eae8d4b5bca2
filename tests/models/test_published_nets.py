"""Our nets beside the published ones: shapes, parameter counts, layer names."""

from pathlib import Path

import caffe
import numpy as np
import pytest
from caffe.proto import caffe_pb2
from google.protobuf import text_format
from made_up_nets import with_inputs, without_fillers
from two_stream.models import NetSettings, deploy, settings_for, to_text, train_val
from two_stream.nets.temporal_init import init_temporal_file

ROOT = Path(__file__).resolve().parents[2]
BVLC_GOOGLENET = ROOT / "build/cpu/caffe-src/models/bvlc_googlenet/train_val.prototxt"


def open_net(tmp_path, message, phase=caffe.TEST):
    path = tmp_path / "net.prototxt"
    path.write_text(to_text(without_fillers(message)))
    return caffe.Net(str(path), phase)


def parameters(net):
    return sum(blob.count for blobs in net.params.values() for blob in blobs)


def weights(outputs, inputs):
    """Of a layer that joins every input to every output, with biases."""
    return outputs * inputs + outputs


# conv1: outputs, kernel area. Two streams differ there alone.
FIRST = {"vgg16": (64, 9), "googlenet": (64, 49), "clarifai": (96, 49)}
PUBLISHED = {
    # Simonyan and Zisserman's "138 million", exactly.
    "vgg16": 138_357_544,
    # bvlc_googlenet without its two training classifiers.
    "googlenet": 6_998_552,
    # VGG_CNN_M_2048, by hand.
    "clarifai": weights(96, 3 * 49)
    + weights(256, 96 * 25)
    + weights(512, 256 * 9)
    + 2 * weights(512, 512 * 9)
    + weights(4096, 512 * 6 * 6)
    + weights(2048, 4096)
    + weights(1000, 2048),
}
SHAPES = {
    "vgg16": {
        "conv1_2": (64, 224, 224),
        "conv2_2": (128, 112, 112),
        "conv3_3": (256, 56, 56),
        "conv4_3": (512, 28, 28),
        "conv5_3": (512, 14, 14),
        "pool5": (512, 7, 7),
        "fc6": (4096,),
        "fc7": (4096,),
    },
    "googlenet": {
        "conv1/7x7_s2": (64, 112, 112),
        "pool1/3x3_s2": (64, 56, 56),
        "conv2/3x3": (192, 56, 56),
        "inception_3a/output": (256, 28, 28),
        "inception_3b/output": (480, 28, 28),
        "inception_4a/output": (512, 14, 14),
        "inception_4e/output": (832, 14, 14),
        "inception_5b/output": (1024, 7, 7),
        "pool5/7x7_s1": (1024, 1, 1),
    },
    "clarifai": {
        "conv1": (96, 109, 109),
        "pool1": (96, 54, 54),
        "conv2": (256, 26, 26),
        "pool2": (256, 13, 13),
        "conv5": (512, 13, 13),
        "pool5": (512, 6, 6),
        "fc6": (4096,),
        "fc7": (2048,),
    },
}


@pytest.mark.parametrize("stream", ["spatial", "temporal"])
@pytest.mark.parametrize("architecture", PUBLISHED)
def test_sizes_are_the_published_ones(tmp_path, architecture, stream):
    settings = settings_for(architecture, stream, classes=1000)
    net = open_net(tmp_path, deploy(architecture, settings, batch=1))
    outputs, area = FIRST[architecture]
    more_inputs = (20 - 3) if stream == "temporal" else 0
    assert parameters(net) == PUBLISHED[architecture] + outputs * area * more_inputs
    shapes = {name: net.blobs[name].data.shape[1:] for name in SHAPES[architecture]}
    assert shapes == SHAPES[architecture]
    assert net.outputs == ["fc8-1"]
    assert net.blobs["fc8-1"].data.shape == (1, 1000)


def test_googlenet_trains_as_bvlc_s(tmp_path):
    """Caffe's own training file: the same layers, shapes and parameters."""
    theirs = text_format.Parse(BVLC_GOOGLENET.read_text(), caffe_pb2.NetParameter())
    kept = [layer for layer in theirs.layer if layer.type not in ("Data", "Accuracy")]
    assert all(not layer.include for layer in kept)
    del theirs.layer[:]
    shapes = [{"dim": [2, 3, 224, 224]}, {"dim": [2]}]
    theirs.layer.add(
        name="data", type="Input", top=["data", "label"], input_param={"shape": shapes}
    )
    theirs.layer.extend(kept)
    their_message, theirs = theirs, open_net(tmp_path, theirs, caffe.TRAIN)
    settings = settings_for("googlenet", "spatial", classes=1000)
    our_message = with_inputs(train_val("googlenet", settings), [2, 3, 224, 224])
    del our_message.layer[-1]  # the accuracy
    ours = open_net(tmp_path, our_message, caffe.TRAIN)

    renamed = {
        "loss1/classifier": "loss1/classifier-1",
        "loss2/classifier": "loss2/classifier-1",
        "loss3/classifier": "fc8-1",
        "loss3/loss3": "loss",
        "loss3/loss": "loss",
        "loss1/loss1": "loss1/loss",
        "loss2/loss1": "loss2/loss",
        "loss2/loss2": "loss2/loss",
    }

    def layers(net, names):
        own = (
            (names.get(name, name), layer.type)
            for name, layer in zip(net._layer_names, net.layers, strict=True)
        )
        return sorted(item for item in own if item[1] not in ("Split", "Input"))

    def shapes(net, names):
        return {
            names.get(name, name): blob.data.shape
            for name, blob in net.blobs.items()
            if "_split_" not in name
        }

    def parameter_shapes(net, names):
        return {
            names.get(name, name): [blob.data.shape for blob in blobs]
            for name, blobs in net.params.items()
        }

    for view in (layers, shapes, parameter_shapes):
        assert view(ours, {}) == view(theirs, renamed)
    assert parameters(ours) == 13_378_280
    losses = {name: ours.blob_loss_weights[name] for name in ours.outputs}
    assert losses == {
        "loss1/loss": pytest.approx(0.3),
        "loss2/loss": pytest.approx(0.3),
        "loss": 1,
    }

    def wiring(message, names):
        return {
            names.get(layer.name, layer.name): (
                layer.type,
                [names.get(blob, blob) for blob in layer.bottom],
                [names.get(blob, blob) for blob in layer.top],
                geometry(layer),
            )
            for layer in message.layer
            # The main tower's dropout is the paper's, not the ImageNet model's.
            if layer.type != "Input" and layer.name != "pool5/drop_7x7_s1"
        }

    assert wiring(our_message, {}) == wiring(their_message, renamed)


def geometry(layer):
    """What decides a layer's numbers but its weights, as text."""
    conv, pool, lrn = layer.convolution_param, layer.pooling_param, layer.lrn_param
    if layer.type == "Convolution":
        kernel = conv.kernel_size[0]
        stride = conv.stride[0] if conv.stride else 1
        pad = conv.pad[0] if conv.pad else 0
        return f"{conv.num_output} {kernel}x{kernel}/{stride} pad {pad}"
    if layer.type == "Pooling":
        method = pool.DESCRIPTOR.enum_types_by_name["PoolMethod"]
        name = method.values_by_number[pool.pool].name
        return f"{name} {pool.kernel_size}/{pool.stride} pad {pool.pad}"
    if layer.type == "LRN":
        return f"{lrn.local_size} {lrn.alpha:.4g} {lrn.beta:.4g} k {lrn.k:.4g}"
    if layer.type == "InnerProduct":
        return f"{layer.inner_product_param.num_output}"
    if layer.type == "Dropout":
        return f"{layer.dropout_param.dropout_ratio:.4g}"
    return ""


# From data to the last layer, as the published deploy files have them; a line a
# layer with its ReLU.
SEQUENCES = {
    "clarifai": """
        conv1 96 7x7/2 pad 0, norm1 5 0.0005 0.75 k 2, pool1 MAX 3/2 pad 0
        conv2 256 5x5/2 pad 1, norm2 5 0.0005 0.75 k 2, pool2 MAX 3/2 pad 0
        conv3 512 3x3/1 pad 1, conv4 512 3x3/1 pad 1, conv5 512 3x3/1 pad 1
        pool5 MAX 3/2 pad 0
        fc6 4096, drop6 0.9, fc7 2048, drop7 {0}, fc8-1 101""",
    "vgg16": """
        conv1_1 64 3x3/1 pad 1, conv1_2 64 3x3/1 pad 1, pool1 MAX 2/2 pad 0
        conv2_1 128 3x3/1 pad 1, conv2_2 128 3x3/1 pad 1, pool2 MAX 2/2 pad 0
        conv3_1 256 3x3/1 pad 1, conv3_2 256 3x3/1 pad 1, conv3_3 256 3x3/1 pad 1
        pool3 MAX 2/2 pad 0
        conv4_1 512 3x3/1 pad 1, conv4_2 512 3x3/1 pad 1, conv4_3 512 3x3/1 pad 1
        pool4 MAX 2/2 pad 0
        conv5_1 512 3x3/1 pad 1, conv5_2 512 3x3/1 pad 1, conv5_3 512 3x3/1 pad 1
        pool5 MAX 2/2 pad 0
        fc6 4096, drop6 0.9, fc7 4096, drop7 {0}, fc8-1 101""",
}


@pytest.mark.parametrize("stream", ["spatial", "temporal"])
@pytest.mark.parametrize("architecture", SEQUENCES)
def test_sequence_is_the_published_one(architecture, stream):
    """Every layer takes the one before; a ReLU follows each but the last."""
    text = (ROOT / f"models/{stream}_{architecture}_deploy.prototxt").read_text()
    layers = text_format.Parse(text, caffe_pb2.NetParameter()).layer[1:]
    learns = ("Convolution", "InnerProduct")
    blob, found = "data", []
    for layer, behind in zip(layers, [*layers[1:], None], strict=True):
        assert list(layer.bottom) == [blob]
        blob = layer.top[0]
        if layer.type != "ReLU":
            found.append(f"{layer.name} {geometry(layer)}")
        assert (layer.type in learns and behind is not None) == (
            behind is not None and behind.type == "ReLU"
        )
    ratio = "0.9" if stream == "spatial" else "0.8"
    lines = SEQUENCES[architecture].format(ratio).strip().splitlines()
    assert found == [item for line in lines for item in line.strip().split(", ")]


# Layers with weights of the ImageNet models, as published.
IMAGENET_LAYERS = {
    "vgg16": "conv1_1 conv1_2 conv2_1 conv2_2 conv3_1 conv3_2 conv3_3 conv4_1 "
    "conv4_2 conv4_3 conv5_1 conv5_2 conv5_3 fc6 fc7 fc8",
    "clarifai": "conv1 conv2 conv3 conv4 conv5 fc6 fc7 fc8",
}
# Smaller than 224, for speed, and large enough for every layer.
SMALL_CROP = {"vgg16": 32, "googlenet": 96, "clarifai": 64}


def imagenet_layers(architecture):
    """Names of the published layers with weights, and of the classifiers."""
    if architecture != "googlenet":
        return set(IMAGENET_LAYERS[architecture].split()), {"fc8"}
    net = text_format.Parse(BVLC_GOOGLENET.read_text(), caffe_pb2.NetParameter())
    kinds = ("Convolution", "InnerProduct")
    names = {layer.name for layer in net.layer if layer.type in kinds}
    return names, {f"loss{number}/classifier" for number in (1, 2, 3)}


def training_net(architecture, stream):
    """The shipped net with an Input layer, and crops that are quick."""
    crop = SMALL_CROP[architecture]
    settings = settings_for(architecture, stream, classes=7, crop=crop)
    shape = [1, settings.channels, crop, crop]
    return with_inputs(train_val(architecture, settings), shape)


def imagenet_model(tmp_path, architecture):
    """Random weights under the published names; the net that holds them.

    The file is V1, as the published ones are: no types, blobs of four dimensions.
    """
    message = training_net(architecture, "spatial")
    for layer in message.layer:
        if layer.name.endswith("-1"):
            layer.name = layer.name.removesuffix("-1")
            if architecture == "googlenet" and layer.name == "fc8":
                layer.name = "loss3/classifier"
            layer.inner_product_param.num_output = 1000
    net = open_net(tmp_path, message, caffe.TRAIN)
    rng = np.random.default_rng(5)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = rng.standard_normal(blob.data.shape, np.float32)
    net.save(str(tmp_path / "imagenet.caffemodel"))
    write_as_v1(tmp_path / "imagenet.caffemodel")
    return net


def write_as_v1(path):
    new = caffe_pb2.NetParameter.FromString(path.read_bytes())
    old = caffe_pb2.NetParameter(name=new.name)
    for layer in new.layer:
        made = old.layers.add(name=layer.name, blobs=layer.blobs)
        for blob in made.blobs:
            shape = (1,) * (4 - len(blob.shape.dim)) + tuple(blob.shape.dim)
            blob.ClearField("shape")
            blob.num, blob.channels, blob.height, blob.width = shape
    path.write_bytes(old.SerializeToString())


@pytest.mark.parametrize("architecture", PUBLISHED)
def test_imagenet_weights_start_both_streams(tmp_path, architecture):
    """Copied by name but for the classifiers; the temporal twin by its tool."""
    imagenet = imagenet_model(tmp_path, architecture)
    published, classifiers = imagenet_layers(architecture)
    assert set(imagenet.params) == published
    first = next(iter(imagenet.params))

    temporal = tmp_path / "temporal.prototxt"
    temporal.write_text(to_text(training_net(architecture, "temporal")))
    twin = str(tmp_path / "twin.caffemodel")
    report = init_temporal_file(tmp_path / "imagenet.caffemodel", temporal, twin)
    assert report.averaged == first and report.channels == (3, 20)
    assert set(report.copied) == published - classifiers - {first}

    files = {"spatial": str(tmp_path / "imagenet.caffemodel"), "temporal": twin}
    for stream, weights_file in files.items():
        net = open_net(tmp_path, training_net(architecture, stream), caffe.TRAIN)
        net.copy_from(weights_file)
        for name in published - classifiers:
            pairs = zip(net.params[name], imagenet.params[name], strict=True)
            for number, (ours, theirs) in enumerate(pairs):
                expected = theirs.data
                if (stream, name, number) == ("temporal", first, 0):
                    mean = (expected[:, :1] + expected[:, 1:2] + expected[:, 2:]) / 3
                    expected = np.concatenate([mean] * 20, axis=1)
                    np.testing.assert_allclose(ours.data, expected, atol=1e-6)
                else:
                    np.testing.assert_array_equal(ours.data, expected)
        fresh = set(net.params) - published
        assert len(fresh) == len(classifiers)
        assert not any(blob.data.any() for name in fresh for blob in net.params[name])


def test_gather_changes_nothing_but_names():
    """Without its Gather layer the gather net is the plain one."""
    for stream in ("spatial", "temporal"):
        plain = train_val("vgg16", settings_for("vgg16", stream))
        gathers = train_val("vgg16", settings_for("vgg16", stream, gather=True))
        found = [layer for layer in gathers.layer if layer.type == "Gather"]
        assert len(found) == 1
        assert found[0].bottom == ["pool5_local", "label_local"]
        assert found[0].top == ["pool5", "label"]
        gathers.layer.remove(found[0])
        text = to_text(gathers).replace("_local", "")
        assert text == to_text(plain)


@pytest.mark.parametrize("architecture", PUBLISHED)
def test_recipes_are_the_paper_s(architecture):
    """Section 4.1; the first rate, its steps, the stop, and 256 a batch."""
    recipes = {"spatial": (0.001, 4000, 10000), "temporal": (0.005, 10000, 30000)}
    for stream, recipe in recipes.items():
        text = (ROOT / f"models/{stream}_{architecture}_solver.prototxt").read_text()
        solver = text_format.Parse(text, caffe_pb2.SolverParameter())
        found = (solver.base_lr, solver.stepsize, solver.max_iter)
        assert found == pytest.approx(recipe)
        assert (solver.lr_policy, solver.global_batch_size) == ("step", 256)
        assert (solver.gamma, solver.momentum) == pytest.approx((0.1, 0.9))
        assert solver.weight_decay == pytest.approx(0.0005)
        assert not solver.HasField("clip_gradients")


@pytest.mark.parametrize("stream", ["spatial", "temporal"])
@pytest.mark.parametrize("architecture", PUBLISHED)
def test_data_is_the_paper_s(architecture, stream):
    """Section 3: corner and multi-scale cropping from 340 x 256; TEST: the centre."""
    text = (ROOT / f"models/{stream}_{architecture}_train_val.prototxt").read_text()
    train, test = text_format.Parse(text, caffe_pb2.NetParameter()).layer[:2]
    assert train.include[0].phase == caffe.TRAIN
    assert test.include[0].phase == caffe.TEST
    for layer in (train, test):
        video, transform = layer.video_data_param, layer.transform_param
        flow = stream == "temporal"
        assert (video.new_width, video.new_height) == (340, 256)
        assert (video.new_length, video.num_segments) == (10 if flow else 1, 1)
        assert video.modality == (video.FLOW if flow else video.RGB)
        assert transform.crop_size == 224 and transform.is_flow == flow
        assert transform.mean_value == ([128] if flow else [104, 117, 123])
        training = layer is train
        drawn = (video.shuffle, transform.mirror, transform.fix_crop)
        assert (*drawn, transform.multi_scale) == (training,) * 4
    assert train.transform_param.scale_ratios == pytest.approx([1, 0.875, 0.75, 0.66])
    assert train.transform_param.max_distort == 1


def test_googlenet_s_dropout_is_tsn_s_behind_the_average():
    for stream, ratio in (("spatial", 0.8), ("temporal", 0.7)):
        text = (ROOT / f"models/{stream}_googlenet_train_val.prototxt").read_text()
        layers = text_format.Parse(text, caffe_pb2.NetParameter()).layer
        dropout = {
            layer.name: layer.dropout_param.dropout_ratio
            for layer in layers
            if layer.type == "Dropout"
        }
        published = {"loss1/drop_fc": 0.7, "loss2/drop_fc": 0.7}
        assert dropout == pytest.approx(published | {"pool5/drop_7x7_s1": ratio})


def test_settings_are_the_paper_s():
    spatial, temporal = NetSettings.spatial(), NetSettings.temporal()
    assert (spatial.channels, temporal.channels) == (3, 20)
    assert spatial.high_dropout == (0.9, 0.9) and temporal.high_dropout == (0.9, 0.8)
