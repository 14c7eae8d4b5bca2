"""Real Caffe reads what extraction, lists and the database writer leave."""

import cv2
import numpy as np
import pytest
from synthetic_video import panned, write_video
from two_stream_prep import DIS, ExtractSettings, extract, find_videos, write_lmdb
from two_stream_prep.commands import FolderListsCommand
from two_stream_prep.lists import FolderRule

SIZE = (64, 48)
LAYER = """
layer {{ name: "data" type: "VideoData" top: "data" top: "label"
  include {{ phase: TEST }}
  video_data_param {{
    source: "{data}/train_{list}.txt" batch_size: 3 modality: {modality}
    new_length: {length} {store} }} }}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three videos in two classes; names with spaces."""
    root = tmp_path_factory.mktemp("caffe")
    faster = [panned(7, SIZE, (2, 1))[index] for index in (0, 1, 3, 6)]
    write_video(root / "videos" / "left turn" / "a b.avi", faster)
    write_video(root / "videos" / "left turn" / "c.avi", panned(5, SIZE, (1, 1), 1))
    write_video(root / "videos" / "right" / "d.avi", panned(6, SIZE, (-2, 1), 2))
    settings = ExtractSettings(size=None, flow=DIS())
    videos = find_videos(root / "videos")
    extract(videos, root / "data", settings, processes=1, progress=False)
    assert FolderListsCommand(root / "data", FolderRule(test_share=0)).run() == 0
    write_lmdb(root / "data", root / "images.lmdb", progress=False)
    return root / "data"


def batch(data, folder, **fields):
    import caffe

    net_file = folder / "net.prototxt"
    net_file.write_text(LAYER.format(data=data, **fields))
    net = caffe.Net(str(net_file), caffe.TEST)
    net.forward()
    return net.blobs["data"].data.copy(), net.blobs["label"].data.ravel().tolist()


@pytest.mark.parametrize("store", ["FOLDER", "LMDB"])
def test_frames(data, tmp_path, store):
    path = data.parent / "images.lmdb"
    choice = f'store: LMDB store_path: "{path}"' if store == "LMDB" else ""
    fields = {"list": "rgb", "modality": "RGB", "length": 1, "store": choice}
    images, labels = batch(data, tmp_path, **fields)
    assert labels == [0, 0, 1] and images.shape == (3, 3, 48, 64)
    # The centre of N frames for one: the 0-based frame (N - 1 + 1) / 2.
    for image, name, frames in zip(
        images, ["left turn/a b", "left turn/c", "right/d"], [4, 5, 6], strict=True
    ):
        file = data / name / f"image_{frames // 2 + 1:04d}.jpg"
        expected = cv2.imread(str(file)).transpose(2, 0, 1)
        assert np.abs(image - expected).mean() < 1.0, "another JPEG decoder at most"


@pytest.mark.parametrize("store", ["FOLDER", "LMDB"])
def test_flow(data, tmp_path, store):
    """All 3 pairs of the first video: the list counts pairs, not frames."""
    path = data.parent / "images.lmdb"
    choice = f'store: LMDB store_path: "{path}"' if store == "LMDB" else ""
    fields = {"list": "flow", "modality": "FLOW", "length": 3, "store": choice}
    images, labels = batch(data, tmp_path, **fields)
    assert labels == [0, 0, 1] and images.shape == (3, 6, 48, 64)
    for channel in range(6):
        axis, number = "xy"[channel % 2], channel // 2 + 1
        file = data / "left turn/a b" / f"flow_{axis}_{number:04d}.jpg"
        expected = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        assert np.abs(images[0, channel] - expected).mean() < 1.0
