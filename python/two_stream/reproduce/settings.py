"""What a reproduction is asked to do, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from two_stream_prep.flow import make_algorithm
from two_stream_prep.settings import ExtractSettings

from two_stream.errors import UserError
from two_stream.fusion import PAPER_WEIGHTS

STREAMS = ("spatial", "temporal")
MODALITY = {"spatial": "rgb", "temporal": "flow"}
DATASETS = ("ucf101", "hmdb51", "folder")


@dataclass(frozen=True)
class ReproduceSettings:
    """Arguments of ``two-stream reproduce``; all paths are absolute.

    ``weights`` is an RGB model of the net's architecture, from which both streams
    start; None: both start at random. ``solver`` has (stream, "field=value") pairs.
    ``group`` and ``test_share`` are the folder dataset's rule.
    """

    dataset: str
    root: Path
    out: Path
    data: Path
    splits: tuple[int, ...] = (1, 2, 3)
    net: str = "vgg16"
    weights: Path | None = None
    gpus: tuple[int, ...] = ()
    workers: int | None = None
    flow: str = "tvl1"
    size: tuple[int, int] = (340, 256)
    bound: float = 20.0
    processes: int | None = None
    samples: int = 25
    crops: int = 10
    fusion: tuple[float, float] = PAPER_WEIGHTS
    batch: int | None = None
    solver: tuple[tuple[str, str], ...] = ()
    group: str | None = None
    test_share: float = 0.3
    skip_missing: bool = False
    keep_snapshots: bool = False
    progress: bool = True

    def __post_init__(self) -> None:
        if self.dataset not in DATASETS:
            raise UserError(f"a dataset is one of {', '.join(DATASETS)}")
        if len(set(self.splits)) != len(self.splits) or not self.splits:
            raise UserError(f"splits {self.splits}: name each once")
        if self.weights and not self.weights.is_file():
            raise UserError(f"--weights {self.weights}: there is no such file")

    @property
    def ranks(self) -> int:
        """Ranks that share a training batch."""
        return len(self.gpus) or self.workers or 1

    @property
    def state_file(self) -> Path:
        return self.out / "reproduce.json"

    @property
    def report(self) -> Path:
        return self.out / "report.html"

    def split_folder(self, split: int) -> Path:
        """Where nets, weights and scores of a split are."""
        return self.out / f"split{split}"

    def scores_file(self, split: int, stream: str) -> Path:
        return self.split_folder(split) / f"{stream}.npz"

    def list_file(self, part: str, split: int, stream: str) -> Path:
        return self.data / f"{part}_{MODALITY[stream]}_split{split}.txt"

    def overrides(self, stream: str) -> tuple[str, ...]:
        """What is changed of a stream's solver."""
        return tuple(text for name, text in self.solver if name == stream)

    def extraction(self) -> ExtractSettings:
        flow = make_algorithm(self.flow)
        return ExtractSettings(size=self.size, flow=flow, bound=self.bound)
