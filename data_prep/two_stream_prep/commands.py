"""The commands as typed settings that can be run."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from two_stream_prep.discover import find_videos
from two_stream_prep.errors import UserError
from two_stream_prep.extraction import extract
from two_stream_prep.lists import (
    FolderRule,
    Split,
    read_hmdb51_split,
    read_ucf101_split,
    resolve,
    split_by_rule,
    write_lists,
)
from two_stream_prep.lmdb_writer import write_lmdb
from two_stream_prep.manifest import Manifest
from two_stream_prep.provenance import provenance
from two_stream_prep.settings import ExtractSettings


class Command(Protocol):
    """What every sub-command becomes."""

    def run(self) -> int:
        """Do it; the exit status. Raises UserError for what the user can mend."""


@dataclass(frozen=True)
class ExtractCommand:
    videos: Path
    data_root: Path
    settings: ExtractSettings = field(default_factory=ExtractSettings)
    processes: int | None = None
    force: bool = False
    progress: bool = True

    def run(self) -> int:
        report = extract(
            find_videos(self.videos),
            self.data_root,
            self.settings,
            processes=self.processes,
            force=self.force,
            progress=self.progress,
        )
        print(
            f"{self.data_root}: {len(report.written)} videos written, "
            f"{len(report.kept)} kept as they were, {len(report.failed)} failed"
        )
        for name, cause in sorted(report.failed.items()):
            print(f"failed: {name}: {cause}", file=sys.stderr)
        return 1 if report.failed else 0


@dataclass(frozen=True)
class FolderListsCommand:
    data_root: Path
    rule: FolderRule = field(default_factory=FolderRule)
    folder: Path | None = None
    """Where the lists go; None: into the data root."""

    def run(self) -> int:
        manifest = Manifest.load(self.data_root)
        split = split_by_rule(manifest.videos, self.rule)
        _write(split, manifest, self.folder or self.data_root, "")
        return 0


READERS = {"ucf101": read_ucf101_split, "hmdb51": read_hmdb51_split}


@dataclass(frozen=True)
class OfficialListsCommand:
    dataset: str
    """A key of READERS."""
    data_root: Path
    split_folder: Path
    splits: tuple[int, ...] = (1, 2, 3)
    skip_missing: bool = False
    folder: Path | None = None

    def run(self) -> int:
        manifest = Manifest.load(self.data_root)
        for number in self.splits:
            named = READERS[self.dataset](self.split_folder, number)
            split = resolve(named, manifest, self.skip_missing)
            left_out = len(named.train + named.test) - len(split.train + split.test)
            if left_out:
                print(f"split {number}: {left_out} videos left out, not extracted")
            folder = self.folder or self.data_root
            _write(split, manifest, folder, f"_split{number}")
        return 0


@dataclass(frozen=True)
class LmdbCommand:
    data_root: Path
    database: Path
    progress: bool = True

    def run(self) -> int:
        images = write_lmdb(self.data_root, self.database, progress=self.progress)
        print(f"{self.database}: {images} images")
        return 0


@dataclass(frozen=True)
class InfoCommand:
    data_root: Path

    def run(self) -> int:
        manifest = Manifest.load(self.data_root)
        records = manifest.videos.values()
        frames = sum(record["frames"] for record in records)
        pairs = sum(record["pairs"] for record in records)
        print(f"{len(records)} videos, {frames} frames, {pairs} flow pairs")
        for name, cause in manifest.failures.items():
            print(f"failed: {name}: {cause}")
        if records:
            for key, value in provenance(self.data_root).items():
                print(f"{key}: {value}")
        return 0


def parse_splits(text: str) -> tuple[int, ...]:
    """The numbers of "1,2,3"."""
    fields = text.split(",")
    if not all(part.strip() in ("1", "2", "3") for part in fields):
        raise UserError(f"splits are numbers from 1 to 3 as in 1,2,3, not {text!r}")
    return tuple(int(part) for part in fields)


def _write(split: Split, manifest: Manifest, folder: Path, suffix: str) -> None:
    for path in write_lists(split, manifest, folder, suffix):
        print(path)
