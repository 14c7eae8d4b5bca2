"""From settings and files to a plan in which nothing is left open."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format

from two_stream.data import classes as class_files
from two_stream.data import lists, means
from two_stream.data.frames import Locator, locate
from two_stream.data.patterns import FLOW, RGB, channels_per_position
from two_stream.data.provenance import data_provenance, read_model_provenance
from two_stream.data.stores import open_store
from two_stream.errors import UserError
from two_stream.evaluation.fits import check_images, check_labels
from two_stream.evaluation.sampling import Sampling
from two_stream.evaluation.settings import EvaluateSettings
from two_stream.files import sha256
from two_stream.nets import deploy, prototxt
from two_stream.nets.probe import probe
from two_stream.nets.weights import check_weights
from two_stream.protocol.oversample import crop_views


@dataclass(frozen=True)
class Plan:
    """All that the workers need, and all that the scores file says."""

    videos: list[lists.Video]
    ids: list[str]
    classes: list[str]
    locator: Locator
    store_path: str
    sampling: Sampling
    mean: np.ndarray
    net_text: str
    input: str
    scores: str
    weights: str
    batch: int
    provenance: dict[str, Any]


def make_plan(s: EvaluateSettings, scratch: Path) -> Plan:
    """Reads the net, weights and list; raises UserError if they do not fit.

    ``scratch`` is a folder for the net that is tested.
    """
    if Path(s.out).is_dir():
        raise UserError(f"{s.out}: it is a folder; --out names a file")
    net = prototxt.read_net(s.net)
    spec = prototxt.find_data(net, prototxt.TEST)
    if spec and spec.segments > 1 and not s.blob:
        raise UserError(
            f"{s.net}: its scores are a consensus of {spec.segments} segments; name "
            "the scores of one with --blob, or give a deploy file"
        )
    if s.mean:
        means.parse_mean(s.mean)  # throws, before anything slow
    videos = lists.read_list(s.list)
    ids = lists.video_ids(videos, s.list)
    batch = s.batch or (50 if s.gpus else 10)
    tested = deploy.scoring_net(net, max(batch // s.crops, 1) * s.crops, s.blob)
    text = text_format.MessageToString(tested.net)
    file = scratch / "net.prototxt"
    file.write_text(text, encoding="utf-8")
    shapes = probe(file, prototxt.TEST)
    check_weights([s.weights], s.net, shapes, all_layers=True)
    classes = _classes(s, shapes.blobs.get(tested.scores), tested.scores)
    _check_rows(s, shapes.blobs[tested.scores][0], shapes.blobs[tested.input][0])

    sampling = _sampling(s, spec, shapes.blobs[tested.input])
    check_labels(s.list, videos, s.net, len(classes))
    store_path = _first(s.store_path, spec and spec.store_path, "")
    root = _first(s.root_folder, spec and spec.root_folder, "")
    store = open_store(store_path)
    locator = locate(
        store,
        videos,
        s.list,
        sampling.modality,
        root,
        _first(s.pattern, spec and spec.pattern, ""),
    )
    mean, mean_source = _mean(s, spec, sampling)
    check_images(s.list, videos, store, locator, sampling, mean)
    return Plan(
        videos=videos,
        ids=ids,
        classes=classes,
        locator=locator,
        store_path=store_path,
        sampling=sampling,
        mean=mean,
        net_text=text,
        input=tested.input,
        scores=tested.scores,
        weights=str(Path(s.weights).resolve()),
        batch=batch,
        provenance={
            "net": str(s.net),
            "net_sha256": sha256(s.net),
            "weights": str(s.weights),
            "weights_sha256": sha256(s.weights),
            "list": str(s.list),
            "list_sha256": sha256(s.list),
            "blob": tested.scores,
            "mean": mean_source,
            "sampling": _plain(sampling),
            "pattern": locator.pattern,
            "data": data_provenance(s.list, root),
            "trained_on": (read_model_provenance(s.weights) or {}).get("data"),
        },
    )


def _first(*values):
    """Returns the first value that is given."""
    return next((value for value in values if value not in (None, "", ())), values[-1])


def _plain(sampling: Sampling) -> dict[str, Any]:
    """As JSON has it, so that what was read equals what was written."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in dataclasses.asdict(sampling).items()
    }


def _sampling(s: EvaluateSettings, spec, shape: tuple[int, ...]) -> Sampling:
    if len(shape) != 4:
        raise UserError(f"{s.net}: its input has {len(shape)} dimensions, not 4")
    crop_views(s.crops)  # throws
    if s.samples < 1:
        raise UserError(f"{s.samples} samples: at least 1")
    channels = shape[1]
    modality = s.modality or (spec.modality if spec else _guess(channels))
    grayscale = spec.grayscale if spec else modality == RGB and channels == 1
    unit = channels_per_position(modality, grayscale)
    length = s.length or channels // unit
    if length * unit != channels:
        raise UserError(
            f"{s.net}: its input has {channels} channels, but {length} {modality} "
            f"positions have {length * unit}; --modality and --length tell"
        )
    return Sampling(
        modality=modality,
        length=length,
        channels=channels,
        crop=(shape[2], shape[3]),
        samples=s.samples,
        crops=s.crops,
        resize=s.resize or (spec.resize if spec else None),
        scale=_first(s.scale, spec and spec.scale, 1.0),
        short_clip=_short_clip(s, spec),
        grayscale=grayscale,
    )


def _guess(channels: int) -> str:
    return RGB if channels in (1, 3) else FLOW


def _short_clip(s: EvaluateSettings, spec) -> str:
    chosen = s.short_clip or (spec.short_clip if spec else "loop")
    if chosen == "skip":
        raise UserError(
            f"{s.net}: short_clip SKIP leaves videos out of the test; choose what to "
            "do with them by --short-clip loop, pad or fail"
        )
    return chosen


def _mean(s: EvaluateSettings, spec, sampling: Sampling) -> tuple[np.ndarray, str]:
    """Returns the mean, and where it comes from."""
    if s.mean:
        return means.parse_mean(s.mean), s.mean
    if spec and spec.mean_file:
        return means.read_mean(spec.mean_file), spec.mean_file
    if spec:
        values = spec.mean_values or (0.0,)
        return np.array(values, np.float32), ",".join(f"{v:g}" for v in values)
    mean = means.usual_mean(sampling.modality, sampling.grayscale)
    return mean, "usual: " + ",".join(f"{value:g}" for value in mean)


def _classes(s: EvaluateSettings, shape, blob: str) -> list[str]:
    """Returns the names of the net's classes; their numbers where none are given.

    Without ``--classes``, a file classes.txt beside the list is used.
    """
    if shape is None or len(shape) < 2:
        raise UserError(f"{s.net}: blob {blob} does not hold class scores; --blob")
    count = int(np.prod(shape[1:]))
    file = s.classes or Path(s.list).with_name("classes.txt")
    if not s.classes and not Path(file).is_file():
        return [str(label) for label in range(count)]
    names = class_files.read_classes(file)
    if len(names) != count:
        raise UserError(f"{file}: {len(names)} classes, but {s.net} has {count}")
    return names


def _check_rows(s: EvaluateSettings, rows: int, views: int) -> None:
    if rows != views:
        raise UserError(
            f"{s.net}: its scores are {rows} for {views} views, as a consensus of "
            "segments is; name the scores of each with --blob"
        )
