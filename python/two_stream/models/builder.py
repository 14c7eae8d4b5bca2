"""Layers in Caffe's own messages, with the paper's learning rates."""

from __future__ import annotations

from caffe.proto import caffe_pb2

# Weights; biases learn twice as fast and don't decay (section 4.1).
_PARAMS = ({"lr_mult": 1, "decay_mult": 1}, {"lr_mult": 2, "decay_mult": 0})


def gaussian(std: float) -> dict:
    """A weight filler."""
    return {"type": "gaussian", "std": std}


XAVIER = {"type": "xavier"}


class NetBuilder:
    """Appends layers to a net; each method returns its (first) top's name."""

    def __init__(self, name: str, training: bool):
        self.net = caffe_pb2.NetParameter(name=name)
        self.training = training

    def layer(self, kind: str, name: str, bottom=(), top=None, **fields) -> str:
        """Any layer; ``top`` defaults to its name."""
        bottoms = [bottom] if isinstance(bottom, str) else list(bottom)
        tops = [name] if top is None else [top] if isinstance(top, str) else list(top)
        self.net.layer.add(name=name, type=kind, bottom=bottoms, top=tops, **fields)
        return tops[0] if tops else ""

    def conv(
        self,
        name: str,
        bottom: str,
        outputs: int,
        kernel: int,
        *,
        pad: int = 0,
        stride: int = 1,
        filler: dict = XAVIER,
        bias: float = 0,
        relu: str | None = None,
    ) -> str:
        """Convolution and an in-place ReLU (named ``relu``)."""
        param = {"num_output": outputs, "kernel_size": [kernel]}
        if pad:
            param["pad"] = [pad]
        if stride > 1:
            param["stride"] = [stride]
        param["weight_filler"] = filler
        param["bias_filler"] = {"type": "constant", "value": bias}
        self.layer("Convolution", name, bottom, param=_PARAMS, convolution_param=param)
        return self.relu(relu or f"relu_{name}", name)

    def fc(
        self,
        name: str,
        bottom: str,
        outputs: int,
        *,
        filler: dict,
        bias: float = 0,
        top: str | None = None,
    ) -> str:
        """A fully connected layer."""
        param = {
            "num_output": outputs,
            "weight_filler": filler,
            "bias_filler": {"type": "constant", "value": bias},
        }
        return self.layer(
            "InnerProduct", name, bottom, top, param=_PARAMS, inner_product_param=param
        )

    def relu(self, name: str, blob: str) -> str:
        """In place."""
        return self.layer("ReLU", name, blob, blob)

    def dropout(self, name: str, blob: str, ratio: float) -> str:
        """In place; ``ratio`` is the share set to 0."""
        param = {"dropout_ratio": ratio}
        return self.layer("Dropout", name, blob, blob, dropout_param=param)

    def pool(
        self,
        name: str,
        bottom: str,
        kernel: int,
        stride: int,
        *,
        pad: int = 0,
        method: str = "MAX",
        top: str | None = None,
    ) -> str:
        """Pooling; Caffe rounds its output size up."""
        param = {"pool": method, "kernel_size": kernel, "stride": stride}
        if pad:
            param["pad"] = pad
        return self.layer("Pooling", name, bottom, top, pooling_param=param)

    def lrn(self, name: str, bottom: str) -> str:
        """Local response normalisation over 5 channels, as AlexNet's."""
        param = {"local_size": 5, "alpha": 0.0001, "beta": 0.75}
        return self.layer("LRN", name, bottom, lrn_param=param)
