"""What the driver says on the terminal."""

from __future__ import annotations

import sys

from tqdm import tqdm

# Caffe's accuracy during training, wherever it is shown.
TRAINING_ACCURACY = (
    "centre crop, one snippet; runs about 10 points below the 25 x 10 protocol"
)


def warn(message: str) -> None:
    """Says on standard error what should be looked at."""
    tqdm.write(f"two-stream: warning: {message}", file=sys.stderr)


def error(message: str) -> None:
    """Says on standard error what went wrong elsewhere."""
    tqdm.write(f"two-stream: error: {message}", file=sys.stderr)


def note(message: str) -> None:
    """Says on standard error what is going on."""
    tqdm.write(message, file=sys.stderr)


def progress_bar(total: int, unit: str, done: int = 0, shown: bool = True) -> tqdm:
    """Returns a bar with ETA; in a log it is a line every half a minute."""
    terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=done,
        disable=not shown,
        unit=unit,
        mininterval=0.2 if terminal else 30,
        dynamic_ncols=terminal,
        smoothing=0.05,
    )
