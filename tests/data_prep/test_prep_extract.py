"""Videos to folders of frames and flow."""

import errno
import fcntl
import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from synthetic_video import grey_of, image_names, numbered, panned, write_video
from two_stream_prep import (
    DIS,
    TVL1,
    ExtractSettings,
    Manifest,
    UserError,
    Video,
    dequantize,
    extract,
    extraction,
    find_videos,
)
from two_stream_prep.extract_video import extract_video
from two_stream_prep.workers import Done

FAST = ExtractSettings(size=(64, 48), flow=DIS("ultrafast"))


def run(root, data, settings=FAST, **options):
    options = {"processes": 1, "progress": False, **options}
    return extract(find_videos(root), data, settings, **options)


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """What shows that a file was written anew."""
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*.jpg")
    }


@pytest.fixture
def videos(tmp_path):
    """Two small videos in two classes, with a space in a name."""
    root = tmp_path / "videos"
    write_video(root / "walk" / "a b.avi", panned(6, (64, 48), (2, 0)))
    write_video(root / "run" / "c.mp4", panned(5, (64, 48), (-2, 0)), "mp4v")
    return root


@pytest.mark.parametrize("flow", [TVL1(), DIS()], ids=lambda flow: flow.name)
def test_frames_and_flow_of_a_pan(tmp_path, flow):
    """The motion is (4, -2) in the file, half of that at half the size."""
    path = write_video(tmp_path / "v" / "pan.avi", panned(5, (192, 144), (4, -2)))
    settings = ExtractSettings(size=(96, 72), flow=flow, bound=10.0)
    report = run(path, tmp_path / "data", settings)
    assert report.written == ["pan"] and not report.failed and not report.kept
    folder = tmp_path / "data" / "pan"
    assert image_names(folder) == {
        *(f"image_{n:04d}.jpg" for n in range(1, 6)),
        *(f"flow_{axis}_{n:04d}.jpg" for axis in "xy" for n in range(1, 5)),
    }
    for number in range(1, 5):
        for axis, expected in (("x", 2.0), ("y", -1.0)):
            path = folder / f"flow_{axis}_{number:04d}.jpg"
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            assert image.shape == (72, 96) and image.dtype == np.uint8
            assert abs(np.median(dequantize(image, 10.0)) - expected) < 0.2


def test_frames_are_the_videos_in_order(tmp_path):
    write_video(tmp_path / "v" / "n.avi", numbered(12, (80, 60)))
    run(tmp_path / "v", tmp_path / "data", replace(FAST, size=None))
    for index in range(12):
        image = cv2.imread(str(tmp_path / "data" / "n" / f"image_{index + 1:04d}.jpg"))
        assert image.shape == (60, 80, 3)
        assert abs(float(image.mean()) - grey_of(index)) < 3


def test_jpeg_quality_is_used(tmp_path):
    write_video(tmp_path / "v" / "a.avi", panned(2, (64, 48), (1, 1)))
    sizes = []
    for quality in (20, 95):
        data = tmp_path / str(quality)
        run(tmp_path / "v", data, replace(FAST, jpeg_quality=quality))
        sizes.append((data / "a" / "image_0001.jpg").stat().st_size)
    assert 1.5 * sizes[0] < sizes[1]


def test_no_flow(videos, tmp_path):
    settings = replace(FAST, flow=None)
    run(videos, tmp_path / "data", settings)
    names = image_names(tmp_path / "data" / "run" / "c")
    assert names == {f"image_{n:04d}.jpg" for n in range(1, 6)}
    assert Manifest.load(tmp_path / "data").videos["run/c"]["pairs"] == 0


def test_manifest(videos, tmp_path):
    (videos / "run" / "bad.avi").write_bytes(b"junk")
    run(videos, tmp_path / "data", replace(FAST, bound=15.0))
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text())
    ((recipe_id, recipe),) = manifest["recipes"].items()
    assert recipe == {
        "size": [64, 48],
        "resize": "bilinear",
        "jpeg_quality": 95,
        "flow": {
            "algorithm": "dis",
            "parameters": {"preset": "ultrafast"},
            "bound": 15.0,
        },
    }
    assert manifest["videos"]["walk/a b"] == {
        "source": str(videos / "walk" / "a b.avi"),
        "source_bytes": (videos / "walk" / "a b.avi").stat().st_size,
        "declared_frames": 6,
        "frames": 6,
        "pairs": 5,
        "width": 64,
        "height": 48,
        "library": f"OpenCV {cv2.__version__}",
        "recipe": recipe_id,
    }
    assert manifest["videos"]["run/c"]["frames"] == 5
    assert list(manifest["failures"]) == ["run/bad"]


