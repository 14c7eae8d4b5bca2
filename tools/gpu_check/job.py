"""Training jobs for the checks: frames of noise, nets, solvers, parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

CLASSES = 3

# One layer of each kind that Caffe or we have GPU code for in the paper's nets.
SMALL = """\
name: "small"
layer {
  name: "data" type: "VideoData" top: "data" top: "label"
  transform_param {
    crop_size: 32 mirror: true multi_scale: true fix_crop: true is_flow: true
    mean_value: 128 scale: 0.02
  }
  video_data_param {
    source: "" batch_size: 1 new_length: 5 modality: FLOW shuffle: true
    new_height: 40 new_width: 48
  }
}
layer {
  name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param {
    num_output: 16 kernel_size: 5 stride: 2 weight_filler { type: "xavier" }
  }
}
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer {
  name: "norm1" type: "LRN" bottom: "conv1" top: "norm1"
  lrn_param { local_size: 5 alpha: 0.0005 beta: 0.75 k: 2 }
}
layer {
  name: "pool1" type: "Pooling" bottom: "norm1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 3 stride: 2 }
}
layer {
  name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param {
    num_output: 16 kernel_size: 3 pad: 1 group: 2 weight_filler { type: "xavier" }
  }
}
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer {
  name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
  pooling_param { pool: AVE kernel_size: 2 stride: 2 }
}
layer {
  name: "fc6" type: "InnerProduct" bottom: "pool2" top: "fc6"
  inner_product_param { num_output: 32 weight_filler { type: "xavier" } }
}
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer {
  name: "drop6" type: "Dropout" bottom: "fc6" top: "fc6"
  dropout_param { dropout_ratio: 0.5 }
}
layer {
  name: "fc8" type: "InnerProduct" bottom: "fc6" top: "fc8"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } }
}
layer {
  name: "loss" type: "SoftmaxWithLoss" bottom: "fc8" bottom: "label" top: "loss"
}
"""


def with_gather(net: str) -> str:
    """The small net with a Gather in front of fc6."""
    net = net.replace('top: "label"', 'top: "label_local"')
    net = net.replace('bottom: "pool2" top: "fc6"', 'bottom: "gathered" top: "fc6"')
    layer = """\
layer {
  name: "gather" type: "Gather" bottom: "pool2" bottom: "label_local"
  top: "gathered" top: "label"
}
"""
    at = net.index('layer {\n  name: "fc6"')
    return net[:at] + layer + net[at:]


@dataclass(frozen=True)
class Size:
    """Frames of a job: clips x frames of height x width."""

    clips: int
    frames: int
    height: int
    width: int


class Job:
    """A folder with a list of flow frames of noise, and the solvers put there."""

    def __init__(self, folder: Path, size: Size):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(5)
        lines = []
        for clip in range(size.clips):
            path = folder / f"clip_{clip:03d}"
            path.mkdir(exist_ok=True)
            for frame in range(1, size.frames + 1):
                for axis in "xy":
                    shape = (size.height, size.width)
                    pixels = random.integers(0, 256, shape, dtype=np.uint8)
                    smooth = cv2.GaussianBlur(pixels, (9, 9), 0)
                    cv2.imwrite(str(path / f"flow_{axis}_{frame:04d}.jpg"), smooth)
            lines.append(f"{path.resolve()} {size.frames} {clip % CLASSES}\n")
        self.list = folder / "list.txt"
        self.list.write_text("".join(lines))

    def solver(self, name: str, net: str, batch: int, **fields: object) -> Path:
        """Writes NAME's net and solver, reading this job's list; returns the solver."""
        net = re.sub(r'(source: ")[^"]*', rf"\g<1>{self.list.resolve()}", net)
        net = re.sub(r"(batch_size: )\d+", rf"\g<1>{batch}", net)
        net_file = self.folder / f"{name}_net.prototxt"
        net_file.write_text(net)
        fields = {
            "net": f'"{net_file.resolve()}"',
            "snapshot_prefix": f'"{(self.folder / name).resolve()}"',
            "lr_policy": '"fixed"',
            "momentum": 0.9,
            "weight_decay": 0.0005,
            "random_seed": 7,
            **fields,
        }
        path = self.folder / f"{name}_solver.prototxt"
        path.write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
        return path.resolve()

    def params(self, name: str, iteration: int) -> dict[tuple[str, int], np.ndarray]:
        """Layer and blob -> values, of a snapshot."""
        from caffe.proto import caffe_pb2

        path = self.folder / f"{name}_iter_{iteration}.caffemodel"
        net = caffe_pb2.NetParameter.FromString(path.read_bytes())
        return {
            (layer.name, i): np.asarray(blob.data, np.float64)
            for layer in net.layer
            for i, blob in enumerate(layer.blobs)
        }


def training_net(train_val: Path) -> str:
    """A shipped net file without its data layer of phase TEST."""
    text = train_val.read_text()
    data = re.findall(r"^layer \{\n.*?^\}\n", text, re.M | re.S)
    for layer in data:
        if '"VideoData"' in layer and "phase: TEST" in layer:
            text = text.replace(layer, "")
    return text


def update_error(start: dict, a: dict, b: dict) -> float:
    """How far two runs from the same start are apart, as a share of the way.

    The largest over blobs of ||a - b|| / ||b - start||.
    """
    if not start.keys() == a.keys() == b.keys():
        raise ValueError("the snapshots are of different nets")
    errors = []
    for key, origin in start.items():
        way = np.linalg.norm(b[key] - origin)
        apart = np.linalg.norm(a[key] - b[key])
        errors.append(apart / way if way else float(apart > 0))
    return float(max(errors))
