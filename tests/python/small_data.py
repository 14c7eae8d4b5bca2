"""Real frames, small nets and random weights for the driver's tests."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class Footage:
    """Videos on disk: folders of JPEG frames and flow, and their lists."""

    root: Path
    rgb_list: Path
    flow_list: Path
    names: list
    labels: list
    frames: list


def photographs():
    """Returns real photographs, BGR."""
    from skimage import data

    return [image[..., ::-1] for image in (data.astronaut(), data.coffee())]


def write_footage(
    root: Path,
    seed: int,
    frames,
    classes=3,
    height=40,
    width=52,
    image="image_%04d.jpg",
    flow="flow_%c_%04d.jpg",
):
    """Pans over real photographs; the flow's JPEGs are crops of them as well.

    ``image`` and ``flow`` name the files.
    """
    import cv2

    random = np.random.default_rng(seed)
    pictures = photographs()
    names, labels = [], []
    for number, count in enumerate(frames):
        name = f"v_Class_g{number:02d}_c01"
        folder = root / name
        folder.mkdir(parents=True)
        picture = pictures[number % len(pictures)]
        tops = random.integers(0, picture.shape[0] - height, count)
        lefts = random.integers(0, picture.shape[1] - width, count)
        for i, (top, left) in enumerate(zip(tops, lefts, strict=True), start=1):
            crop = picture[top : top + height, left : left + width]
            cv2.imwrite(str(folder / (image % i)), crop)
            if i < count:
                for axis, channel in (("x", 0), ("y", 1)):
                    file = folder / (flow.replace("%c", axis) % i)
                    cv2.imwrite(str(file), crop[..., channel])
        names.append(name)
        labels.append(int(random.integers(classes)))
    rgb_list, flow_list = root / "rgb.txt", root / "flow.txt"
    rows = list(zip(names, frames, labels, strict=True))
    rgb_list.write_text("".join(f"{n} {f} {y}\n" for n, f, y in rows))
    flow_list.write_text("".join(f"{n} {f - 1} {y}\n" for n, f, y in rows))
    return Footage(root, rgb_list, flow_list, names, labels, list(frames))


SMALL_NET = """
name: "small"
layer {{ name: "data" type: "Input" top: "data"
  input_param {{ shape {{ dim: 10 dim: {channels} dim: 32 dim: 32 }} }} }}
layer {{ name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param {{ num_output: 4 kernel_size: 5 stride: 3
    weight_filler {{ type: "gaussian" std: 0.01 }}
    bias_filler {{ type: "constant" value: 0.1 }} }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }}
layer {{ name: "fc8" type: "InnerProduct" bottom: "conv1" top: "fc8"
  inner_product_param {{ num_output: {classes}
    weight_filler {{ type: "gaussian" std: 0.05 }} }} }}
layer {{ name: "prob" type: "Softmax" bottom: "fc8" top: "prob" }}
"""


def write_small_net(path: Path, channels: int, classes: int = 3) -> Path:
    """Writes a deploy file of a convolution and a fully connected layer."""
    path.write_text(SMALL_NET.format(channels=channels, classes=classes))
    return path


def random_weights(path: Path, layers: dict, seed: int = 3, v1: bool = False) -> dict:
    """Writes a .caffemodel of random values; returns name -> arrays.

    ``v1``: as Caffe wrote it before 2015: V1 layers, blobs of four dimensions.
    """
    from two_stream.locate import load_proto

    random = np.random.default_rng(seed)
    net = load_proto().NetParameter(name="random")
    made = {}
    for name, shapes in layers.items():
        layer = net.layers.add(name=name) if v1 else net.layer.add(name=name)
        made[name] = [random.normal(0, 0.05, shape).astype("f") for shape in shapes]
        for array in made[name]:
            blob = layer.blobs.add()
            if v1:
                shape = (1,) * (4 - array.ndim) + array.shape
                blob.num, blob.channels, blob.height, blob.width = shape
            else:
                blob.shape.dim.extend(array.shape)
            blob.data.extend(array.ravel().tolist())
    path.write_bytes(net.SerializeToString())
    return made


def small_weights(path: Path, channels: int, classes: int = 3, seed: int = 3) -> dict:
    """Random weights of SMALL_NET (the convolution's output is 4 x 10 x 10)."""
    shapes = {
        "conv1": [(4, channels, 5, 5), (4,)],
        "fc8": [(classes, 400), (classes,)],
    }
    return random_weights(path, shapes, seed)
