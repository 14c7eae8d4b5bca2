"""Starts a temporal net from an RGB model (section 3, "cross modality").

The filters of the first layer are averaged over their colour channels and
repeated over the 2L channels of flow; every other layer is copied by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from two_stream.errors import UserError
from two_stream.files import atomic_path
from two_stream.locate import load_proto
from two_stream.nets import weights
from two_stream.nets.probe import NetShapes, probe


@dataclass(frozen=True)
class InitReport:
    """What became of the layers; ``fresh`` gives the cause of each."""

    averaged: str
    channels: tuple[int, int]
    copied: list[str]
    fresh: dict[str, str]
    unused: list[str]


def average_and_repeat(filters: np.ndarray, channels: int) -> np.ndarray:
    """Returns filters over ``channels``, each the mean of the filter's own.

    Shapes: out x in x height x width to out x channels x height x width.
    """
    mean = filters.astype(np.float64).mean(axis=1, keepdims=True)
    return np.repeat(mean, channels, axis=1).astype(np.float32)


def init_temporal(source, target: NetShapes):
    """Returns (NetParameter of weights, InitReport) for the target net.

    ``source`` is a NetParameter with weights, new or V1. Layers that have no
    counterpart are left out, so that Caffe fills them as the net file says.
    Raises UserError if the first layer cannot be made.
    """
    blobs_of = dict(weights.learned_layers(source))
    if not target.params:
        raise UserError("the net has no layer that learns")
    first = next(iter(target.params))
    made = load_proto().NetParameter(name=source.name)
    copied, fresh, before = [], {}, 0
    for name, shapes in target.params.items():
        if name not in blobs_of:
            fresh[name] = "not in the weights"
            continue
        blobs = blobs_of[name]
        have = [weights.blob_shape(blob) for blob in blobs]
        same = len(have) == len(shapes) and all(map(weights.same_shape, have, shapes))
        if name == first:
            before = _input_channels(name, have, shapes)
        elif not same:
            fresh[name] = f"{weights.show(have)}, the net has {weights.show(shapes)}"
            continue
        layer = made.layer.add(name=name, type=target.types.get(name, ""))
        for blob in blobs:
            layer.blobs.add().CopyFrom(blob)
        if name == first:
            _repeat_channels(layer.blobs[0], shapes[0])
        else:
            copied.append(name)
    if first in fresh:
        raise UserError(
            f"the net's first layer, {first}, is not in the weights (they have "
            f"{', '.join(list(blobs_of)[:4])}, ...); give weights of this architecture"
        )
    unused = [name for name in blobs_of if name not in target.params]
    report = InitReport(
        first, (before, target.params[first][0][1]), copied, fresh, unused
    )
    return made, report


def _input_channels(name: str, have, shapes) -> int:
    """Returns the source's channels; raises UserError unless only they differ."""
    fits = (
        len(have) == len(shapes)
        and len(have[0]) == len(shapes[0]) == 4
        and have[0][0] == shapes[0][0]
        and have[0][2:] == shapes[0][2:]
        and all(map(weights.same_shape, have[1:], shapes[1:]))
    )
    if not fits:
        raise UserError(
            f"the first layer, {name}, is {weights.show(have)} in the weights, "
            f"{weights.show(shapes)} in the net; only the number of input channels "
            "may differ"
        )
    return have[0][1]


def _repeat_channels(blob, shape) -> None:
    filters = np.array(blob.data or blob.double_data, np.float32)
    filters = filters.reshape(weights.blob_shape(blob))
    blob.Clear()
    blob.shape.dim.extend(shape)
    blob.data.extend(average_and_repeat(filters, shape[1]).ravel().tolist())


def init_temporal_file(
    weights_path: str | Path, net_path: str | Path, out: str | Path
) -> InitReport:
    """Reads weights and net, writes the new weights; returns the report."""
    source = weights.read_weights(weights_path)
    made, report = init_temporal(source, probe(net_path, "TRAIN"))
    with atomic_path(out) as temporary:
        temporary.write_bytes(made.SerializeToString())
    return report
