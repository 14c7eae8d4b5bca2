"""Nets without a data layer, and made-up frames and flow to feed them."""

from __future__ import annotations

import numpy as np
from caffe.proto import caffe_pb2
from scipy.ndimage import gaussian_filter


def with_inputs(net: caffe_pb2.NetParameter, shape: list[int]):
    """A train_val net whose data layers are one Input of ``shape`` and labels."""
    copy = caffe_pb2.NetParameter()
    copy.CopyFrom(net)
    del copy.layer[:]
    shapes = [{"dim": shape}, {"dim": shape[:1]}]
    video = [layer for layer in net.layer if layer.type == "VideoData"]
    copy.layer.add(
        name="data", type="Input", top=video[0].top, input_param={"shape": shapes}
    )
    copy.layer.extend(layer for layer in net.layer if layer.type != "VideoData")
    return copy


def without_fillers(net: caffe_pb2.NetParameter):
    """The net with weights that start at 0, for tests of shapes: quicker."""
    copy = caffe_pb2.NetParameter()
    copy.CopyFrom(net)
    for layer in copy.layer:
        for param in (layer.convolution_param, layer.inner_product_param):
            param.ClearField("weight_filler")
            param.ClearField("bias_filler")
    return copy


class Scenes:
    """Frames of a few tinted textures, less the mean, cut anywhere and noisy."""

    def __init__(self, classes: int, size: int, rng: np.random.Generator):
        noise = rng.normal(size=(classes, 3, size * 2, size * 2))
        smooth = gaussian_filter(noise, (0, 0, 3, 3))
        tints = rng.normal(0, 30, (classes, 3, 1, 1))
        self.textures = 50 * smooth / smooth.std() + tints
        self.size = size
        self.rng = rng

    def batch(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = self.rng.integers(len(self.textures), size=count)
        frames = []
        for label in labels:
            top, left = self.rng.integers(self.size, size=2)
            rows, columns = slice(top, top + self.size), slice(left, left + self.size)
            frames.append(self.textures[label][:, rows, columns])
        noise = self.rng.normal(0, 10, (count, 3, self.size, self.size))
        return np.stack(frames) + noise, labels


class Motions:
    """Stacks of flow less 128: pan left, pan right, zoom in, zoom out."""

    classes = 4

    def __init__(self, length: int, size: int, rng: np.random.Generator):
        self.length = length
        self.size = size
        self.rng = rng

    def batch(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = self.rng.integers(4, size=count)
        y, x = np.mgrid[-1 : 1 : self.size * 1j, -1 : 1 : self.size * 1j]
        fields = {
            0: (-np.ones_like(x), np.zeros_like(x)),
            1: (np.ones_like(x), np.zeros_like(x)),
            2: (x, y),
            3: (-x, -y),
        }
        stacks = []
        for label in labels:
            speed = self.rng.uniform(1, 3) * 255 / 40
            stacks.append(np.stack(fields[int(label)] * self.length) * speed)
        noise = self.rng.normal(0, 5, (count, 2 * self.length, self.size, self.size))
        return np.stack(stacks) + noise, labels
