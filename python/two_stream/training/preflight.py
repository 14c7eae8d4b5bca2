"""What can be found wrong before the first iteration."""

from __future__ import annotations

import dataclasses

from two_stream.check.against_net import check_settings
from two_stream.check.findings import Report
from two_stream.check.run import check
from two_stream.console import note, warn
from two_stream.data.provenance import (
    data_provenance,
    differences,
    read_model_provenance,
)
from two_stream.errors import UserError
from two_stream.files import sha256
from two_stream.nets import prototxt
from two_stream.nets.probe import NetShapes, probe
from two_stream.nets.weights import check_weights
from two_stream.training.files import TrainFiles
from two_stream.training.settings import TrainSettings

_SHOWN = 5


def preflight(s: TrainSettings, files: TrainFiles) -> None:
    """Checks the data fast, then the weights; raises UserError for an error.

    Warnings are printed.
    """
    shapes = probe(files.net, prototxt.TRAIN)
    if s.check:
        _check_data(prototxt.read_net(files.net), shapes, files)
    if s.weights:
        _check_weights(s, shapes, files)


def check_snapshot(path: str) -> None:
    """Raises UserError for what is no solver state; Caffe checks what it holds."""
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise UserError(
            f"{path}: cannot read the snapshot ({error.strerror})"
        ) from None
    if ".solverstate" not in path:
        raise UserError(f"{path}: not a solver state; weights go to --weights")


def _check_weights(s: TrainSettings, shapes: NetShapes, files: TrainFiles) -> None:
    found = check_weights(s.weights, files.net, shapes, all_layers=False)
    said = f"weights: {len(found.copied)} layers copied"
    if found.fresh:
        said += f"; fresh: {', '.join(found.fresh)}"
    note(said)
    if len(found.fresh) > len(found.copied):
        warn(
            f"{', '.join(s.weights)}: more layers start fresh ({len(found.fresh)}) "
            f"than are copied ({len(found.copied)})"
        )


def _check_data(net, shapes: NetShapes, files: TrainFiles) -> None:
    lists = {}
    for phase in (prototxt.TRAIN, prototxt.TEST):
        spec = prototxt.find_data(net, phase)
        if spec:
            lists[phase] = spec.source
    report = Report()
    for phase in lists:
        wanted = check_settings(files.net, None, phase, shapes)
        # The first of the two phases has compared the lists.
        found = check(
            dataclasses.replace(wanted, train_list=None, fast=True, progress=False)
        )
        report.findings += found.findings
        report.videos += found.videos
    for finding in report.warnings[:_SHOWN]:
        warn(str(finding))
    if len(report.warnings) > _SHOWN:
        warn(f"{len(report.warnings) - _SHOWN} more warnings: `two-stream check`")
    if report.errors:
        for finding in report.errors[1:_SHOWN]:
            warn(str(finding))
        rest = len(report.errors) - 1
        more = f" ({rest} more errors; `two-stream check` shows all)" if rest else ""
        raise UserError(f"{report.errors[0]}{more}")
    if lists:
        note(f"checked {report.videos} videos of {' and '.join(lists.values())}")


def training_provenance(s: TrainSettings, files: TrainFiles) -> dict:
    """Returns what the weights are made of, to be kept beside them.

    A training that is resumed has the weights that it started from. Warns if its
    data is made another way now.
    """
    net = prototxt.read_net(files.net)
    spec = prototxt.find_data(net, prototxt.TRAIN)
    data = data_provenance(spec.source, spec.root_folder) if spec else None
    before = (read_model_provenance(s.snapshot) if s.snapshot else None) or {}
    found = differences(before.get("data"), data, spec.modality) if spec else []
    if found:
        warn(
            f"{s.snapshot} was trained on {spec.modality} made another way than the "
            f"data of {spec.source}: {'; '.join(found)}"
        )
    weights = {path: sha256(path) for path in s.weights}
    return {
        "format": 1,
        "solver": files.solver,
        "net": files.net,
        "net_sha256": sha256(files.net),
        "weights": weights or before.get("weights", {}),
        "modality": spec.modality if spec else None,
        "list": spec.source if spec else None,
        "data": data,
    }
