"""The shots: what is trained on is never tested on."""

from itertools import combinations

import cv2
import numpy as np
import pytest
from two_stream.demo.cut import CutSettings, plan
from two_stream.demo.scenes import PARTS, SCENES, read_frames
from two_stream.errors import UserError


def test_no_source_frame_is_in_two_parts_or_two_scenes():
    used = {}
    for scene in SCENES:
        for part in PARTS:
            used[scene.name, part] = {(scene.video, n) for n in scene.frames(part)}
    assert all(used.values())
    for a, b in combinations(used, 2):
        assert not used[a] & used[b], (a, b)


def test_training_comes_first_with_a_gap():
    for scene in SCENES:
        train, test = scene.frames("train"), scene.frames("test")
        assert scene.first == train.start < train.stop < test.start
        assert test.stop == scene.end


def test_clips_stay_within_their_part():
    settings = CutSettings(train_clips=40, test_clips=40, seed=7)
    starts = {part: set() for part in PARTS}
    for clip in plan(settings):
        frames = clip.scene.frames(clip.part)
        last = clip.start + settings.frames - 1
        assert clip.start in frames and last in frames
        starts[clip.part].add((clip.scene.name, clip.start))
    for scene in SCENES:  # both ends of each part are used
        for part in PARTS:
            frames = scene.frames(part)
            assert (scene.name, frames.start) in starts[part]
            assert (scene.name, frames.stop - settings.frames) in starts[part]


def test_read_frames_gives_the_numbered_frames_at_the_height(tmp_path):
    path = tmp_path / "counting.avi"
    codec = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), codec, 25, (64, 32))
    for number in range(10):
        writer.write(np.full((32, 64, 3), 20 * number, np.uint8))
    writer.release()

    frames = read_frames(path, range(3, 7), 16)

    assert frames.shape == (4, 16, 32, 3)
    levels = frames.mean(axis=(1, 2, 3))
    assert np.allclose(levels, [60, 80, 100, 120], atol=2)
    with pytest.raises(UserError, match="frame 10 of 12"):
        read_frames(path, range(3, 12), 16)
