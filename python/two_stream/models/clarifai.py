"""ClarifaiNet: the shallow net of the original two-stream work.

CNN-M-2048 of Chatfield et al. (BMVC 2014), after Zeiler and Fergus: convolutions
of 96 7 x 7 / 2, 256 5 x 5 / 2 and three times 512 3 x 3, local response
normalisation behind the first two, fully connected layers of 4096 and 2048.
Layers are named as in VGG_CNN_M_2048, the published ImageNet model, so that its
weights load. (The original temporal net left the second normalisation out, to
save memory; a net whose weights come from an RGB model keeps it.)

The paper gives no dropout ratios of its own for this net: those of VGG-16.
"""

from __future__ import annotations

from caffe.net_spec import Top

from two_stream.models.builder import NetBuilder, gaussian
from two_stream.models.settings import NetSettings

_WEIGHTS = gaussian(0.01)


def body(net: NetBuilder, settings: NetSettings) -> Top:
    """From ``data`` to the features that are classified."""
    top = net.conv(
        "conv1", net.spec["data"], 96, 7, stride=2, filler=_WEIGHTS, relu="relu1"
    )
    top = _lrn(net, "norm1", top)
    top = net.pool("pool1", top, 3, 2)
    top = net.conv("conv2", top, 256, 5, pad=1, stride=2, filler=_WEIGHTS, relu="relu2")
    top = _lrn(net, "norm2", top)
    top = net.pool("pool2", top, 3, 2)
    for number in (3, 4, 5):
        relu = f"relu{number}"
        top = net.conv(f"conv{number}", top, 512, 3, pad=1, filler=_WEIGHTS, relu=relu)
    net.pool("pool5", top, 3, 2)
    top = net.gather("pool5")
    return net.hidden(top, 4096, 2048, settings.high_dropout, filler=gaussian(0.005))


def _lrn(net: NetBuilder, name: str, bottom: Top) -> Top:
    return net.lrn(name, bottom, alpha=0.0005, k=2)
