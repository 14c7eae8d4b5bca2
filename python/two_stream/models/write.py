"""Writes a stream's three files, and the ones in ``models/``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from two_stream_prep.files import write_text

from two_stream.models.nets import ARCHITECTURES, deploy, train_val
from two_stream.models.presets import recipe_for, settings_for
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
    name: str | None = None,
) -> ModelFiles:
    """Write NAME_{train_val,deploy,solver}.prototxt; NAME: stream_architecture.

    The solver names its net and snapshots as ``folder`` is given: a relative one
    means that `caffe train` is to be started where it is relative to.
    """
    folder = Path(folder)
    name = name or f"{settings.stream}_{architecture}"
    recipe = recipe or recipe_for(architecture, settings.stream)
    files = ModelFiles(
        *(
            folder / f"{name}_{kind}.prototxt"
            for kind in ("train_val", "deploy", "solver")
        )
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
    paths = []
    for architecture in ARCHITECTURES:
        for stream in STREAMS:
            settings = settings_for(architecture, stream)
            recipe = recipe_for(architecture, stream)
            files = write_models(folder, architecture, settings, recipe)
            paths += [files.train_val, files.deploy, files.solver]
    return paths
