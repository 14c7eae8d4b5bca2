"""A small two-stream job on real frames, for runs of the real binary."""

import numpy as np
import pytest
from PIL import Image

CLIPS, FRAMES, SIZE = 10, 8, 24

NET = """\
name: "small"
layer {
  name: "data" type: "VideoData" top: "data" top: "LABEL" include { phase: TRAIN }
  transform_param {
    crop_size: 16 mirror: true multi_scale: true fix_crop: true is_flow: true
    mean_value: 128 scale: 0.02
  }
  video_data_param {
    source: "LIST" batch_size: BATCH new_length: 2
    modality: FLOW shuffle: true threads: 2
  }
}
layer {
  name: "data" type: "VideoData" top: "data" top: "LABEL" include { phase: TEST }
  transform_param { crop_size: 16 is_flow: true mean_value: 128 scale: 0.02 }
  video_data_param { source: "LIST" batch_size: 3 new_length: 2 modality: FLOW }
}
layer {
  name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param {
    num_output: 6 kernel_size: 5 stride: 2 weight_filler { type: "xavier" }
  }
}
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer {
  name: "drop1" type: "Dropout" bottom: "conv1" top: "conv1"
  dropout_param { dropout_ratio: 0.2 }
}
GATHER
layer {
  name: "fc6" type: "InnerProduct" bottom: "FEATURES" top: "fc6"
  inner_product_param { num_output: 12 weight_filler { type: "xavier" } }
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
layer {
  name: "accuracy" type: "Accuracy" bottom: "fc8" bottom: "label" top: "accuracy"
  include { phase: TEST }
}
"""

GATHER = """\
layer {
  name: "gather" type: "Gather" bottom: "conv1" bottom: "label_local"
  top: "gathered" top: "label"
}
"""


class Job:
    """A folder with frames, nets and solvers."""

    def __init__(self, folder):
        self.folder = folder
        random = np.random.default_rng(5)
        lines = []
        for clip in range(CLIPS):
            path = folder / f"clip_{clip}"
            path.mkdir()
            for frame in range(1, FRAMES + 1):
                for axis in "xy":
                    pixels = random.integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
                    Image.fromarray(pixels).save(path / f"flow_{axis}_{frame:04d}.jpg")
            lines.append(f"{path} {FRAMES} {clip % 3}\n")
        (folder / "list.txt").write_text("".join(lines))

    def solver(self, batch, prefix, gather=False, extra="", **fields):
        """Writes a solver and its net; returns the solver's path. A field that is
        None is left out; `extra` is added to the net."""
        text = NET.replace("BATCH", str(batch))
        text = text.replace("LIST", str(self.folder / "list.txt"))
        text = text.replace("GATHER", GATHER if gather else "")
        text = text.replace("FEATURES", "gathered" if gather else "conv1")
        text = text.replace("LABEL", "label_local" if gather else "label")
        net = self.folder / f"{prefix}_net.prototxt"
        net.write_text(text + extra)
        fields = {
            "net": f'"{net}"',
            "base_lr": 0.05,
            "lr_policy": '"fixed"',
            "momentum": 0.9,
            "weight_decay": 0.001,
            "max_iter": 5,
            "random_seed": 7,
            "snapshot_prefix": f'"{self.folder / prefix}"',
            "test_iter": 5,
            "test_interval": 100,
            "test_initialization": "false",
            **fields,
        }
        path = self.folder / f"{prefix}_solver.prototxt"
        path.write_text(
            "".join(f"{k}: {v}\n" for k, v in fields.items() if v is not None)
        )
        return path


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)
