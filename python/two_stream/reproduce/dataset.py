"""A dataset on disk: its video files and its splits, found and checked.

ucf101   ROOT/UCF-101/Archery/v_Archery_g01_c01.avi
         ROOT/ucfTrainTestlist/{classInd,trainlist01,testlist01,...}.txt
hmdb51   ROOT/hmdb51_org/catch/....avi
         ROOT/testTrainMulti_7030_splits/catch_test_split1.txt
folder   ROOT/videos/CLASS/....mp4; split N is drawn with seed N
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from two_stream_prep.discover import find_videos
from two_stream_prep.extract_video import Video
from two_stream_prep.lists import (
    FolderRule,
    Item,
    Split,
    read_hmdb51_split,
    read_ucf101_split,
    split_by_rule,
)

from two_stream.console import warn
from two_stream.errors import UserError
from two_stream.reproduce.settings import ReproduceSettings


@dataclass(frozen=True)
class Layout:
    """Folders under ROOT, and the reader of the split files."""

    videos: str
    splits: str
    read: Callable[[Path, int], Split]


LAYOUTS = {
    "ucf101": Layout("UCF-101", "ucfTrainTestlist", read_ucf101_split),
    "hmdb51": Layout("hmdb51_org", "testTrainMulti_7030_splits", read_hmdb51_split),
}
_FOLDER_VIDEOS = "videos"


@dataclass(frozen=True)
class Dataset:
    """The video files that the splits name, and the splits by number."""

    videos: list[Video]
    splits: dict[int, Split]

    @property
    def classes(self) -> list[str]:
        return next(iter(self.splits.values())).classes

    def fingerprint(self) -> list[list]:
        """Returns name and bytes of each video."""
        return [[v.name, v.path.stat().st_size] for v in self.videos]


def read_dataset(s: ReproduceSettings) -> Dataset:
    """Finds videos and splits; raises UserError that says what is not as it must be.

    A video that a split file names and that is not there is an error, or left out
    with ``skip_missing``.
    """
    if not s.root.is_dir():
        raise UserError(f"--root {s.root}: there is no such folder")
    if s.dataset == "folder":
        return _own_videos(s)
    layout = LAYOUTS[s.dataset]
    videos = find_videos(_folder(s, layout.videos, "the videos, a folder a class"))
    folder = _folder(s, layout.splits, "the official split files")
    splits = {number: layout.read(folder, number) for number in s.splits}
    names = {video.name for video in videos}
    splits = {
        number: _that_are_there(split, names, s, number)
        for number, split in splits.items()
    }
    return _named(videos, splits)


def _folder(s: ReproduceSettings, name: str, what: str) -> Path:
    folder = s.root / name
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; put {what} there")
    return folder


def _own_videos(s: ReproduceSettings) -> Dataset:
    videos = find_videos(_folder(s, _FOLDER_VIDEOS, "the videos, a folder a class"))
    names = [video.name for video in videos]
    splits = {}
    for number in s.splits:
        rule = FolderRule(s.test_share, seed=number, group_pattern=s.group)
        splits[number] = split_by_rule(names, rule)
        _check_shares(splits[number], s)
    return _named(videos, splits)


def _check_shares(split: Split, s: ReproduceSettings) -> None:
    """Each class must be trained and tested, or its accuracy means nothing."""
    if len(split.classes) < 2:
        folder = s.root / _FOLDER_VIDEOS
        raise UserError(f"{folder}: one class only; put a folder a class there")
    for part, items in (("train", split.train), ("test", split.test)):
        labels = {item.label for item in items}
        for label, name in enumerate(split.classes):
            if label not in labels:
                raise UserError(
                    f"{s.root / _FOLDER_VIDEOS / name}: no video of it is left to "
                    f"{part}; add videos (of other groups), or change --test-share"
                )


def _that_are_there(
    split: Split, names: set[str], s: ReproduceSettings, number: int
) -> Split:
    def there(items: list[Item]) -> list[Item]:
        return [item for item in items if item.name in names]

    kept = replace(split, train=there(split.train), test=there(split.test))
    missing = [i for i in (*split.train, *split.test) if i.name not in names]
    if missing and not s.skip_missing:
        more = f" (and {len(missing) - 1} more)" if missing[1:] else ""
        raise UserError(
            f"{missing[0].where}: there is no video {missing[0].name}{more} under "
            f"{s.root / LAYOUTS[s.dataset].videos}; unpack the archive again, or leave "
            "such videos out with --skip-missing"
        )
    if missing:
        warn(f"split {number}: {len(missing)} videos left out, they are not there")
    if not kept.train or not kept.test:
        raise UserError(f"split {number}: no video is left to train or to test on")
    return kept


def _named(videos: list[Video], splits: dict[int, Split]) -> Dataset:
    named = {i.name for split in splits.values() for i in (*split.train, *split.test)}
    return Dataset([video for video in videos if video.name in named], splits)
