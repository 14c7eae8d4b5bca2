"""The test protocol and a convolution as one would write them on paper: slow."""

import numpy as np
from PIL import Image
from scipy.signal import correlate

SIDE = 32


def convolve(view, filters, bias, stride=1):
    """A convolution without padding: outputs x height x width."""
    maps = [
        sum(correlate(view[c], f[c].astype(float), "valid") for c in range(len(view)))
        for f in filters
    ]
    return np.array(maps)[:, ::stride, ::stride] + bias[:, None, None]


def cut(stack, place, mirrored, flow):
    """A view of 32 x 32; the mirror is taken first here, so places swap sides."""
    stack = stack.astype(float)
    height, width = stack.shape[1:]
    left = [0, width - SIDE, 0, width - SIDE, (width - SIDE) // 2][place]
    top = [0, 0, height - SIDE, height - SIDE, (height - SIDE) // 2][place]
    if mirrored:
        stack = stack[:, :, ::-1].copy()
        left = width - SIDE - left
        if flow:
            stack[::2] = 255 - stack[::2]
    return stack[:, top : top + SIDE, left : left + SIDE]


def read_planes(folder, names, number):
    """BGR of an image, or x and y of a flow field; numbers start at 1."""
    if "%c" in names:
        files = [names.replace("%c", axis) % number for axis in "xy"]
        return np.stack([np.array(Image.open(folder / file)) for file in files])
    return np.array(Image.open(folder / (names % number)))[..., ::-1].transpose(2, 0, 1)


def slow_scores(forward, folder, names, frames, modality, length, mean):
    """The protocol as section 4.1 writes it, video by video, for 25 x 10.

    ``forward`` gives a view's scores, ``mean`` is subtracted from each view,
    mirrored ones too; ``frames`` are those on disk, flow fields for flow.
    """
    total = 0
    places = frames - length + 1
    step = (frames - 1) // 24 if modality == "rgb" else max(places, 0) // 25
    for i in range(25):
        start = i * step if step else i * (places if places > 0 else frames) // 25
        positions = [(start + j) % frames + 1 for j in range(length)]
        stack = np.concatenate([read_planes(folder, names, n) for n in positions])
        for mirrored in (False, True):
            for place in range(5):
                view = cut(stack, place, mirrored, modality == "flow")
                total = total + forward(view - mean)
    return total / 250
