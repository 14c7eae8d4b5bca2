"""What a net file asks of its data."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from two_stream.check.on_disk import Needs
from two_stream.check.run import CheckSettings, guess_modality
from two_stream.data.patterns import channels_per_position
from two_stream.errors import UserError
from two_stream.nets import deploy, prototxt
from two_stream.nets.probe import NetShapes, probe


def check_settings(
    net_path: str | Path,
    list_path: str | None,
    phase: str | None = None,
    shapes: NetShapes | None = None,
) -> CheckSettings:
    """Returns the settings to check a list for a net.

    A train_val file tells by its VideoData layer: of ``phase``, else of the one
    that reads this list, else of TRAIN; without ``list_path``, its own list is
    meant. A net that reads this list in one phase and another list in the other
    has both compared. A deploy file tells by its input. ``shapes`` are the
    net's, if they are known already. Raises UserError.
    """
    net = prototxt.read_net(net_path)
    phases = (prototxt.TRAIN, prototxt.TEST)
    specs = {name: prototxt.find_data(net, name) for name in phases}
    if phase is None:
        same = [name for name in phases if _reads(specs[name], list_path)]
        phase = same[0] if same else prototxt.TRAIN
    spec = specs[phase] or (specs[prototxt.TEST] if list_path else None)
    if spec is None:
        if list_path is None:
            raise UserError(f"{net_path}: no VideoData layer in phase {phase}")
        return _of_input(net_path, net, list_path)
    shapes = shapes or probe(net_path, phase)
    path = list_path or spec.source
    train = phase == prototxt.TRAIN
    other = None
    if _reads(specs[phase], path):
        other = _other_list(specs[prototxt.TEST if train else prototxt.TRAIN], path)
    return CheckSettings(
        list=path,
        test_list=other if train else None,
        train_list=None if train else other,
        modality=spec.modality,
        needs=Needs(spec.length, (spec.crop,) * 2, spec.resize, spec.short_clip),
        classes=classes_of(net, shapes),
        train=train,
        root_folder=spec.root_folder,
        pattern=spec.pattern,
        store_path=spec.store_path,
    )


def _reads(spec: prototxt.DataSpec | None, list_path: str | None) -> bool:
    if spec is None or list_path is None:
        return False
    return Path(spec.source).resolve() == Path(list_path).resolve()


def _other_list(spec: prototxt.DataSpec | None, path: str) -> str | None:
    """Returns the list of the other phase, if there is one, and another."""
    if spec is None or _reads(spec, path) or not Path(spec.source).is_file():
        return None
    return spec.source


def _of_input(net_path, net, list_path: str) -> CheckSettings:
    tested = deploy.scoring_net(net, 1)
    shapes = probe(net_path, prototxt.TEST)
    shape = shapes.blobs[tested.input]
    modality = guess_modality(list_path) if shape[1] % 2 == 0 else "rgb"
    length = max(1, shape[1] // channels_per_position(modality))
    return CheckSettings(
        list=list_path,
        modality=modality,
        needs=Needs(length, tuple(shape[2:4])),
        classes=classes_of(net, shapes),
        train=False,
    )


def classes_of(net, shapes: NetShapes) -> int | None:
    """Returns how many classes a net tells apart, None if that is not clear."""
    shape = shapes.blobs.get(deploy.find_scores(net))
    return int(np.prod(shape[1:])) if shape and len(shape) > 1 else None


def with_changes(settings: CheckSettings, **changes) -> CheckSettings:
    """Returns the settings with those changes that are not None."""
    given = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(settings, **given)
