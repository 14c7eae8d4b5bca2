"""What a weights file holds, and how it fits a net, before Caffe tries.

Weights are copied by name: a layer that the net has not is ignored, a layer that
the file has not stays fresh, and a shape that differs ends the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from two_stream.errors import UserError
from two_stream.locate import load_proto
from two_stream.nets.probe import NetShapes, Shape


def read_weights(path: str | Path):
    """Returns the NetParameter of a .caffemodel; raises UserError."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot read weights ({error.strerror})") from None
    net = load_proto().NetParameter()
    try:
        net.ParseFromString(data)
    except DecodeError:
        raise UserError(f"{path}: not a .caffemodel, or cut short") from None
    if not net.layer and not net.layers:
        raise UserError(f"{path}: holds no layers; is it a .caffemodel?")
    return net


def learned_layers(net) -> Iterator[tuple[str, Any]]:
    """Yields (name, blobs) of the layers that have weights, V0 and V1 too."""
    for layer in net.layer or net.layers:
        inner = layer.layer if hasattr(layer, "layer") else None  # V0 inside V1
        for found in (layer, inner):
            if found is not None and found.blobs:
                yield found.name, found.blobs


def blob_shape(blob) -> Shape:
    """Returns a blob's shape; before 2015 always four dimensions."""
    if blob.HasField("shape"):
        return tuple(blob.shape.dim)
    return (blob.num, blob.channels, blob.height, blob.width)


def same_shape(source: Shape, target: Shape) -> bool:
    """Tells whether one is loaded as the other: but for axes of 1, they are equal.

    Old files pad to four dimensions; some have BN's blobs as 1 x C x 1 x 1.
    """
    return _without_ones(source) == _without_ones(target)


def _without_ones(shape: Shape) -> list[int]:
    return [size for size in shape if size != 1]


def weight_shapes(path: str | Path) -> dict[str, list[Shape]]:
    """Returns the shapes by layer of a .caffemodel or .caffemodel.h5."""
    if str(path).endswith(".h5"):
        return _hdf5_shapes(path)
    layers = learned_layers(read_weights(path))
    return {name: [blob_shape(blob) for blob in blobs] for name, blobs in layers}


def _hdf5_shapes(path: str | Path) -> dict[str, list[Shape]]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return {
                name: [tuple(group[key].shape) for key in sorted(group, key=int)]
                for name, group in file["data"].items()
                if len(group)
            }
    except (OSError, KeyError) as error:
        raise UserError(f"{path}: cannot read weights ({error})") from None


@dataclass(frozen=True)
class Match:
    """How weights fit a net: names of layers."""

    copied: list[str]
    fresh: list[str]
    unused: list[str]
    differing: list[str]


def match(files: Sequence[str | Path], net: NetShapes) -> Match:
    """Compares the layers of weights files, copied in turn, with the net's.

    ``differing`` has a sentence for each layer that Caffe would refuse.
    """
    found: dict[str, tuple[str | Path, list[Shape]]] = {}
    for path in files:
        for name, shapes in weight_shapes(path).items():
            found[name] = (path, shapes)
    copied, fresh, differing = [], [], []
    for name, target in net.params.items():
        if name not in found:
            fresh.append(name)
            continue
        path, source = found[name]
        if len(source) == len(target) and all(map(same_shape, source, target)):
            copied.append(name)
        else:
            differing.append(f"{name} is {show(source)} in {path}, {show(target)}")
    unused = [name for name in found if name not in net.params]
    return Match(copied, fresh, unused, differing)


def show(shapes: Sequence[Shape]) -> str:
    """Returns shapes for people: 64 x 3 x 3 x 3 and 64."""
    return " and ".join(" x ".join(map(str, shape)) or "scalar" for shape in shapes)


def check_weights(
    files: Sequence[str | Path], net_path: str | Path, net: NetShapes, all_layers: bool
) -> Match:
    """Returns the match; raises UserError if training or testing makes no sense.

    That is: a shape differs, or no layer of the files is the net's. With
    ``all_layers`` (testing) no layer may stay fresh.
    """
    names = ", ".join(map(str, files))
    result = match(files, net)
    if result.differing:
        raise UserError(
            f"{net_path}: layer {result.differing[0]} in the net; rename the layer in "
            "the net to learn it afresh, or use `two-stream init-temporal`"
        )
    if not result.copied and net.params:
        raise UserError(
            f"{names}: no layer has the name of one in {net_path}, so every layer "
            f"would start fresh (weights: {_some(result.unused)}; net: "
            f"{_some(result.fresh)}); give weights of this architecture"
        )
    if all_layers and result.fresh:
        raise UserError(
            f"{names}: no weights for {_some(result.fresh)} of {net_path}; give the "
            "net that these weights were trained with"
        )
    return result


def _some(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