def test_a_second_run_keeps_everything(videos, tmp_path):
    data = tmp_path / "data"
    assert run(videos, data).written == ["run/c", "walk/a b"]
    before, manifest = stamps(data), (data / "manifest.json").read_text()
    report = run(videos, data)
    assert report.kept == ["run/c", "walk/a b"] and not report.written
    assert stamps(data) == before
    assert (data / "manifest.json").read_text() == manifest
    assert run(videos, data, force=True).written == ["run/c", "walk/a b"]
    assert not stamps(data).items() & before.items()


def test_only_what_is_missing_is_made(videos, tmp_path):
    data = tmp_path / "data"
    run(videos, data)
    (data / "run" / "c" / "flow_x_0003.jpg").unlink()
    assert run(videos, data).written == ["run/c"]
    assert len(image_names(data / "run" / "c")) == 5 + 8
    write_video(videos / "run" / "new.avi", panned(3, (64, 48), (1, 0)))
    assert run(videos, data).written == ["run/new"]
    write_video(videos / "run" / "new.avi", panned(9, (64, 48), (1, 0)))
    assert run(videos, data).written == ["run/new"]
    assert len(image_names(data / "run" / "new")) == 9 + 16


@pytest.mark.parametrize(
    "change",
    [
        {"size": (32, 24)},
        {"size": None},
        {"flow": TVL1(warps=1)},
        {"flow": DIS("fast")},
        {"bound": 15.0},
        {"jpeg_quality": 80},
    ],
    ids=str,
)
def test_other_parameters_make_it_anew(videos, tmp_path, change):
    data = tmp_path / "data"
    run(videos / "run", data)
    settings = replace(FAST, **change)
    assert run(videos / "run", data, settings).written == ["c"]
    record = Manifest.load(data).videos["c"]
    assert record["recipe"] == settings.recipe() != FAST.recipe()
    assert run(videos / "run", data, settings).kept == ["c"]


def test_rgb_alone_is_content_with_more_but_not_with_less(videos, tmp_path):
    data = tmp_path / "data"
    rgb_only = replace(FAST, flow=None)
    run(videos / "run", data, rgb_only)
    assert run(videos / "run", data).written == ["c"]
    assert run(videos / "run", data, rgb_only).kept == ["c"]
    assert (data / "c" / "flow_x_0001.jpg").exists()


def test_failures_are_told_and_stop_nobody(videos, tmp_path):
    whole = write_video(videos / "x" / "whole.avi", panned(30, (64, 48), (1, 0)))
    content = whole.read_bytes()
    (videos / "x" / "cut.avi").write_bytes(content[: len(content) // 2])
    (videos / "x" / "empty.avi").touch()
    (videos / "x" / "junk.mp4").write_bytes(b"no video" * 100)
    write_video(videos / "x" / "one.avi", panned(1, (64, 48), (0, 0)))
    data = tmp_path / "data"
    report = run(videos, data, processes=2)
    assert report.written == ["run/c", "walk/a b", "x/whole"]
    causes = dict(report.failed)
    assert causes.pop("x/empty") == "the file is empty"
    assert "can't open it" in causes.pop("x/junk")
    assert "has one frame" in causes.pop("x/one")
    cut = causes.pop("x/cut")
    assert "of 30 frames could be decoded" in cut and "--min-decoded" in cut
    assert not causes
    assert Manifest.load(data).failures == report.failed
    assert {path.name for path in (data / "x").iterdir()} == {"whole"}

    assert run(videos, data).failed == report.failed
    accepting = run(videos, data, replace(FAST, min_decoded=0.0))
    assert accepting.written == ["x/cut"] and set(accepting.failed) == {
        "x/empty",
        "x/junk",
        "x/one",
    }
    assert "x/cut" not in Manifest.load(data).failures


@pytest.mark.parametrize("damage", ["{", "[]", '{"format": 1, "videos": 3}', None])
def test_the_manifest_is_made_from_the_folders(videos, tmp_path, damage):
    """So neither a damaged one nor a lost one costs anything."""
    data = tmp_path / "data"
    run(videos, data)
    manifest = (data / "manifest.json").read_text()
    (data / "manifest.json").unlink()
    if damage is not None:
        (data / "manifest.json").write_text(damage)
    video = Video(videos / "run" / "c.mp4", "run/c")
    report = extract([video], data, FAST, processes=1, progress=False)
    assert report.kept == ["run/c"]
    assert (data / "manifest.json").read_text() == manifest, "walk/a b is there too"


@pytest.mark.parametrize("damage", ["", "{}", '{"frames": "5"}', "[1]"])
def test_a_damaged_record_means_anew(videos, tmp_path, damage):
    data = tmp_path / "data"
    run(videos / "run", data)
    (data / "c" / "video.json").write_text(damage)
    assert run(videos / "run", data).written == ["c"]


def test_classes_may_be_links(videos, tmp_path):
    """To folders on another disk."""
    data = tmp_path / "data"
    run(videos, data)
    (data / "run").rename(tmp_path / "elsewhere")
    (data / "run").symlink_to(tmp_path / "elsewhere")
    assert run(videos, data).kept == ["run/c", "walk/a b"]


def test_a_header_without_frames(tmp_path):
    path = write_video(tmp_path / "v" / "a.avi", panned(4, (64, 48), (0, 0)))
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"movi") + 4])
    (cause,) = run(tmp_path / "v", tmp_path / "data").failed.values()
    assert "can't open it" in cause or "not one frame" in cause


