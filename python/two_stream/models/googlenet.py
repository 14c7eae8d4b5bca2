"""GoogLeNet: nine inception modules (Szegedy et al., CVPR 2015).

Layers are named as in Caffe's published ImageNet model. In training it has two
more classifiers, behind modules 4a and 4d, whose losses weigh 0.3 each.

The paper's high dropout is for fully connected layers, of which the main tower
has none that is hidden. Behind its average pooling stand 0.8 (spatial) and 0.7
(temporal), what the same authors later used there (Temporal Segment Networks,
ECCV 2016); the further classifiers keep the published 0.7.
"""

from __future__ import annotations

from caffe import params
from caffe.net_spec import Top

from two_stream.models.builder import XAVIER, NetBuilder
from two_stream.models.settings import NetSettings

# Outputs of: 1 x 1; 3 x 3 and its reduction; 5 x 5 and its reduction; the
# projection behind pooling.
_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
_POOLED_AFTER = {"3b": "pool3/3x3_s2", "4e": "pool4/3x3_s2"}
_CLASSIFIED_AFTER = {"4a": "loss1", "4d": "loss2"}
_BIAS = 0.2


def body(net: NetBuilder, settings: NetSettings) -> Top:
    """From ``data`` to the features that are classified."""
    top = _conv(net, "conv1", "7x7_s2", net.spec["data"], 64, 7, pad=3, stride=2)
    top = net.pool("pool1/3x3_s2", top, 3, 2)
    top = net.lrn("pool1/norm1", top)
    top = _conv(net, "conv2", "3x3_reduce", top, 64, 1)
    top = _conv(net, "conv2", "3x3", top, 192, 3, pad=1)
    top = net.lrn("conv2/norm2", top)
    top = net.pool("pool2/3x3_s2", top, 3, 2)
    for module, outputs in _MODULES.items():
        top = _inception(net, f"inception_{module}", top, outputs)
        if net.training and module in _CLASSIFIED_AFTER:
            _classifier(net, _CLASSIFIED_AFTER[module], top, settings.classes)
        if module in _POOLED_AFTER:
            top = net.pool(_POOLED_AFTER[module], top, 3, 2)
    # 7 x 7 for crops of 224 x 224.
    top = net.pool(
        "pool5/7x7_s1", top, settings.crop // 32, 1, method=params.Pooling.AVE
    )
    ratio = (
        settings.dropout[0] if settings.dropout else 0.7 if settings.is_flow else 0.8
    )
    return net.dropout("pool5/drop_7x7_s1", top, ratio)


def _conv(
    net: NetBuilder,
    group: str,
    name: str,
    bottom: Top,
    outputs: int,
    kernel: int,
    *,
    pad: int = 0,
    stride: int = 1,
) -> Top:
    return net.conv(
        f"{group}/{name}",
        bottom,
        outputs,
        kernel,
        pad=pad,
        stride=stride,
        filler=XAVIER,
        bias=_BIAS,
        relu=f"{group}/relu_{name.removesuffix('_s2')}",
    )


def _inception(net: NetBuilder, module: str, bottom: Top, outputs: tuple) -> Top:
    one, reduce3, three, reduce5, five, project = outputs
    tops = [_conv(net, module, "1x1", bottom, one, 1)]
    top = _conv(net, module, "3x3_reduce", bottom, reduce3, 1)
    tops.append(_conv(net, module, "3x3", top, three, 3, pad=1))
    top = _conv(net, module, "5x5_reduce", bottom, reduce5, 1)
    tops.append(_conv(net, module, "5x5", top, five, 5, pad=2))
    top = net.pool(f"{module}/pool", bottom, 3, 1, pad=1)
    tops.append(_conv(net, module, "pool_proj", top, project, 1))
    return net.concat(f"{module}/output", tops)


def _classifier(net: NetBuilder, name: str, bottom: Top, classes: int) -> None:
    top = net.pool(f"{name}/ave_pool", bottom, 5, 3, method=params.Pooling.AVE)
    top = _conv(net, name, "conv", top, 128, 1)
    top = net.fc(f"{name}/fc", top, 1024, filler=XAVIER, bias=_BIAS)
    top = net.relu(f"{name}/relu_fc", top)
    top = net.dropout(f"{name}/drop_fc", top, 0.7)
    # Renamed, as fc8 is: its ImageNet weights have another shape.
    top = net.fc(f"{name}/classifier-1", top, classes, filler=XAVIER)
    net.loss(f"{name}/loss", top, weight=0.3)
