"""The preflight: one pass over list, disk and net."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from two_stream.check import in_lists, on_disk
from two_stream.check.findings import ERROR, WARNING, Finding, Report
from two_stream.check.in_lists import UCF101_GROUP
from two_stream.check.on_disk import Needs
from two_stream.console import progress_bar
from two_stream.data.frames import Locator, bases, join, locate
from two_stream.data.lists import Video, scan_list
from two_stream.data.patterns import FLOW, RGB
from two_stream.data.provenance import data_provenance
from two_stream.data.stores import FolderStore, FrameStore, open_store
from two_stream.errors import UserError

# The fast check opens one image of this many videos.
_FAST_IMAGES = 64


@dataclass(frozen=True)
class CheckSettings:
    """What to check against what.

    ``classes`` is the net's number of classes (None: unknown); ``train`` says
    that the net learns from this list; ``fast`` opens a few images only.
    ``test_list`` or ``train_list`` must share nothing with the list;
    ``other_list`` is the other stream's.
    """

    list: str
    modality: str = RGB
    needs: Needs = field(default_factory=Needs)
    classes: int | None = None
    train: bool = True
    test_list: str | None = None
    train_list: str | None = None
    other_list: str | None = None
    root_folder: str = ""
    pattern: str = ""
    store_path: str = ""
    group: str = UCF101_GROUP
    fast: bool = False
    progress: bool = True


def check(s: CheckSettings) -> Report:
    """Looks at everything; returns all findings, in the order of the list.

    Raises UserError only where there is nothing to look at: no such list, no
    such database.
    """
    videos, bad = scan_list(s.list)
    report = Report(videos=len(videos))
    report.findings += in_lists.check_lines(s.list, videos, bad)
    if s.classes:
        report.findings += in_lists.check_labels(s.list, videos, s.classes, s.train)
    for train, test in ((s.list, s.test_list), (s.train_list, s.list)):
        if train and test:
            pair = [_side(s, path) for path in (train, test)]
            report.findings += in_lists.check_train_and_test(*pair, s.group)
    if s.other_list:
        others, bad = scan_list(s.other_list)
        report.findings += in_lists.check_lines(s.other_list, others, bad)
        pair = [(s.list, videos), (s.other_list, others)]
        (rgb, flow) = pair if s.modality == RGB else pair[::-1]
        if videos and others:
            report.findings += in_lists.check_streams(*rgb, *flow)
    if videos:
        _check_disk(s, videos, report)
    return report


def _side(s: CheckSettings, path: str) -> tuple[str, list[Video], list[str]]:
    """Returns a list's path, its videos, and where each of them is."""
    videos, _ = scan_list(path)
    return path, videos, [_place(s, path, video) for video in videos]


def _place(s: CheckSettings, list_path: str, video: Video) -> str:
    """Returns the video's folder, the same whichever list names it."""
    if not s.store_path:
        for base in bases(FolderStore(), list_path, s.root_folder):
            if os.path.isdir(join(base, video.path)):
                return os.path.realpath(join(base, video.path))
    return video.path


def _check_disk(s: CheckSettings, videos: Sequence[Video], report: Report) -> None:
    store = open_store(s.store_path)
    try:
        locator = locate(store, videos, s.list, s.modality, s.root_folder, s.pattern)
    except UserError as error:
        cause, _, fix = str(error).removeprefix(f"{s.list}:").partition("; ")
        line = videos[0].line
        cause = cause.removeprefix(f"{line}: ")
        report.findings.append(Finding(ERROR, s.list, line, cause, fix))
        return
    for findings, images in _look(s, store, locator, videos):
        report.findings += findings
        report.images += images
    made = data_provenance(s.list, s.root_folder)
    if made and "mixed" in made:
        fix = "a net should see one kind of data"
        report.findings.append(Finding(WARNING, s.list, None, made["mixed"], fix))


def _look(
    s: CheckSettings, store: FrameStore, locator: Locator, videos: Sequence[Video]
):
    """Yields what check_video returns, several videos at a time."""
    every = max(1, len(videos) // _FAST_IMAGES)

    def one(number: int) -> tuple[list[Finding], int]:
        depth = on_disk.ALL
        if s.fast:
            depth = on_disk.FIRST if number % every == 0 else on_disk.ENDS
        video = videos[number]
        return on_disk.check_video(store, locator, s.list, video, s.needs, depth)

    bar = progress_bar(len(videos), "video", shown=s.progress and not s.fast)
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(one, range(len(videos))):
            bar.update()
            yield result


def guess_modality(list_path: str | Path) -> str:
    """Returns flow for a list called so, else rgb."""
    return FLOW if "flow" in Path(list_path).stem.lower() else RGB
