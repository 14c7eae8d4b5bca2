"""One stream's training, which goes on from its last whole snapshot."""

from __future__ import annotations

import re
from pathlib import Path

from google.protobuf.message import DecodeError

from two_stream.console import note
from two_stream.errors import UserError
from two_stream.locate import load_proto
from two_stream.nets.weights import read_weights
from two_stream.reproduce.settings import ReproduceSettings
from two_stream.reproduce.state import Outputs
from two_stream.training.run import train
from two_stream.training.settings import TrainSettings

_STATE = re.compile(r"_iter_(\d+)\.solverstate")


def train_stream(
    s: ReproduceSettings,
    stream: str,
    solver: Path,
    start: Path | None,
    prefix: Path,
    begun: bool,
) -> Outputs:
    """Trains; returns the final weights, curves and log.

    ``begun`` says that there may be snapshots of this very training at ``prefix``.
    Raises UserError if Caffe fails, KeyboardInterrupt if it was told to stop.
    """
    snapshot = last_snapshot(prefix) if begun else None
    if snapshot:
        note(f"from {snapshot.name}")
    result = train(
        TrainSettings(
            solver=str(solver),
            weights=(str(start),) if start and not snapshot else (),
            snapshot=str(snapshot) if snapshot else None,
            gpu=",".join(map(str, s.gpus)) if s.gpus else None,
            workers=s.workers if not s.gpus else None,
            out=str(prefix),
            overrides=s.overrides(stream),
            progress=s.progress,
        )
    )
    files = result.files
    if result.status:
        raise UserError(
            f"training the {stream} net ended with status {result.status}; see "
            f"{files.log}, then run the same command again to go on"
        )
    if not files.final_weights.is_file():
        raise KeyboardInterrupt  # Caffe made a snapshot and stopped
    if not s.keep_snapshots:
        remove_snapshots(prefix, keep=files.final_weights)
    return {
        "weights": files.final_weights,
        "curves": files.curves_csv,
        "log": files.log,
    }


def last_snapshot(prefix: Path) -> Path | None:
    """Returns the newest solver state that is whole, and whose weights are."""
    states = []
    for path in prefix.parent.glob(f"{prefix.name}_iter_*.solverstate"):
        found = _STATE.search(path.name)
        if found:
            states.append((int(found[1]), path))
    for _, path in sorted(states, reverse=True):
        if _is_whole(path):
            return path
    return None


def _is_whole(state: Path) -> bool:
    """Tells a snapshot from what is left of one that was cut short."""
    try:
        message = load_proto().SolverState()
        message.ParseFromString(state.read_bytes())
        read_weights(state.with_suffix(".caffemodel"))
    except (OSError, DecodeError, UserError):
        return False
    return len(message.history) > 0


def remove_snapshots(prefix: Path, keep: Path | None = None) -> None:
    """Removes the snapshots of a training but the weights to keep."""
    for suffix in ("caffemodel", "solverstate"):
        for path in prefix.parent.glob(f"{prefix.name}_iter_*.{suffix}"):
            if path != keep:
                path.unlink()
