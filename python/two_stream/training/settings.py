"""What training is asked to do, and the argument list that does it."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass

from two_stream.errors import UserError


@dataclass(frozen=True)
class TrainSettings:
    """Arguments of ``two-stream train``.

    ``out`` replaces the solver's ``snapshot_prefix``; logs and curves are named
    after it. ``overrides`` are fields of the solver, as ``base_lr=0.01``. The
    lists and the root folder replace those of the net's VideoData layers.
    """

    solver: str
    weights: tuple[str, ...] = ()
    snapshot: str | None = None
    gpu: str | None = None
    workers: int | None = None
    mpi: int | None = None
    mpi_arguments: str = ""
    caffe_arguments: str = ""
    out: str | None = None
    overrides: tuple[str, ...] = ()
    train_list: str | None = None
    test_list: str | None = None
    root_folder: str | None = None
    check: bool = True
    progress: bool = True

    def __post_init__(self):
        if self.weights and self.snapshot:
            raise UserError(
                "--weights fine-tunes and --snapshot resumes: give one of them"
            )
        if sum(value is not None for value in (self.gpu, self.workers, self.mpi)) > 1:
            if not (self.gpu is not None and self.mpi is not None):
                raise UserError("--gpu, --workers and --mpi: give one of them")
        _words("--caffe-args", self.caffe_arguments)
        _words("--mpi-args", self.mpi_arguments)
        for name, value in (("--workers", self.workers), ("--mpi", self.mpi)):
            if value is not None and value < 1:
                raise UserError(f"{name} {value}: at least 1")


def caffe_arguments(s: TrainSettings, binary: str, solver: str) -> list[str]:
    """Returns the argument list of the training, mpirun's included.

    ``solver`` is the file to train by: the user's, or one with the overrides.
    """
    arguments = [binary, "train", "-solver", solver]
    if s.weights:
        arguments += ["-weights", ",".join(s.weights)]
    if s.snapshot:
        arguments += ["-snapshot", s.snapshot]
    if s.gpu is not None:
        arguments += ["-gpu", s.gpu]
    if s.workers is not None:
        arguments += ["-workers", str(s.workers)]
    arguments += _words("--caffe-args", s.caffe_arguments)
    if s.mpi is None:
        return arguments
    launcher = shutil.which("mpirun")
    if launcher is None:
        raise UserError("--mpi needs mpirun: install OpenMPI, or use --workers")
    # It would bind each of two ranks to one core, however many there are.
    launch = [launcher, "-np", str(s.mpi), "--bind-to", "none"]
    if os.geteuid() == 0:  # mpirun refuses root otherwise
        launch.append("--allow-run-as-root")
    return launch + _words("--mpi-args", s.mpi_arguments) + arguments


def _words(name: str, text: str) -> list[str]:
    """Splits as a shell does; raises UserError."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserError(f"{name} {text}: {error}") from None
