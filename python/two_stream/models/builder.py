"""Layers by ``caffe.NetSpec``."""

from __future__ import annotations

import caffe
from caffe import layers, params
from caffe.net_spec import Top
from caffe.proto import caffe_pb2

# Weights; biases learn twice as fast and don't decay, as in the authors' nets.
_PARAMS = [{"lr_mult": 1, "decay_mult": 1}, {"lr_mult": 2, "decay_mult": 0}]


def gaussian(std: float) -> dict:
    """A weight filler."""
    return {"type": "gaussian", "std": std}


XAVIER = {"type": "xavier"}


class NetBuilder:
    """Appends layers to a ``spec``; each method returns its (first) top.

    Layers and their tops have the same name, but for those in place.
    """

    def __init__(self, name: str, training: bool, gathers: bool = False):
        self.name = name
        self.spec = caffe.NetSpec()
        self.training = training
        self.gathers = gathers

    def to_proto(self) -> caffe_pb2.NetParameter:
        """The net; its buffers are shared."""
        net = self.spec.to_proto()
        net.name = self.name
        net.mem_param.optimize_train = True
        net.mem_param.optimize_test = True
        return net

    @property
    def labels(self) -> Top:
        """Those of the rows that the layers see from here on."""
        return self.spec.tops.get("label") or self.spec["label_local"]

    def conv(
        self,
        name: str,
        bottom: Top,
        outputs: int,
        kernel: int,
        *,
        pad: int = 0,
        stride: int = 1,
        filler: dict = XAVIER,
        bias: float = 0,
        relu: str | None = None,
    ) -> Top:
        """Convolution and an in-place ReLU (named ``relu``)."""
        fields = {"num_output": outputs, "kernel_size": kernel}
        if pad:
            fields["pad"] = pad
        if stride > 1:
            fields["stride"] = stride
        fields |= _fillers(filler, bias)
        self.spec[name] = layers.Convolution(bottom, param=_PARAMS, **fields)
        return self.relu(relu or f"relu_{name}", self.spec[name])

    def fc(
        self, name: str, bottom: Top, outputs: int, *, filler: dict, bias: float = 0
    ) -> Top:
        """A fully connected layer."""
        fields = {"num_output": outputs} | _fillers(filler, bias)
        self.spec[name] = layers.InnerProduct(bottom, param=_PARAMS, **fields)
        return self.spec[name]

    def relu(self, name: str, bottom: Top) -> Top:
        """In place."""
        self.spec[name] = layers.ReLU(bottom, in_place=True)
        return self.spec[name]

    def dropout(self, name: str, bottom: Top, ratio: float) -> Top:
        """In place; ``ratio`` is the share set to 0."""
        self.spec[name] = layers.Dropout(bottom, in_place=True, dropout_ratio=ratio)
        return self.spec[name]

    def pool(
        self,
        name: str,
        bottom: Top,
        kernel: int,
        stride: int,
        *,
        pad: int = 0,
        method: int = params.Pooling.MAX,
    ) -> Top:
        """Pooling; Caffe rounds its output size up."""
        fields = {"pool": method, "kernel_size": kernel, "stride": stride}
        if pad:
            fields["pad"] = pad
        self.spec[name] = layers.Pooling(bottom, **fields)
        return self.spec[name]

    def lrn(self, name: str, bottom: Top, alpha: float = 0.0001, k: float = 1) -> Top:
        """Local response normalisation over 5 channels."""
        fields = {"local_size": 5, "alpha": alpha, "beta": 0.75}
        if k != 1:
            fields["k"] = k
        self.spec[name] = layers.LRN(bottom, **fields)
        return self.spec[name]

    def concat(self, name: str, bottoms: list[Top]) -> Top:
        """Along the channels."""
        self.spec[name] = layers.Concat(*bottoms)
        return self.spec[name]

    def loss(self, name: str, scores: Top, weight: float | None = None) -> Top:
        """Softmax and its loss against the labels."""
        fields = {} if weight is None else {"loss_weight": weight}
        self.spec[name] = layers.SoftmaxWithLoss(scores, self.labels, **fields)
        return self.spec[name]

    def hidden(
        self,
        bottom: Top,
        outputs6: int,
        outputs7: int,
        dropout: tuple[float, float],
        *,
        filler: dict,
    ) -> Top:
        """The two hidden fully connected layers, fc6 and fc7."""
        top = bottom
        for number, outputs, ratio in zip(
            (6, 7), (outputs6, outputs7), dropout, strict=True
        ):
            top = self.fc(f"fc{number}", top, outputs, filler=filler)
            top = self.relu(f"relu{number}", top)
            top = self.dropout(f"drop{number}", top, ratio)
        return top

    def gather(self, name: str) -> Top:
        """All ranks' rows of the blob ``name``, the last so far, and of the labels.

        Without ``gathers`` it is what it was: the layers behind see this rank's
        rows.
        """
        spec, local = self.spec, self.spec[name]
        if self.gathers:
            del spec.tops[name]
            spec[f"{name}_local"] = local
            local.fn.params["name"] = name  # of the layer
            spec[name], spec["label"] = layers.Gather(
                local, spec["label_local"], name="gather", ntop=2
            )
        return spec[name]


def _fillers(weights: dict, bias: float) -> dict:
    return {
        "weight_filler": weights,
        "bias_filler": {"type": "constant", "value": bias},
    }
