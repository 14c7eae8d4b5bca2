"""Writes a stream's three files, and the ones in ``models/``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from two_stream_prep.files import write_text

from two_stream.models.nets import ARCHITECTURES, deploy, train_val
from two_stream.models.presets import WITH_GATHER, recipe_for, settings_for
from two_stream.models.prototxt import to_text
from two_stream.models.settings import STREAMS, NetSettings, Recipe
from two_stream.models.solver import solver

_HEADER = "Written by `python -m two_stream.models`; change that, not this."


@dataclass(frozen=True)
class ModelFiles:
    """The files of one stream's net."""

    train_val: Path
    deploy: Path
    solver: Path


def write_models(
    folder: str | os.PathLike,
    architecture: str,
    settings: NetSettings,
    recipe: Recipe | None = None,
) -> ModelFiles:
    """Write STREAM_ARCHITECTURE_{train_val,deploy,solver}.prototxt into ``folder``.

    With ``settings.gather``, train_val and solver have ``_gather`` in their names.
    The solver names its net and snapshots as ``folder`` is given: a relative one
    means that `caffe train` is to be started where it is relative to.
    """
    folder = Path(folder)
    plain = f"{settings.stream}_{architecture}"
    name = f"{plain}_gather" if settings.gather else plain
    recipe = recipe or recipe_for(architecture, settings.stream)
    files = ModelFiles(
        train_val=folder / f"{name}_train_val.prototxt",
        deploy=folder / f"{plain}_deploy.prototxt",
        solver=folder / f"{name}_solver.prototxt",
    )
    solver_message = solver(recipe, settings, str(files.train_val), str(folder / name))
    messages = {
        files.train_val: train_val(architecture, settings),
        files.deploy: deploy(architecture, settings),
        files.solver: solver_message,
    }
    for path, message in messages.items():
        write_text(path, to_text(message, _HEADER))
    return files


def write_shipped(folder: str | os.PathLike = "models") -> list[Path]:
    """Write the files that are in ``models/``; their paths.

    Start it in the repository's root: the solvers name their nets as ``folder``.
    """
    paths = {}
    for architecture in ARCHITECTURES:
        for stream in STREAMS:
            for gather in (False, True) if architecture in WITH_GATHER else (False,):
                settings = settings_for(architecture, stream, gather=gather)
                files = write_models(folder, architecture, settings)
                paths |= dict.fromkeys((files.train_val, files.deploy, files.solver))
    return list(paths)
