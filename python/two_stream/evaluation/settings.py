"""What evaluation is asked to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EvaluateSettings:
    """Arguments of ``two-stream evaluate``.

    None stands for "as the net file says", or else the usual value.
    """

    net: str
    weights: str
    list: str
    out: str
    samples: int = 25
    crops: int = 10
    modality: str | None = None
    length: int | None = None
    mean: str | None = None
    scale: float | None = None
    resize: tuple[int, int] | None = None
    pattern: str | None = None
    root_folder: str | None = None
    short_clip: str | None = None
    store_path: str | None = None
    blob: str | None = None
    classes: str | None = None
    batch: int | None = None
    gpus: tuple[int, ...] = ()
    workers: int | None = None
    progress: bool = True
