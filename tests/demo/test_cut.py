"""Cutting: pixels, motion and files of the clips."""

import cv2
import numpy as np
import pytest
from two_stream.demo import cut as cutting
from two_stream.demo.camera import MOTIONS, Path, windows
from two_stream.demo.cut import Clip, CutSettings, cut, film, is_cut, plan
from two_stream.demo.scenes import SCENES, Scene
from two_stream.errors import UserError

SIZE = (96, 72)


def texture(height: int, width: int, seed: int) -> np.ndarray:
    """Smooth random blobs, in colour."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (height // 6, width // 6, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def clip_of(motion: str, path: Path) -> Clip:
    return Clip("train", SCENES[0], motion, 0, 0, path)


def test_a_window_of_the_clips_size_is_a_crop():
    source = texture(180, 320, 0)[None]
    path = Path(np.array([0.5]), np.array([0.5]), np.array([1.0]))
    assert windows(path, (320, 180), 4 / 3) == [pytest.approx((160, 90, 72))]

    (frame,) = film(clip_of("zoom_in", path), source, SIZE)

    assert np.array_equal(frame, source[0, 90 - 36 : 90 + 36, 160 - 48 : 160 + 48])


@pytest.mark.parametrize("motion", MOTIONS)
def test_flow_has_the_direction_that_the_window_says(motion):
    """Dense flow against the motion computed from the windows by hand."""
    still = texture(180, 240, 5)
    source = np.repeat(still[None], 13, axis=0)
    solver = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    rows, columns = np.mgrid[0:72, 0:96]
    seen = 0
    for clip in plan(CutSettings(train_clips=3, test_clips=1, seed=2)):
        if clip.motion != motion or clip.scene is not SCENES[0]:
            continue
        places = windows(clip.path, (240, 180), 4 / 3)
        frames = [cv2.cvtColor(f, cv2.COLOR_BGR2GRAY) for f in film(clip, source, SIZE)]
        for t in (0, 6, 11):
            flow = solver.calc(frames[t], frames[t + 1], None)
            (x0, y0, h0), (x1, y1, h1) = places[t : t + 2]
            # Where the point of the source seen at each pixel is in frame t + 1.
            point_x = x0 + (columns - 95 / 2) * h0 / 72
            point_y = y0 + (rows - 71 / 2) * h0 / 72
            expected_x = (point_x - x1) * 72 / h1 + 95 / 2 - columns
            expected_y = (point_y - y1) * 72 / h1 + 71 / 2 - rows
            middle = (slice(12, 60), slice(12, 84))
            error = np.hypot(flow[..., 0] - expected_x, flow[..., 1] - expected_y)
            assert np.median(error[middle]) < 0.25
            seen += 1
            if motion == "tilt_up":
                assert expected_y.mean() > 0.5
            elif motion == "tilt_down":
                assert expected_y.mean() < -0.5
            else:
                growth = expected_x[0, -1] - expected_x[0, 0]
                assert growth > 0.5 if motion == "zoom_in" else growth < -0.5
    assert seen == 12


def test_plan_is_reproducible_and_a_clip_does_not_depend_on_their_number():
    def draws(**changes):
        return {
            clip.file: (clip.start, clip.path.down.tolist(), clip.path.zoom.tolist())
            for clip in plan(CutSettings(**changes))
        }

    few, many = draws(train_clips=2, test_clips=1), draws(train_clips=3, test_clips=2)
    assert len(few) == 16 * 3 and len(many) == 16 * 5
    assert few == {file: many[file] for file in few}
    assert len({str(value) for value in many.values()}) == len(many)
    other = draws(train_clips=2, test_clips=1, seed=9)
    assert not any(other[file] == few[file] for file in few)


def test_a_part_shorter_than_a_clip_is_refused():
    with pytest.raises(UserError, match="clips of 30 frames: the test part of bicycle"):
        list(plan(CutSettings(frames=30)))


@pytest.fixture
def one_scene(monkeypatch, tmp_path):
    """A source video of our own in place of the footage."""
    path = tmp_path / "source.avi"
    codec = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), codec, 25, (160, 120))
    for number in range(40):
        writer.write(texture(120, 160, number))
    writer.release()
    monkeypatch.setattr(cutting, "SCENES", (Scene("noise", "source.avi", 0, 40),))
    return {"source.avi": path}


def test_the_same_settings_write_the_same_whole_files(one_scene, tmp_path):
    folder = tmp_path / "clips"
    settings = CutSettings(train_clips=2, test_clips=1, width=96, height=72)

    assert not is_cut(folder, settings)
    cut(one_scene, folder, settings)
    assert is_cut(folder, settings)
    files = sorted(folder.rglob("*.avi"))
    assert len(files) == 4 * 3
    for file in files:
        capture = cv2.VideoCapture(str(file))
        frames = 0
        while (result := capture.read())[0]:
            assert result[1].shape == (72, 96, 3)
            frames += 1
        assert frames == 13
    before = {file: file.read_bytes() for file in files}

    other = CutSettings(train_clips=2, test_clips=1, width=96, height=72, seed=2)
    assert not is_cut(folder, other)
    cut(one_scene, folder, other)
    assert is_cut(folder, other) and not is_cut(folder, settings)
    assert all(file.read_bytes() != content for file, content in before.items())
    cut(one_scene, folder, settings)
    assert all(file.read_bytes() == content for file, content in before.items())


def test_interrupted_cutting_is_not_taken_for_whole(one_scene, tmp_path, monkeypatch):
    folder = tmp_path / "clips"
    settings = CutSettings(train_clips=1, test_clips=1, width=96, height=72)
    cut(one_scene, folder, settings)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cutting, "_write_clip", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cut(one_scene, folder, settings)
    assert not is_cut(folder, settings)