def test_what_others_made_is_not_overwritten(videos, tmp_path):
    mine = tmp_path / "data" / "run" / "c" / "img_00001.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    report = run(videos, tmp_path / "data")
    assert "was not made by this command" in report.failed["run/c"]
    assert report.written == ["walk/a b"] and mine.read_text() == "precious"


def test_nothing_is_left_of_a_video_that_breaks_off(videos, tmp_path, monkeypatch):
    """The disk fails at the 5th image: the old folder stays, whole."""
    data = tmp_path / "data"
    run(videos, data)
    before = stamps(data)
    written = []
    true_write = Path.write_bytes

    def failing_write(path, content):
        if len(written) == 4:
            raise OSError(28, "No space left on device")
        written.append(path)
        return true_write(path, content)

    monkeypatch.setattr(Path, "write_bytes", failing_write)
    video = Video(videos / "run" / "c.mp4", "run/c")
    with pytest.raises(OSError, match="No space"):
        extract_video(video, data, FAST, lambda share: None)
    assert len(written) == 4 and stamps(data) == before
    assert not list((data / ".partial").iterdir())


def test_one_run_at_a_time(videos, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    with open(data / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another extraction is writing here"):
            run(videos, data)
    assert run(videos, data).written


def test_a_data_root_that_cannot_be(videos, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="can't be made"):
        run(videos, tmp_path / "file" / "data")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_stops_the_run(videos, tmp_path, monkeypatch, code):
    """The first video is larger and done first; the second finds the disk full."""
    calls = []

    def extract_until_full(video, *others):
        calls.append(video.name)
        if len(calls) > 1:
            raise OSError(code, os.strerror(code))
        return extract_video(video, *others)

    def run_here(function, jobs, processes):
        for index, job in enumerate(jobs):
            yield Done(index, function(job, lambda share: None))

    write_video(videos / "run" / "third.avi", panned(2, (64, 48), (2, 0)))
    monkeypatch.setattr(extraction, "extract_video", extract_until_full)
    monkeypatch.setattr(extraction, "run_jobs", run_here)
    with pytest.raises(UserError, match="make room and run this again"):
        run(videos, tmp_path / "data")
    assert len(calls) == 2
    assert list(Manifest.load(tmp_path / "data").videos) == calls[:1]


def test_finding(tmp_path):
    for name in [
        "b/2.MP4",
        "b/1.avi",
        "a.x.mkv",
        ".hidden/v.avi",
        "b/._1.avi",
        "n.txt",
    ]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_videos(tmp_path)
    assert [video.name for video in found] == ["a.x", "b/1", "b/2"]
    assert found[2].path == tmp_path / "b" / "2.MP4"
    assert [video.name for video in find_videos(tmp_path / "b" / "1.avi")] == ["1"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["a/v.avi", "a/v.mp4"],
            r"a/v.avi and .*a/v.mp4 would both be written to a/v;",
        ),
        (["a.avi", "a/b/v.mp4"], r"a/b/v.mp4 would be written inside .*a.avi; rename"),
        (["line\nbreak.avi"], "a line break in the name"),
        (["space .avi"], "begins or ends with a space"),
        (["notes.txt"], "no video files here"),
    ],
)
def test_names_that_clash(tmp_path, names, message):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=message):
        find_videos(tmp_path)


def test_no_such_folder(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        find_videos(tmp_path / "none")


def test_a_name_that_is_not_utf8(tmp_path):
    """OpenCV would crash on it."""
    write_video(tmp_path / "v" / "cafe.avi", numbered(3, (64, 48)))
    folder = os.fsencode(tmp_path / "v")
    os.rename(folder + b"/cafe.avi", folder + b"/caf\xe9.avi")
    report = run(tmp_path / "v", tmp_path / "data")
    assert report.failed == {"caf\udce9": "its path is not UTF-8, OpenCV needs that"}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"size": (0, 5)}, "size must be positive"),
        ({"bound": 0.0}, "bound must be positive"),
        ({"bound": float("nan")}, "bound must be positive"),
        ({"jpeg_quality": 101}, "from 1 to 100"),
        ({"min_decoded": 1.5}, "share lies in"),
    ],
)
def test_settings_are_checked(bad, message):
    with pytest.raises(UserError, match=message):
        ExtractSettings(**bad)
