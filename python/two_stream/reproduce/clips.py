"""The clips that went worst, with their frames and flow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from two_stream_prep.flow import dequantize

from two_stream.data.frames import locate, read_positions
from two_stream.data.lists import Video
from two_stream.data.stores import open_store
from two_stream.report import pictures
from two_stream.reproduce.results import SplitResult
from two_stream.reproduce.settings import ReproduceSettings

_TILE = 160
# Colours are saturated at this quantile of the flow's length.
_FULL_QUANTILE = 0.95


def worst_clips(
    splits: Sequence[SplitResult], count: int
) -> list[tuple[SplitResult, int]]:
    """Returns split and row of the videos whose true class the fusion rates least."""
    rated = []
    for split in splits:
        rows = np.arange(len(split.labels))
        for index, share in enumerate(split.scores["fused"][rows, split.labels]):
            rated.append((float(share), split.number, index, split))
    rated.sort(key=lambda entry: entry[:3])
    return [(split, index) for _, _, index, split in rated[:count]]


def clip_picture(s: ReproduceSettings, split: SplitResult, index: int) -> bytes:
    """Three frames and the flow at the middle one, side by side (PNG)."""
    video = split.videos[index]
    rgb_list = str(s.list_file("test", split.number, "spatial"))
    middle = video.frames // 2
    wanted = [video.frames // 6, middle, video.frames - 1 - video.frames // 6]
    planes = _read(rgb_list, video, "rgb", wanted)
    tiles = [planes[number].transpose(1, 2, 0) for number in wanted]
    at = min(middle, video.frames - 2)
    flow = _read(rgb_list, video, "flow", [at])[at]
    x, y = dequantize(flow, s.bound)
    full = max(1.0, float(np.quantile(np.hypot(x, y), _FULL_QUANTILE)))
    tiles.append(pictures.colour_flow(x, y, full))
    return pictures.png(pictures.grid([[pictures.scaled(t, _TILE) for t in tiles]]))


def _read(
    list_path: str, video: Video, modality: str, positions: Sequence[int]
) -> dict[int, np.ndarray]:
    store = open_store("")
    locator = locate(store, [video], list_path, modality)
    return read_positions(store, locator, video, positions)
