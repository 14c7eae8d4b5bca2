"""VGG-16: thirteen 3 x 3 convolutions (Simonyan and Zisserman, ICLR 2015).

Layers are named as in the published ImageNet model. Of the paper's three nets it
is the one with the best result (table 4), with dropout of 0.9 and 0.9 (spatial)
or 0.9 and 0.8 (temporal) after its hidden fully connected layers.
"""

from __future__ import annotations

from caffe.net_spec import Top

from two_stream.models.builder import XAVIER, NetBuilder, gaussian
from two_stream.models.settings import NetSettings

# Convolutions and their outputs in each block, and a pooling behind it.
_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


def body(net: NetBuilder, settings: NetSettings) -> Top:
    """From ``data`` to the features that are classified."""
    top = net.spec["data"]
    for block, (count, outputs) in enumerate(_BLOCKS, start=1):
        for number in range(1, count + 1):
            name = f"{block}_{number}"
            relu = f"relu{name}"
            top = net.conv(
                f"conv{name}", top, outputs, 3, pad=1, filler=XAVIER, relu=relu
            )
        top = net.pool(f"pool{block}", top, 2, 2)
    top = net.gather("pool5")
    return net.hidden(top, 4096, 4096, settings.high_dropout, filler=gaussian(0.005))
