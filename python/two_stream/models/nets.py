"""An architecture between its data and its losses."""

from __future__ import annotations

from types import ModuleType

import caffe
from caffe import layers, params
from caffe.net_spec import Top
from caffe.proto import caffe_pb2

from two_stream.errors import UserError
from two_stream.models import clarifai, googlenet, small, vgg16
from two_stream.models.builder import NetBuilder, gaussian
from two_stream.models.settings import NetSettings

ARCHITECTURES: dict[str, ModuleType] = {
    "vgg16": vgg16,
    "googlenet": googlenet,
    "clarifai": clarifai,
    "small": small,
}

# The last layer and the blob of scores, in every net. Weights are copied by layer
# name: that of the ImageNet models (fc8, loss3/classifier) must be another, so
# that theirs is left out; that of the authors' spatial models is this one.
SCORE = "fc8-1"
# One crop of one stack a video: some 10 points below the protocol of section
# 4.1, and called so in every log.
ACCURACY_BLOB = "accuracy_centre_crop"


def train_val(architecture: str, settings: NetSettings) -> caffe_pb2.NetParameter:
    """The net for training, with TEST layers for one centre crop a video."""
    name = f"{settings.stream}_{architecture}"
    net = NetBuilder(name, training=True, gathers=settings.gather)
    _video_data(net.spec, settings, caffe.TRAIN)
    score = _score(net, architecture, settings)
    net.loss("loss", score)
    net.spec[ACCURACY_BLOB] = layers.Accuracy(
        score, net.labels, include={"phase": caffe.TEST}
    )
    # A spec has one layer to a blob: that of the other phase has one of its own.
    test = caffe.NetSpec()
    _video_data(test, settings, caffe.TEST)
    message = net.to_proto()
    if settings.gather and all(layer.type != "Gather" for layer in message.layer):
        raise UserError(f"{architecture} has no fully connected layers to gather for")
    message.layer.insert(1, test.to_proto().layer[0])
    return message


def deploy(
    architecture: str, settings: NetSettings, batch: int = 10
) -> caffe_pb2.NetParameter:
    """The net for testing: blob ``data`` in, blob ``fc8-1`` (scores) out."""
    net = NetBuilder(f"{settings.stream}_{architecture}", training=False)
    shape = {"dim": [batch, settings.channels, settings.crop, settings.crop]}
    net.spec["data"] = layers.Input(input_param={"shape": shape})
    _score(net, architecture, settings)
    return net.to_proto()


def _score(net: NetBuilder, architecture: str, settings: NetSettings) -> Top:
    features = ARCHITECTURES[architecture].body(net, settings)
    return net.fc(SCORE, features, settings.classes, filler=gaussian(0.001))


def _video_data(spec: caffe.NetSpec, settings: NetSettings, phase: int) -> None:
    training = phase == caffe.TRAIN
    video = {
        "source": settings.train_list if training else settings.test_list,
        "batch_size": settings.train_batch if training else settings.test_batch,
        "new_length": settings.length,
        "modality": params.VideoData.FLOW if settings.is_flow else params.VideoData.RGB,
    }
    if settings.height:
        video |= {"new_height": settings.height, "new_width": settings.width}
    transform = {
        "crop_size": settings.crop,
        "mirror": training and settings.mirror,
        "mean_value": list(settings.mean),
    }
    if settings.scale != 1:
        transform["scale"] = settings.scale
    if settings.is_flow:
        transform["is_flow"] = True
    if training:
        video["shuffle"] = True
        if settings.fix_crop:
            transform["fix_crop"] = True
        if settings.multi_scale:
            transform |= {"multi_scale": True, "scale_ratios": [1, 0.875, 0.75, 0.66]}
            transform["max_distort"] = 1
    labels = "label_local" if settings.gather else "label"
    spec["data"], spec[labels] = layers.VideoData(
        ntop=2,
        include={"phase": phase},
        transform_param=transform,
        video_data_param=video,
    )
