"""Net and solver files: reading, and what their data layers say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from two_stream.data.patterns import FLOW, RGB, channels_per_position
from two_stream.errors import UserError
from two_stream.locate import load_proto

TRAIN, TEST = "TRAIN", "TEST"


@dataclass(frozen=True)
class Layer:
    """What a layer is, in today's names, whether the file is new or V1."""

    name: str
    type: str
    bottoms: list[str]
    tops: list[str]
    proto: Any


def read_text(path: str | Path) -> str:
    """Reads a text file; raises UserError."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot read it ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file") from None


def parse_text(text: str, path: str | Path, message):
    """Parses text format into a message; raises UserError with file and line."""
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        cause = re.sub(r"^\d+:\d+ : ", "", str(error))
        raise UserError(f"{path}:{error.GetLine() or 1}: {cause}") from None


def read_net(path: str | Path):
    """Returns a NetParameter that has layers; raises UserError."""
    net = parse_text(read_text(path), path, load_proto().NetParameter())
    if not net.layer and not net.layers:
        raise UserError(f"{path}: no layers; is it a net?")
    return net


@dataclass(frozen=True)
class Solver:
    """A solver, and what Caffe 1.0's message cannot hold.

    The 2015 fork has ``device_id`` repeated; all of them are here, none in
    ``param``.
    """

    param: Any
    device_ids: list[int]


_DEVICES = re.compile(r"(?m)^([^#\n]*?)\bdevice_id\s*:\s*(\[[^\]]*\]|\d+)\s*[;,]?")


def read_solver(path: str | Path) -> Solver:
    """Returns a solver; ``device_id: [0,1]`` or repeated is accepted."""
    devices: list[int] = []

    def take(match: re.Match) -> str:
        devices.extend(map(int, re.findall(r"\d+", match.group(2))))
        return match.group(1) + "\n" * match.group(2).count("\n")

    text = read_text(path)
    while (shorter := _DEVICES.sub(take, text)) != text:
        text = shorter
    return Solver(parse_text(text, path, load_proto().SolverParameter()), devices)


def layers(net, phase: str | None = None) -> Iterator[Layer]:
    """Yields a net's layers, of one phase if given (without stages, level 0)."""
    for proto in net.layer or net.layers:
        if phase and not in_phase(proto, phase):
            continue
        yield Layer(
            proto.name, _type(proto), list(proto.bottom), list(proto.top), proto
        )


def _type(proto) -> str:
    if isinstance(proto.type, str):
        return proto.type
    name = type(proto).LayerType.Name(proto.type)
    special = {"SOFTMAX_LOSS": "SoftmaxWithLoss", "RELU": "ReLU", "LRN": "LRN"}
    return special.get(name, name.title().replace("_", ""))


def in_phase(proto, phase: str) -> bool:
    """Tells whether a layer is in a phase, by its include and exclude rules."""
    value = load_proto().Phase.Value(phase)

    def meets(rule) -> bool:
        if rule.HasField("phase") and rule.phase != value:
            return False
        return not rule.stage and not (rule.HasField("min_level") and rule.min_level)

    if proto.include:
        return any(meets(rule) for rule in proto.include)
    return not any(meets(rule) for rule in proto.exclude)


@dataclass(frozen=True)
class DataSpec:
    """What a VideoData layer reads and how it prepares it."""

    layer: str
    tops: tuple[str, ...]
    source: str
    modality: str
    length: int
    segments: int
    batch_size: int
    crop: int
    resize: tuple[int, int] | None
    mean_values: tuple[float, ...]
    mean_file: str
    scale: float
    pattern: str
    root_folder: str
    grayscale: bool
    short_clip: str
    store_path: str

    @property
    def channels(self) -> int:
        """Channels of one segment."""
        return channels_per_position(self.modality, self.grayscale) * self.length


def data_spec(layer: Layer) -> DataSpec:
    """Returns what a VideoData layer says, its deprecated fields included."""
    video, transform = layer.proto.video_data_param, layer.proto.transform_param
    modality = FLOW if video.modality == type(video).FLOW else RGB
    resize = (video.new_width, video.new_height)
    return DataSpec(
        layer=layer.name,
        tops=tuple(layer.tops),
        source=video.source,
        modality=modality,
        length=video.new_length,
        segments=video.num_segments,
        batch_size=video.batch_size,
        crop=transform.crop_size or video.crop_size,
        resize=resize if all(resize) else None,
        mean_values=tuple(transform.mean_value),
        mean_file=transform.mean_file or video.mean_file,
        scale=transform.scale if transform.scale != 1 else video.scale,
        pattern=video.name_pattern,
        root_folder=video.root_folder,
        grayscale=video.grayscale,
        short_clip=type(video).ShortClip.Name(video.short_clip).lower(),
        store_path=video.store_path if video.store == type(video).LMDB else "",
    )


def find_data(net, phase: str) -> DataSpec | None:
    """Returns the VideoData layer of a phase, if the net has one."""
    for layer in layers(net, phase):
        if layer.type == "VideoData":
            return data_spec(layer)
    return None
