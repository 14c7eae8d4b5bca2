"""Shapes of a net, found by setting it up in a process of its own.

Caffe ends the process when a net does not fit together, so the driver never
sets one up itself. ``python -m two_stream.nets.probe NET PHASE`` prints JSON.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from two_stream.errors import UserError
from two_stream.locate import python_environment
from two_stream.nets import prototxt

Shape = tuple[int, ...]


@dataclass(frozen=True)
class NetShapes:
    """A net as Caffe sees it.

    ``params`` has the layers that learn, in the net's order, with the shapes of
    their blobs; ``blobs`` and ``inputs`` have shapes for a batch of one.
    """

    params: dict[str, list[Shape]]
    types: dict[str, str]
    blobs: dict[str, Shape]
    inputs: tuple[str, ...]


def probe(net_path: str | Path, phase: str) -> NetShapes:
    """Sets the net up without its data and weights; returns its shapes.

    Raises UserError with Caffe's own words if it cannot be set up.
    """
    prototxt.read_net(net_path)  # throws, with better words
    command = [sys.executable, "-m", "two_stream.nets.probe", str(net_path), phase]
    done = subprocess.run(
        command, capture_output=True, text=True, env=python_environment()
    )
    if done.returncode:
        raise UserError(
            f"{net_path}: Caffe cannot set the {phase} net up: "
            f"{last_error(done.stderr)}"
        )
    found = json.loads(done.stdout.splitlines()[-1])
    return NetShapes(
        params={
            name: [tuple(shape) for shape in shapes]
            for name, shapes in found["params"].items()
        },
        types=found["types"],
        blobs={name: tuple(shape) for name, shape in found["blobs"].items()},
        inputs=tuple(found["inputs"]),
    )


def last_error(log: str) -> str:
    """Returns the cause of death out of a log of Caffe's or of Python's."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    fatal = [re.match(r"F\d+ \S+\s+\d+ (\S+\] .*)", line) for line in lines]
    for match in filter(None, fatal):
        return match.group(1)
    parse = [line for line in lines if "Error parsing text-format" in line]
    return (parse or lines or ["it said nothing"])[-1]


def without_data(net, phase: str):
    """Replaces the net's data layers by inputs of one sample; clears fillers.

    Zeros are quicker than random numbers, and nobody looks at them.
    """
    made = type(net)()
    made.CopyFrom(net)
    del made.layer[:]
    for layer in prototxt.layers(net, phase):
        if layer.type == "VideoData":
            spec = prototxt.data_spec(layer)
            if not spec.crop:
                raise UserError(
                    f"layer {layer.name} has no crop_size, so the net's input has "
                    "no fixed size; set transform_param { crop_size: ... }"
                )
            new = made.layer.add(name=layer.name, type="Input", top=layer.tops)
            shape = (1, spec.channels * spec.segments, spec.crop, spec.crop)
            new.input_param.shape.add(dim=shape)
            for _ in layer.tops[1:]:
                new.input_param.shape.add(dim=(1,))
            continue
        new = made.layer.add()
        new.CopyFrom(layer.proto)
        del new.include[:], new.exclude[:]
        for name in ("convolution_param", "inner_product_param"):
            if new.HasField(name):
                getattr(new, name).ClearField("weight_filler")
                getattr(new, name).ClearField("bias_filler")
    return made


def _describe(net_path: str, phase: str) -> dict:
    from google.protobuf import text_format

    net = prototxt.read_net(net_path)
    import caffe

    value = getattr(caffe, phase)
    if net.layers:  # V1: no VideoData there; Caffe upgrades the file itself
        shown = caffe.Net(net_path, value)
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
            file.write(text_format.MessageToString(without_data(net, phase)))
            file.flush()
            shown = caffe.Net(file.name, value)
    types = [layer.type for layer in shown.layers]
    names = list(shown._layer_names)
    return {
        "params": {
            name: [list(blob.shape) for blob in blobs]
            for name, blobs in shown.params.items()
        },
        "types": dict(zip(names, types, strict=True)),
        "blobs": {name: list(blob.shape) for name, blob in shown.blobs.items()},
        "inputs": list(shown.inputs),
    }


if __name__ == "__main__":
    try:
        print(json.dumps(_describe(sys.argv[1], sys.argv[2])))
    except UserError as error:
        sys.exit(str(error))
