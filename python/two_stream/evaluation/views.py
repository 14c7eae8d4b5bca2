"""From a video on disk to batches of a net's input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from two_stream.data.frames import Locator, read_positions
from two_stream.data.lists import Video
from two_stream.data.stores import FrameStore
from two_stream.evaluation.sampling import Sampling
from two_stream.protocol.oversample import fit_mean, oversample
from two_stream.protocol.sampling import positions, starts


def read_stacks(
    store: FrameStore, locator: Locator, video: Video, sampling: Sampling
) -> Iterator[np.ndarray]:
    """Yields the samples of a video: channels x height x width, 8-bit.

    Raises UserError naming the file or the video.
    """
    begins = starts(
        video.frames, sampling.length, sampling.samples, sampling.modality == "flow"
    )
    takes = [
        positions(start, sampling.length, video.frames, sampling.short_clip)
        for start in begins
    ]
    needed = {position for take in takes for position in take}
    planes = read_positions(
        store, locator, video, needed, sampling.resize, sampling.grayscale
    )
    for take in takes:
        yield np.concatenate([planes[position] for position in take])


def video_scores(net, plan, store: FrameStore, video: Video) -> np.ndarray:
    """Returns the scores of one video, averaged over its views (float64).

    ``net`` has ``blobs`` with ``data`` (batch first) and ``forward()``.
    """
    sampling = plan.sampling
    room = net.blobs[plan.input].data.shape[0] // sampling.crops
    total, views, waiting = 0.0, 0, []
    stacks = read_stacks(store, plan.locator, video, sampling)
    for number, stack in enumerate(stacks, start=1):
        waiting.append(stack)
        if len(waiting) < room and number < sampling.samples:
            continue
        count = len(waiting) * sampling.crops
        batch = np.stack(waiting)
        mean = fit_mean(plan.mean, sampling.channels, batch.shape[2:], sampling.crop)
        oversample(
            batch,
            sampling.crop,
            sampling.crops,
            mean,
            sampling.modality == "flow",
            sampling.scale,
            out=net.blobs[plan.input].data[:count],
        )
        net.forward()
        scores = net.blobs[plan.scores].data[:count].reshape(count, -1)
        total = total + scores.sum(axis=0, dtype=np.float64)
        views += count
        waiting = []
    return total / views
