"""What would end a run hours later, found before its first step."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from two_stream.errors import UserError
from two_stream.locate import caffe_binary
from two_stream.nets import prototxt
from two_stream.nets.probe import last_error, probe
from two_stream.nets.temporal_init import init_temporal
from two_stream.nets.weights import check_weights, read_weights
from two_stream.protocol.oversample import crop_views
from two_stream.reproduce.nets import stream_net, stream_recipe
from two_stream.reproduce.settings import STREAMS, ReproduceSettings
from two_stream.training.files import overridden

# Fields of a solver by which the steps find each other's files.
_OWN_FIELDS = (
    "net",
    "net_param",
    "train_net",
    "test_net",
    "snapshot_prefix",
    "snapshot_format",
    "snapshot_after_train",
)


def preflight(s: ReproduceSettings, classes: int) -> None:
    """Tries protocol, flow, ranks, solvers, weights and GPUs.

    Raises UserError.
    """
    crop_views(s.crops)
    s.extraction()
    with tempfile.TemporaryDirectory(prefix="two_stream_") as folder:
        for stream in STREAMS:
            _try_net(s, stream, classes, Path(folder))
    if s.gpus:
        _try_gpus(s.gpus)


def _try_net(s: ReproduceSettings, stream: str, classes: int, folder: Path) -> None:
    from two_stream.models import write_models

    net = stream_net(s, stream, s.splits[0], classes, 1)
    files = write_models(folder, s.net, net, stream_recipe(s, stream, 1))
    _try_solver(files.solver, s.overrides(stream))
    if s.weights is None:
        return
    shapes = probe(files.train_val, prototxt.TRAIN)
    if stream == "temporal":
        init_temporal(read_weights(s.weights), shapes)
    else:
        check_weights([s.weights], files.train_val.name, shapes, all_layers=False)


def _try_solver(path: Path, overrides: tuple[str, ...]) -> None:
    for text in overrides:
        name = text.partition("=")[0].strip()
        if name in _OWN_FIELDS:
            raise UserError(f"--set {text}: {name} is reproduce's own; leave it out")
    overridden(prototxt.read_solver(path).param, overrides)


def _try_gpus(gpus: tuple[int, ...]) -> None:
    numbers = ",".join(map(str, gpus))
    command = [caffe_binary(gpu=True), "device_query", "-gpu", numbers]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        cause = last_error(done.stderr).removeprefix("error: ")
        raise UserError(f"--gpu {numbers}: {cause}")
