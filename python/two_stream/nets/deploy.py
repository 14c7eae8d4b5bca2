"""From a net file to the net that is tested: an input, and the class scores.

Works from a deploy file or from a train_val file, whose VideoData layer becomes
an input. Only what the scores need is kept: neither losses nor softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from two_stream.errors import UserError
from two_stream.locate import load_proto
from two_stream.nets import prototxt


@dataclass(frozen=True)
class ScoringNet:
    """A net with one input."""

    net: Any
    input: str
    scores: str


def find_scores(net) -> str:
    """Returns the blob of class scores before softmax, in phase TEST.

    It is what the last loss, else the last softmax or accuracy takes; else the
    last layer's output.
    """
    tested = [
        layer
        for layer in prototxt.layers(net, prototxt.TEST)
        if layer.bottoms and layer.tops
    ]
    if not tested:
        raise UserError(f"net '{net.name}' has no layers")
    for kind in ("SoftmaxWithLoss", "Softmax", "Accuracy"):
        for layer in reversed(tested):
            if layer.type == kind:
                if not net.layer and layer.tops == layer.bottoms:  # V1 is not cut
                    raise UserError(
                        f"net '{net.name}': layer {layer.name} writes over the "
                        "scores; rename its top"
                    )
                return layer.bottoms[0]
    return tested[-1].tops[0]


def scoring_net(net, batch: int, scores: str | None = None) -> ScoringNet:
    """Returns a copy of the net that takes views and gives their class scores.

    ``scores`` names the blob of scores; else it is found. ``batch`` is set where
    the file has a VideoData or Input layer; a file with ``input_dim`` is
    reshaped when it is loaded. Raises UserError.
    """
    scores = scores or find_scores(net)
    if not net.layer:  # V1: Caffe upgrades it when it reads the file
        return ScoringNet(net, _input_name(net), scores)
    copy = load_proto().NetParameter()
    copy.CopyFrom(net)
    del copy.layer[:]
    kept = _needed(net, scores)
    for layer in kept:
        if layer.type != "VideoData":
            copy.layer.add().CopyFrom(layer.proto)
            del copy.layer[-1].include[:], copy.layer[-1].exclude[:]
            continue
        spec = prototxt.data_spec(layer)
        if spec.crop == 0:
            raise UserError(
                f"net '{net.name}': layer {layer.name} has no crop_size, so the "
                "net's input has no fixed size; give a deploy file"
            )
        made = copy.layer.add(name=layer.name, type="Input", top=layer.tops[:1])
        shape = (batch, spec.channels, spec.crop, spec.crop)
        made.input_param.shape.add(dim=shape)
    if copy.HasField("mem_param"):  # read after the pass, so not to be shared
        copy.mem_param.exclude_blob.append(scores)
    return ScoringNet(copy, _input_name(copy), scores)


def _needed(net, scores: str) -> list[prototxt.Layer]:
    """Returns the layers that the blob depends on, in order."""
    wanted, kept, found = {scores}, [], False
    for layer in reversed(list(prototxt.layers(net, prototxt.TEST))):
        if layer.type == "Softmax" and layer.tops == layer.bottoms == [scores]:
            continue
        if wanted & set(layer.tops):
            found = found or scores in layer.tops
            if layer.type == "Gather":
                layer = _gathering(layer, wanted)
            kept.append(layer)
            wanted |= set(layer.bottoms)
    if not found:
        raise UserError(f"net '{net.name}' has no blob '{scores}'; --blob names it")
    return kept[::-1]


def _gathering(layer: prototxt.Layer, wanted: set[str]) -> prototxt.Layer:
    """Returns a Gather of the wanted blobs alone: without the labels."""
    pairs = zip(layer.bottoms, layer.tops, strict=True)
    bottoms, tops = zip(*(pair for pair in pairs if pair[1] in wanted), strict=True)
    proto = type(layer.proto)()
    proto.CopyFrom(layer.proto)
    del proto.bottom[:], proto.top[:]
    proto.bottom.extend(bottoms)
    proto.top.extend(tops)
    return prototxt.Layer(layer.name, layer.type, list(bottoms), list(tops), proto)


def _input_name(net) -> str:
    inputs = list(net.input)
    for layer in prototxt.layers(net, prototxt.TEST):
        if layer.type == "Input":
            inputs += layer.tops
    if len(inputs) != 1:
        raise UserError(
            f"net '{net.name}' has {len(inputs)} inputs; evaluation needs one: give "
            "a deploy file, or a train_val file with a VideoData layer"
        )
    return inputs[0]
