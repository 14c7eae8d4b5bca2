"""Trains with Caffe: checks data and weights first, then runs `caffe train`.

Shows loss, learning rate and the time left; keeps the whole log, and the curves as
PNG and CSV, beside the snapshots. The exit status is caffe's. Ctrl-C makes Caffe
stop with a snapshot.

  two-stream train --solver models/temporal_vgg16_solver.prototxt \\
      --weights temporal_init.caffemodel --gpu 0,1,2,3

The accuracy seen during training is one centre crop of one snippet; it runs about
10 points below the 25 x 10 protocol of `two-stream evaluate`.
"""

from __future__ import annotations

import argparse

from two_stream.errors import UserError
from two_stream.training.settings import TrainSettings

HELP = "train a net with caffe, with progress and curves"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what is typed."""
    add = parser.add_argument
    add("--solver", required=True, metavar="PROTOTXT")
    add("--weights", metavar="CAFFEMODEL[,...]", help="fine-tune from these")
    add("--snapshot", metavar="SOLVERSTATE", help="resume from this")
    add("--gpu", metavar="0,1|all", help="GPUs, one rank each (default: the CPU)")
    add("--workers", type=int, metavar="N", help="N ranks on the CPU, in one process")
    add("--mpi", type=int, metavar="N", help="N ranks by mpirun -np N")
    add("--mpi-args", default="", metavar="ARGS", help="more arguments of mpirun")
    add("--caffe-args", default="", metavar="ARGS", help="more arguments of caffe")
    add("--out", metavar="PREFIX", help="of snapshots, log, curves (snapshot_prefix)")
    add(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="of the solver",
    )
    add("--train-list", metavar="LIST", help="instead of the net's own")
    add("--test-list", metavar="LIST", help="instead of the net's own")
    add("--root-folder", metavar="DIR", help="where relative paths of the lists are")
    add("--no-check", action="store_true", help="skip the check of lists and frames")
    add("--quiet", action="store_true", help="no progress bar")


def settings(args: argparse.Namespace) -> TrainSettings:
    """Checks what was typed."""
    weights = tuple(args.weights.split(",")) if args.weights else ()
    if "" in weights:
        raise UserError(f"--weights {args.weights}: an empty name between commas")
    return TrainSettings(
        solver=args.solver,
        weights=weights,
        snapshot=args.snapshot,
        gpu=args.gpu,
        workers=args.workers,
        mpi=args.mpi,
        mpi_arguments=args.mpi_args,
        caffe_arguments=args.caffe_args,
        out=args.out,
        overrides=tuple(args.set),
        train_list=args.train_list,
        test_list=args.test_list,
        root_folder=args.root_folder,
        check=not args.no_check,
        progress=not args.quiet,
    )


def run(s: TrainSettings) -> int:
    """Trains; returns the exit status of caffe."""
    from two_stream.training.run import train

    result = train(s)
    if result.status:
        print(f"caffe ended with status {result.status}; see {result.files.log}")
    elif result.snapshots:
        print(f"{result.seconds:.0f} s; weights in {result.snapshots[-1]}")
    return result.status
