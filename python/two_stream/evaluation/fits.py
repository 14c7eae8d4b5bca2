"""Whether the videos of a list are such as the net and the protocol take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from two_stream.data.frames import Locator, read_positions
from two_stream.data.lists import Video
from two_stream.data.patterns import RGB
from two_stream.data.stores import FrameStore
from two_stream.errors import UserError
from two_stream.evaluation.sampling import Sampling
from two_stream.protocol.oversample import check_crop, fit_mean


def check_labels(
    list_path: str, videos: Sequence[Video], net_path: str, classes: int
) -> None:
    """Raises UserError for a label that the net does not have."""
    for video in videos:
        if video.label >= classes:
            raise UserError(
                f"{list_path}:{video.line}: label {video.label}, but {net_path} has "
                f"{classes} classes (0 to {classes - 1}); use the list of these classes"
            )


def check_images(
    list_path: str,
    videos: Sequence[Video],
    store: FrameStore,
    locator: Locator,
    sampling: Sampling,
    mean: np.ndarray,
) -> None:
    """Raises UserError if a last image is not there, or the first does not fit."""
    unit = "frames" if sampling.modality == RGB else "flow fields"
    for video in videos:
        for key in locator.keys(video, video.frames - 1):
            if not store.has(key):
                raise UserError(
                    f"{list_path}:{video.line}: {video.frames} {unit}, but {key} is "
                    f"not there; give the list of {unit}, or extract the video again"
                )
    try:
        images = read_positions(
            store, locator, videos[0], [0], sampling.resize, sampling.grayscale
        )
        size = images[0].shape[1:]
        fit_mean(mean, sampling.channels, size, sampling.crop)
        check_crop(size, sampling.crop)
    except UserError as error:
        raise UserError(f"{list_path}:{videos[0].line}: {error}") from None
