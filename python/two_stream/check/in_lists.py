"""What can be said of lists alone: lines, labels, groups, the two streams."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from two_stream.check.findings import ERROR, WARNING, Finding
from two_stream.data.lists import BadLine, Video, video_ids
from two_stream.errors import UserError

# UCF101: videos of one group are cut from the same footage.
UCF101_GROUP = r"(v_\w+?_g\d+)_c\d+"


def check_lines(path: str, videos: Sequence[Video], bad: Sequence[BadLine]):
    """Yields malformed and empty lines, an empty list, and videos there twice."""
    empty = [line for line in bad if line.empty]
    wrong = [line for line in bad if not line.empty]
    for line in wrong:
        yield Finding(ERROR, path, line.line, line.cause, line.fix)
    if not videos and not wrong:
        fix = "`two-stream prepare lists` makes lists"
        yield Finding(ERROR, path, None, "the list is empty", fix)
    elif empty:
        more = f" ({len(empty)} such lines)" if empty[1:] else ""
        cause, fix = f"{empty[0].cause}{more}", "remove it; other tools read no further"
        yield Finding(WARNING, path, empty[0].line, cause, fix)
    seen: dict[str, Video] = {}
    for video in videos:
        if video.path in seen:
            cause = f"{video.path} is in line {seen[video.path].line} too"
            yield Finding(ERROR, path, video.line, cause, "remove one of the lines")
        seen.setdefault(video.path, video)


def check_labels(
    path: str, videos: Sequence[Video], classes: int, train: bool
) -> Iterator[Finding]:
    """Yields labels outside the net's classes, and classes without a video."""
    for video in videos:
        if video.label >= classes:
            yield Finding(
                ERROR,
                path,
                video.line,
                f"label {video.label}, but the net has {classes} classes (0 to "
                f"{classes - 1})",
                "labels start at 0; mend the list, or num_output of the last layer",
            )
    without = sorted(set(range(classes)) - {video.label for video in videos})
    if train and videos and without:
        shown = ", ".join(map(str, without[:8])) + (", ..." if without[8:] else "")
        yield Finding(
            WARNING,
            path,
            None,
            f"{len(without)} of the net's {classes} classes have no video ({shown})",
            "add videos, or lower num_output of the last layer",
        )


def check_train_and_test(
    train: tuple[str, Sequence[Video], Sequence[str]],
    test: tuple[str, Sequence[Video], Sequence[str]],
    group: str = UCF101_GROUP,
) -> Iterator[Finding]:
    """Yields videos (errors) and groups of videos (warnings) that both lists have.

    A side is a list's path, its videos, and where each of them is. ``group`` is a
    regular expression over the name of a video's folder, whose first group tells
    the footage; names that don't match have none.
    """
    pattern = re.compile(group)

    def group_of(video: Video) -> str | None:
        match = pattern.fullmatch(Path(video.path).name)
        return match.group(1) if match else None

    train_path, videos, places = train
    test_path = test[0]
    known = dict(zip(places, videos, strict=True))
    groups = {group_of(video): video for video in reversed(videos)}
    groups.pop(None, None)
    told = set()
    for video, place in zip(test[1], test[2], strict=True):
        name = group_of(video)
        if place in known:
            severity, what, other = ERROR, "it", known[place]
        elif name in groups and name not in told:
            severity, what, other = WARNING, f"its group {name}", groups[name]
            told.add(name)
        else:
            continue
        yield Finding(
            severity,
            test_path,
            video.line,
            f"{video.path} is for testing, but {what} is for training too "
            f"({train_path}:{other.line})",
            "accuracy would come out too high; use the official split",
        )


def check_streams(
    rgb_path: str, rgb: Sequence[Video], flow_path: str, flow: Sequence[Video]
) -> Iterator[Finding]:
    """Yields videos that differ between the streams: absence, label, length."""
    try:
        frames = dict(zip(video_ids(list(rgb), rgb_path), rgb, strict=True))
        fields = dict(zip(video_ids(list(flow), flow_path), flow, strict=True))
    except UserError:  # there twice, which check_lines tells
        return
    fix = "make both lists by one `two-stream prepare lists`"
    sides = (rgb_path, frames), (flow_path, fields)
    for (path, these), (other_path, those) in (sides, sides[::-1]):
        absent = [name for name in these if name not in those]
        if absent:
            more = f" ({len(absent)} such videos)" if absent[1:] else ""
            cause = f"{absent[0]} is not in {other_path}{more}"
            yield Finding(ERROR, path, these[absent[0]].line, cause, fix)
    for name in (name for name in fields if name in frames):
        other, video = frames[name], fields[name]
        if other.label != video.label:
            cause = f"{name} has label {video.label}, in {rgb_path} {other.label}"
            yield Finding(ERROR, flow_path, video.line, cause, fix)
        elif not other.frames - 1 <= video.frames <= other.frames:
            yield Finding(
                WARNING,
                flow_path,
                video.line,
                f"{name} has {video.frames} flow fields for {other.frames} frames",
                "N frames give N - 1 fields; extract the video again",
            )
