"""The LMDB database."""

import lmdb
import pytest
from synthetic_video import panned, write_video
from two_stream_prep import (
    DIS,
    ExtractSettings,
    UserError,
    extract,
    find_videos,
    provenance,
    write_lmdb,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Names whose order is not that of their keys: "a b/" < "a/"."""
    root = tmp_path_factory.mktemp("lmdb")
    for number, name in enumerate(["a", "a b", "c/d"]):
        frames = panned(3 + number, (64, 48), (1, 0), seed=number)
        write_video(root / "videos" / f"{name}.avi", frames)
    settings = ExtractSettings(size=None, flow=DIS())
    videos = find_videos(root / "videos")
    extract(videos, root / "data", settings, processes=1, progress=False)
    return root / "data"


def content(database):
    with lmdb.open(str(database), readonly=True, lock=False) as environment:
        with environment.begin() as transaction:
            return list(transaction.cursor())


@pytest.mark.parametrize("map_size", [1 << 14, 1 << 30], ids=["grows", "fits"])
def test_holds_every_image(data, tmp_path, map_size):
    database = tmp_path / "new" / "images.lmdb"
    count = write_lmdb(data, database, progress=False, map_size=map_size)
    expected = {
        str(path.relative_to(data)).encode(): path.read_bytes()
        for path in data.rglob("*.jpg")
    }
    items = content(database)
    assert dict(items) == expected and len(items) == count == 12 + 9 + 9
    assert b"a b/flow_y_0003.jpg" in expected
    assert (database / "data.mdb").stat().st_size > 1 << 14, "else nothing grew"
    assert provenance(database) == provenance(data)
    assert [path.name for path in database.parent.iterdir()] == ["images.lmdb"]


def test_is_never_overwritten(data, tmp_path):
    with pytest.raises(UserError, match="exists already; remove it"):
        write_lmdb(data, tmp_path, progress=False)


def test_a_missing_image_leaves_no_database(data, tmp_path):
    moved = data / "c" / "d" / "image_0002.jpg"
    moved.rename(tmp_path / "kept.jpg")
    try:
        with pytest.raises(UserError, match="c/d/image_0002.jpg: No such file.*again"):
            write_lmdb(data, tmp_path / "x.lmdb", progress=False)
    finally:
        (tmp_path / "kept.jpg").rename(moved)
    assert not list(tmp_path.iterdir())


def test_without_data(tmp_path):
    with pytest.raises(UserError, match="manifest.json: there is no such file"):
        write_lmdb(tmp_path, tmp_path / "x.lmdb", progress=False)
    assert not list(tmp_path.iterdir())


def test_a_name_too_long(data, tmp_path):
    root = tmp_path / "data"
    long_name = "/".join(["x" * 200] * 3)
    write_video(root / "v" / f"{long_name}.avi", panned(2, (64, 48), (0, 0)))
    settings = ExtractSettings(flow=None)
    extract(find_videos(root / "v"), root / "d", settings, processes=1, progress=False)
    with pytest.raises(UserError, match="too long for LMDB"):
        write_lmdb(root / "d", root / "x.lmdb", progress=False)
