"""List files: one line ``path num_frames label`` a video.

The path may contain spaces: the two numbers are the last two words. Relative
paths are looked for under ``root_folder`` if given, else beside the list, else
under the working directory, as the VideoData layer does.
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
    """A line that is not a video."""

    line: int
    cause: str
    fix: str


def parse_line(text: str, line: int) -> Video | BadLine:
    """Reads one line that is not blank."""
    words = text.strip().rsplit(None, 2)
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

    A blank line in the middle is bad; blank lines at the end are not. Raises
    UserError if the file cannot be read.
    """
    try:
        # File names need not be UTF-8; their bytes pass through unchanged.
        text = Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise UserError(
            f"{path}: cannot read the list ({error.strerror}); "
            "`two-stream prepare` makes lists"
        ) from None
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    videos, bad = [], []
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            bad.append(BadLine(number, "empty line", "remove it"))
            continue
        entry = parse_line(text, number)
        (bad if isinstance(entry, BadLine) else videos).append(entry)
    return videos, bad


def read_list(path: str | Path) -> list[Video]:
    """Reads a list that must be right and not empty; raises UserError."""
    videos, bad = scan_list(path)
    if bad:
        first = bad[0]
        raise UserError(f"{path}:{first.line}: {first.cause}; {first.fix}")
    if not videos:
        raise UserError(f"{path}: the list is empty; `two-stream prepare` makes lists")
    return videos


def resolve_folder(video_path: str, list_path: str | Path, root: str = "") -> Path:
    """Returns where a video's frames are (which may not exist)."""
    path = Path(video_path)
    if path.is_absolute():
        return path
    if root:
        return Path(root) / path
    beside = Path(list_path).parent / path
    return beside if beside.exists() else path


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
