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

    def __init__(self, name: str, training: bool, gathers: bool = False):
        self.net = caffe_pb2.NetParameter(name=name)
        self.training = training
        self.gathers = gathers

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

    def lrn(self, name: str, bottom: str, alpha: float = 0.0001, k: float = 1) -> str:
        """Local response normalisation over 5 channels."""
        param = {"local_size": 5, "alpha": alpha, "beta": 0.75}
        if k != 1:
            param["k"] = k
        return self.layer("LRN", name, bottom, lrn_param=param)

    def hidden(
        self,
        bottom: str,
        outputs6: int,
        outputs7: int,
        dropout: tuple[float, float],
        *,
        filler: dict,
    ) -> str:
        """The two hidden fully connected layers, fc6 and fc7."""
        top = bottom
        for number, outputs, ratio in zip(
            (6, 7), (outputs6, outputs7), dropout, strict=True
        ):
            top = self.fc(f"fc{number}", top, outputs, filler=filler)
            self.relu(f"relu{number}", top)
            self.dropout(f"drop{number}", top, ratio)
        return top

    def gather(self, blob: str) -> str:
        """All ranks' rows of ``blob``, the last layer's top, and of the labels.

        Without ``gathers`` nothing: the layers behind see this rank's rows.
        """
        if self.gathers:
            local = f"{blob}_local"
            self.net.layer[-1].top[0] = local
            self.layer("Gather", "gather", [local, "label_local"], [blob, "label"])
        return blob
