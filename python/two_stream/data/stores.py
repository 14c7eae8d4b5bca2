"""Encoded images by key, ``path of the video/file name``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from two_stream.errors import UserError


class FrameStore(Protocol):
    """Where images come from."""

    keys_are_paths: bool

    def read(self, key: str) -> bytes:
        """Returns the image's bytes; raises OSError if there is none."""

    def has(self, key: str) -> bool:
        """Tells whether the image is there."""


class FolderStore:
    """Folders of image files."""

    keys_are_paths = True

    def read(self, key: str) -> bytes:
        return Path(key).read_bytes()

    def has(self, key: str) -> bool:
        return os.path.isfile(key)


class LmdbStore:
    """One database of encoded images, opened read-only."""

    keys_are_paths = False

    def __init__(self, path: str | Path):
        import lmdb

        if not Path(path).exists():
            raise UserError(f"{path}: no such database; `two-stream prepare lmdb`")
        try:
            self._environment = lmdb.open(
                str(path),
                readonly=True,
                lock=False,
                readahead=False,
                subdir=Path(path).is_dir(),
            )
        except lmdb.Error as error:
            raise UserError(f"{path}: cannot open the database ({error})") from None

    def read(self, key: str) -> bytes:
        with self._environment.begin() as transaction:
            value = transaction.get(os.fsencode(key))
        if value is None:
            raise FileNotFoundError(2, "not in the database", key)
        return value

    def has(self, key: str) -> bool:
        with self._environment.begin() as transaction:
            return transaction.cursor().set_key(os.fsencode(key))


def open_store(lmdb_path: str = "") -> FrameStore:
    """Returns the database if one is named, else folders."""
    return LmdbStore(lmdb_path) if lmdb_path else FolderStore()
