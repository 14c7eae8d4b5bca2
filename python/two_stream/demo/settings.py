"""What the demo is asked to do, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from two_stream_prep.flow import DIS
from two_stream_prep.settings import ExtractSettings

from two_stream.demo.cut import CutSettings

STREAMS = ("spatial", "temporal")
# The list and modality of a stream.
MODALITY = {"spatial": "rgb", "temporal": "flow"}


@dataclass(frozen=True)
class DemoSettings:
    """The whole demo; `seed` is the clips' and both nets'."""

    out: Path = Path("build/demo")
    clips: CutSettings = field(default_factory=CutSettings)
    size: tuple[int, int] = (96, 72)
    """Width and height of frames and flow."""
    bound: float = 8.0
    """Flow in pixels that is 255; the frames are small, so displacements are."""
    length: int = 5
    """Flow fields in a stack."""
    iterations: dict[str, int] = field(
        default_factory=lambda: {"spatial": 300, "temporal": 200}
    )
    rates: dict[str, float] = field(
        default_factory=lambda: {"spatial": 0.01, "temporal": 0.005}
    )
    """Learning rates; a tenth for the last third of the iterations."""
    samples: int = 5
    """Frames or stacks a clip is tested on, with 10 crops each."""
    weights: tuple[float, float] = (1.0, 2.0)
    """Spatial and temporal, in the fusion."""

    @property
    def seed(self) -> int:
        return self.clips.seed

    @property
    def clip_folder(self) -> Path:
        return self.out / "clips"

    @property
    def data(self) -> Path:
        return self.out / "data"

    def extraction(self) -> ExtractSettings:
        return ExtractSettings(size=self.size, flow=DIS(), bound=self.bound)

    def list_file(self, part: str, stream: str) -> Path:
        return self.data / f"{part}_{MODALITY[stream]}.txt"

    def scores_file(self, stream: str) -> Path:
        return self.out / f"{stream}.npz"
