"""Decoding."""

import cv2
import numpy as np
import pytest
from synthetic_video import grey_of, numbered, panned, write_video
from two_stream_prep.video import VideoError, VideoFile


def read(path, size=None):
    with VideoFile(path) as file:
        return file.declared_frames, list(file.frames(size))


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "MJPG"), ("a.mp4", "mp4v")])
def test_all_frames_in_order(tmp_path, name, codec):
    path = write_video(tmp_path / name, numbered(23, (64, 48)), codec)
    declared, frames = read(path)
    assert declared == len(frames) == 23
    for index, frame in enumerate(frames):
        assert frame.shape == (48, 64, 3) and frame.dtype == np.uint8
        assert abs(float(frame.mean()) - grey_of(index)) < 3, index


def test_colours_are_bgr(tmp_path):
    blue = np.zeros((48, 64, 3), np.uint8)
    blue[..., 0] = 200
    frames = read(write_video(tmp_path / "blue.avi", [blue] * 3))[1]
    mean = frames[1].reshape(-1, 3).mean(axis=0)
    assert mean[0] > 180 and mean[1] < 20 and mean[2] < 20


def test_resize_is_bilinear(tmp_path):
    path = write_video(tmp_path / "a.avi", panned(2, (80, 60), (1, 0)))
    (own, _), (resized, _) = read(path)[1], read(path, (50, 31))[1]
    np.testing.assert_array_equal(resized, cv2.resize(own, (50, 31)))


def test_percent_in_the_name_is_no_pattern(tmp_path):
    """OpenCV's image backend would take this for a sequence of files."""
    path = write_video(tmp_path / "100%_%04d.avi", numbered(4, (64, 48)))
    assert len(read(path)[1]) == 4


def test_size_that_changes_needs_a_size(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.avi", numbered(3, (64, 48)))

    class Changing:
        def __init__(self):
            self.frames = [np.zeros((48, 64, 3)), np.zeros((24, 32, 3))]

        def read(self):
            return (True, self.frames.pop(0)) if self.frames else (False, None)

        def release(self):
            pass

    with VideoFile(path) as file:
        monkeypatch.setattr(file, "_capture", Changing())
        with pytest.raises(
            VideoError, match="frame 2 is 32x24 pixels, the first.*64x48"
        ):
            list(file.frames(None))
    with VideoFile(path) as file:
        monkeypatch.setattr(file, "_capture", Changing())
        assert [f.shape for f in file.frames((16, 8))] == [(8, 16, 3)] * 2


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"", "empty"), (b"not a video " * 99, "can't open it")],
)
def test_what_is_no_video(tmp_path, content, message):
    path = tmp_path / "a.avi"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=message):
        VideoFile(path)
