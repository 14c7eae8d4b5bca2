"""From video files to fused scores, each step by its command."""

import json

import cv2
import numpy as np
import pytest
from small_data import photographs
from two_stream import cli
from two_stream.scores import load_scores

NET = """
layer {{ name: "data" type: "VideoData" top: "data" top: "label"
  include {{ phase: TRAIN }}
  transform_param {{ crop_size: 32 mean_value: 128 scale: 0.01 }}
  video_data_param {{ source: "{data}/train_{stream}.txt" batch_size: 2
    modality: {modality} new_length: {length} }} }}
layer {{ name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param {{ num_output: 4 kernel_size: 5 stride: 3
    weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "fc8" type: "InnerProduct" bottom: "conv1" top: "fc8"
  inner_product_param {{ num_output: 2 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc8" bottom: "label" }}
"""

SOLVER = """
net: "{root}/{stream}.prototxt" base_lr: 0.001 display: 1 max_iter: 2
lr_policy: "fixed" snapshot: 2 snapshot_prefix: "{root}/out/{stream}" random_seed: 1
"""


def write_videos(folder, frames=7):
    """A pan over a photograph, to the left or to the right, is a class."""
    for name, step in (("left", -5), ("right", 5)):
        (folder / name).mkdir(parents=True)
        for number, picture in enumerate(photographs()):
            writer = cv2.VideoWriter(
                str(folder / name / f"{name}_{number}.avi"),
                cv2.VideoWriter_fourcc(*"MJPG"),
                25,
                (64, 48),
            )
            for i in range(frames):
                left = 200 + step * i
                crop = picture[100:148, left : left + 64]
                writer.write(np.ascontiguousarray(crop))
            writer.release()


def run(*arguments):
    assert cli.main([str(argument) for argument in arguments]) == 0


@pytest.fixture
def extract(tmp_path):
    write_videos(tmp_path / "videos")

    def run_extract(data, bound):
        run(
            *("prepare", "extract", tmp_path / "videos", data, "--flow", "farneback"),
            *("--bound", bound, "--size", "64x48", "--processes", 1, "--quiet"),
        )
        run(*("prepare", "lists", "folders", data, "--test-share", 0.5))

    return run_extract


def test_video_files_to_fused_scores(tmp_path, extract, capsys):
    data, other = tmp_path / "data", tmp_path / "other"
    extract(data, 20)
    streams = {"rgb": ("RGB", 1, 3), "flow": ("FLOW", 5, 10)}
    for stream, (modality, length, _) in streams.items():
        (tmp_path / f"{stream}.prototxt").write_text(
            NET.format(data=data, stream=stream, modality=modality, length=length)
        )
        solver = tmp_path / f"{stream}_solver.prototxt"
        solver.write_text(SOLVER.format(root=tmp_path, stream=stream))
        train, test = data / f"train_{stream}.txt", data / f"test_{stream}.txt"
        net = tmp_path / f"{stream}.prototxt"
        run("check", train, "--net", net, "--test", test, "--quiet")
        if stream == "flow":
            start = tmp_path / "start.caffemodel"
            rgb = tmp_path / "out" / "rgb_iter_2.caffemodel"
            run("init-temporal", "--weights", rgb, "--net", net, "--out", start)
            run("train", "--solver", solver, "--weights", start, "--quiet")
        else:
            run("train", "--solver", solver, "--quiet")
        (tmp_path / f"{stream}.prototxt").write_text(
            net.read_text().replace("TRAIN", "TEST").replace("train_", "test_")
        )
        evaluate = ["evaluate", "--net", net, "--samples", 3, "--quiet"]
        evaluate += ["--weights", tmp_path / "out" / f"{stream}_iter_2.caffemodel"]
        run(*evaluate, "--list", test, "--out", tmp_path / f"{stream}.npz")
    said = capsys.readouterr()
    assert "0 errors, 0 warnings" in said.out
    assert "copied    1 layers: fc8" in said.out
    assert "warning" not in said.err
    report = tmp_path / "fused.json"
    run("fuse", tmp_path / "rgb.npz", tmp_path / "flow.npz", "--json", report)
    value = json.loads(report.read_text())
    assert value["videos"] == 2 and value["classes"] == ["left", "right"]

    # The flow's provenance went with the weights: another bound is told.
    provenance = load_scores(tmp_path / "flow.npz").provenance["data"]
    assert (provenance["algorithm"], provenance["bound"]) == ("farneback", 20.0)
    extract(other, 15)
    capsys.readouterr()
    run(*evaluate, "--list", other / "test_flow.txt", "--out", tmp_path / "other.npz")
    said = capsys.readouterr().err
    assert "bound: 20.0 in training, 15.0 now" in said and "warning" in said
