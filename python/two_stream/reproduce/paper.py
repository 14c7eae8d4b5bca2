"""The paper's own figures, and how a run departs from its recipe."""

from __future__ import annotations

from two_stream_prep.settings import ExtractSettings

from two_stream.fusion import PAPER_WEIGHTS
from two_stream.reproduce.settings import ReproduceSettings

SOURCE = "arXiv 1507.02159"
# Net -> split -> per cent of spatial, temporal, fused. None: the mean of three.
UCF101: dict[str, dict[int | None, tuple[float, float, float]]] = {
    "vgg16": {
        1: (79.8, 85.7, 90.9),
        2: (77.3, 88.2, 91.6),
        3: (77.8, 87.4, 91.6),
        None: (78.4, 87.0, 91.4),
    },
    "googlenet": {1: (77.1, 83.9, 89.0)},
    "clarifai": {1: (72.7, 81.0, 87.0)},
}
_CLASSES = 101
# Fields of a solver that change nothing of what is learned.
_ONLY_SHOWN = ("display", "average_loss", "snapshot", "test_interval", "test_iter")


def figure(dataset: str, net: str, split: int | None, row: int) -> float | None:
    """Returns the paper's accuracy in [0, 1], None where it gives none.

    ``row`` is 0 for spatial, 1 for temporal, 2 for the fusion; split None is the
    mean of all three.
    """
    found = UCF101.get(net, {}).get(split) if dataset == "ucf101" else None
    return found[row] / 100 if found else None


def departures(s: ReproduceSettings, classes: int) -> list[str]:
    """Returns a sentence for each thing that was not done as in the paper."""
    found = []
    if s.dataset == "ucf101" and classes != _CLASSES:
        found.append(
            f"{classes} classes, UCF101 has {_CLASSES}: the paper's figures are of "
            "other videos"
        )
    if s.net not in UCF101:
        found.append(f"the paper has no net {s.net}")
    if s.weights is None:
        found.append("the nets started at random, the paper's from an ImageNet model")
    usual = ExtractSettings()
    if s.flow != usual.flow.name:
        found.append(f"flow by {s.flow}, the paper's is TV-L1")
    if s.bound != usual.bound:
        found.append(f"flow up to {s.bound:g} pixels, usual are {usual.bound:g}")
    if s.size != usual.size:
        found.append(f"frames of {s.size[0]}x{s.size[1]}, the paper's are 340x256")
    for stream, text in s.solver:
        if text.partition("=")[0].strip() not in _ONLY_SHOWN:
            found.append(f"the {stream} solver has {text}")
    if (s.samples, s.crops) != (25, 10):
        found.append(f"{s.samples} x {s.crops} views a video, the paper has 25 x 10")
    if tuple(s.fusion) != PAPER_WEIGHTS:
        found.append(f"fused {s.fusion[0]:g} : {s.fusion[1]:g}, the paper has 1 : 2")
    return found
