"""Crops of a stack: four corners, the centre, and their mirrors (section 4.1)."""

from __future__ import annotations

import numpy as np

from two_stream.errors import UserError

CROPS = (1, 2, 5, 10)


def crop_views(crops: int) -> list[tuple[int, bool]]:
    """Returns (place, mirrored) of each view; places 0-3 are corners, 4 the centre.

    10: corners and centre, then their mirrors. 5: without mirrors. 2: the centre
    and its mirror. 1: the centre.
    """
    places = range(5) if crops in (5, 10) else (4,)
    views = [(place, False) for place in places]
    if crops in (2, 10):
        views += [(place, True) for place in places]
    if len(views) != crops:
        raise UserError(f"{crops} crops: choose one of {', '.join(map(str, CROPS))}")
    return views


def crop_origin(
    place: int, height: int, width: int, crop: tuple[int, int]
) -> tuple[int, int]:
    """Returns the top and left of a place.

    Places are top left, top right, bottom left, bottom right, centre.
    """
    rows, columns = height - crop[0], width - crop[1]
    if place == 4:
        return rows // 2, columns // 2
    return (place // 2) * rows, (place % 2) * columns


def check_crop(size: tuple[int, int], crop: tuple[int, int]) -> None:
    """Raises UserError if images of a height and width do not hold a crop."""
    if size[0] < crop[0] or size[1] < crop[1]:
        raise UserError(
            f"images of {size[0]} x {size[1]} are smaller than the crop of "
            f"{crop[0]} x {crop[1]}; extract larger ones, or resize"
        )


def fit_mean(
    mean: np.ndarray, channels: int, size: tuple[int, int], crop: tuple[int, int]
) -> np.ndarray:
    """Returns a mean as channels x h x w: 1 x 1, the crop's size or the images'.

    A mean of fewer channels is repeated over them (a group of means for each
    frame of a stack). Raises UserError if it fits neither.
    """
    mean = np.asarray(mean, np.float32)
    if mean.ndim == 1:
        mean = mean.reshape(-1, 1, 1)
    if channels % len(mean):
        raise UserError(
            f"a mean of {len(mean)} channels does not repeat over {channels}"
        )
    if mean.shape[1:] not in {(1, 1), size, crop}:
        raise UserError(
            f"the mean is {mean.shape[1]} high and {mean.shape[2]} wide, the images "
            f"are {size[0]} x {size[1]} and the crop {crop[0]} x {crop[1]}; "
            "use a mean of one of these sizes, or one value a channel"
        )
    return np.tile(mean, (channels // len(mean), 1, 1))


def oversample(
    stacks: np.ndarray,
    crop: tuple[int, int],
    crops: int = 10,
    mean: np.ndarray | None = None,
    flow: bool = False,
    scale: float = 1.0,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Cuts all views of each stack.

    Args:
      stacks: samples x channels x height x width, 8-bit.
      crop: height and width of a view.
      crops: 10, 5, 2 or 1 views a stack (see crop_views).
      mean: as ``fit_mean`` returns, subtracted before mirroring, as Caffe does.
      flow: channels are x, y, x, y, ...; a mirrored x component v becomes 255 - v.
      scale: multiplies what is left after the mean.
      out: where to write, (samples * crops) x channels x crop, float32.

    Returns:
      The views, all of a stack side by side.
    """
    samples, channels, height, width = stacks.shape
    check_crop((height, width), crop)
    views = crop_views(crops)
    if out is None:
        out = np.empty((samples * crops, channels, *crop), np.float32)
    by_stack = out.reshape(samples, crops, channels, *crop)
    for view, (place, mirrored) in enumerate(views):
        top, left = crop_origin(place, height, width, crop)
        cut = (slice(top, top + crop[0]), slice(left, left + crop[1]))
        target = by_stack[:, view]
        target[...] = stacks[:, :, cut[0], cut[1]]
        if mirrored and flow:
            np.subtract(255, target[:, 0::2], out=target[:, 0::2])
        if mean is not None:
            whole = mean.shape[1:] == (height, width)
            target -= mean[:, cut[0], cut[1]] if whole else mean
        if scale != 1.0:
            target *= scale
        if mirrored:
            target[...] = target[..., ::-1].copy()
    return out
