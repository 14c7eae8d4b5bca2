"""A small net that learns a handful of classes on a CPU in a minute.

Three convolutions and two fully connected layers, 0.2 million parameters for
crops of 64 x 64.
"""

from __future__ import annotations

from caffe.net_spec import Top

from two_stream.models.builder import XAVIER, NetBuilder
from two_stream.models.settings import NetSettings


def body(net: NetBuilder, settings: NetSettings) -> Top:
    """From ``data`` to the features that are classified."""
    first, _ = settings.dropout or (0.5, 0.5)
    top = net.conv("conv1", net.spec["data"], 32, 5, pad=2, stride=2, relu="relu1")
    top = net.pool("pool1", top, 3, 2)
    top = net.conv("conv2", top, 64, 3, pad=1, relu="relu2")
    top = net.pool("pool2", top, 3, 2)
    top = net.conv("conv3", top, 64, 3, pad=1, relu="relu3")
    top = net.pool("pool3", top, 3, 2)
    top = net.fc("fc6", top, 128, filler=XAVIER)
    top = net.relu("relu6", top)
    return net.dropout("drop6", top, first)
