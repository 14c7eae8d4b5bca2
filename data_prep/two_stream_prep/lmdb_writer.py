"""A data root's images in one LMDB database, for the VideoData layer's LMDB store.

One file instead of millions, in key order: the key is "<name>/<file name>", as
`Archery/v_Archery_g01_c01/flow_x_0001.jpg`, the value the JPEG file's bytes. So
the same lists serve folders and database. A copy of the manifest lies beside
data.mdb in the database's folder.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import lmdb
from tqdm import tqdm

from two_stream_prep import layout
from two_stream_prep.errors import UserError
from two_stream_prep.manifest import Manifest

_LONGEST_KEY = 511
_FIRST_MAP_SIZE = 1 << 30


def write_lmdb(
    data_root: str | os.PathLike,
    database: str | os.PathLike,
    *,
    progress: bool = True,
    map_size: int = _FIRST_MAP_SIZE,
) -> int:
    """Write all videos of the manifest to a new database; the number of images.

    The database is made under a temporary name and renamed when it is whole.
    `map_size` is where its size limit in bytes starts; it doubles when reached.
    Raises UserError where the database exists or an image is missing.
    """
    data_root, database = Path(data_root), Path(database)
    manifest = Manifest.load(data_root)
    if not manifest.videos:
        raise UserError(f"{data_root}: there is no video here")
    if database.exists():
        raise UserError(f"{database}: exists already; remove it or name another")
    partial = database.with_name(f".{database.name}.{uuid.uuid4().hex}")
    try:
        partial.mkdir(parents=True)
        images = _fill(partial, data_root, manifest, progress, map_size)
        manifest.save(partial)
        os.rename(partial, database)
    except (OSError, lmdb.Error) as error:
        raise UserError(f"{database}: can't be written: {error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return images


def _fill(
    folder: Path, data_root: Path, manifest: Manifest, progress: bool, map_size: int
) -> int:
    images = 0
    # Nobody reads the database until it is renamed, so one sync at the end will do.
    with lmdb.open(str(folder), map_size=map_size, sync=False) as environment:
        # In the order of the keys, which is not that of the names: "a b/" comes
        # before "a/". Keys that only grow are appended, and pages stay full.
        names = sorted(manifest.videos, key=lambda name: os.fsencode(name + "/"))
        for name in tqdm(names, unit=" videos", disable=not progress):
            pairs = _read_images(data_root, name, manifest.videos[name])
            _put(environment, pairs)
            images += len(pairs)
        environment.sync(True)
    return images


def _read_images(data_root: Path, name: str, record: dict) -> list[tuple[bytes, bytes]]:
    """Keys and values of a video, sorted by key."""
    pairs = []
    for file_name in layout.expected_files(record["frames"], record["pairs"]):
        key = os.fsencode(f"{name}/{file_name}")
        if len(key) > _LONGEST_KEY:
            raise UserError(f"{name}: the name is too long for LMDB; rename the video")
        path = data_root / name / file_name
        try:
            pairs.append((key, path.read_bytes()))
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; extract again") from None
    return sorted(pairs)


def _put(environment: lmdb.Environment, pairs: list[tuple[bytes, bytes]]) -> None:
    """Add all pairs or none, with a larger map where they don't fit."""
    while True:
        try:
            with environment.begin(write=True) as transaction:
                for key, value in pairs:
                    transaction.put(key, value, append=True)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()["map_size"])
