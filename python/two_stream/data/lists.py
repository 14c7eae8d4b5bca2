"""List files: one line ``path num_frames label`` a video.

The path may contain spaces: the two numbers are the last two words.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from two_stream.errors import UserError


@dataclass(frozen=True)
class Video:
    """One line of a list.

    ``frames`` counts what lies in the folder: images for RGB, pairs of an x and
    a y image for flow.
    """

    path: str
    frames: int
    label: int
    line: int


@dataclass(frozen=True)
class BadLine:
    """A line that is not a video; an ``empty`` one does no harm."""

    line: int
    cause: str
    fix: str
    empty: bool = False


def parse_line(text: str, line: int) -> Video | BadLine:
    """Reads one line."""
    words = text.strip().rsplit(None, 2)
    if not words:
        return BadLine(line, "the line is empty", "remove it", empty=True)
    if len(words) != 3:
        return BadLine(line, f"'{text.strip()}' has fewer than three fields", FORM)
    path, frames, label = words
    try:
        video = Video(path, int(frames), int(label), line)
    except ValueError:
        bad = frames if not _is_integer(frames) else label
        return BadLine(line, f"'{bad}' is not a whole number", FORM)
    if video.frames < 1:
        return BadLine(line, f"{frames} frames", "drop the line or extract the video")
    if video.label < 0:
        return BadLine(line, f"label {label} is negative", "labels start at 0")
    return video


FORM = "write: path num_frames label"


def _is_integer(word: str) -> bool:
    try:
        int(word)
    except ValueError:
        return False
    return True


def scan_list(path: str | Path) -> tuple[list[Video], list[BadLine]]:
    """Reads a list; returns the videos and the lines that are not one.

    Raises UserError if the file cannot be read.
    """
    try:
        # File names need not be UTF-8; their bytes pass through unchanged.
        text = Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise UserError(
            f"{path}: cannot read the list ({error.strerror}); "
            "`two-stream prepare` makes lists"
        ) from None
    videos, bad = [], []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        entry = parse_line(line, number)
        (bad if isinstance(entry, BadLine) else videos).append(entry)
    return videos, bad


def read_list(path: str | Path) -> list[Video]:
    """Reads a list that must be right and not empty; raises UserError."""
    videos, bad = scan_list(path)
    first = next((line for line in bad if not line.empty), None)
    if first:
        raise UserError(f"{path}:{first.line}: {first.cause}; {first.fix}")
    if not videos:
        raise UserError(f"{path}: the list is empty; `two-stream prepare` makes lists")
    return videos


def video_ids(videos: list[Video], list_path: str | Path) -> list[str]:
    """Returns an identifier a video, the same for its frames and its flow.

    It is the end of the path: its last folder, or as many of the last folders
    as make all videos of the list differ. Raises UserError for a video that is
    in the list twice.
    """
    parts = [Path(video.path).parts for video in videos]
    for depth in range(1, max(map(len, parts), default=1) + 1):
        ids = ["/".join(part[-depth:]) for part in parts]
        if len(set(ids)) == len(ids):
            return ids
    seen: dict[str, Video] = {}
    for name, video in zip(ids, videos, strict=True):
        if name in seen:
            raise UserError(
                f"{list_path}:{video.line}: {video.path} is in line "
                f"{seen[name].line} too; remove one"
            )
        seen[name] = video
    raise AssertionError("identifiers differ after all")
