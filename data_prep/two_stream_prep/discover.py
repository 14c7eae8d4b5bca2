"""Finding video files and naming their folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from two_stream_prep.errors import UserError
from two_stream_prep.extract_video import Video

EXTENSIONS = frozenset(
    ".3gp .avi .flv .m4v .mkv .mov .mp4 .mpeg .mpg .ts .webm .wmv".split()
)


def find_videos(root: Path) -> list[Video]:
    """The video files under `root` (or `root` itself, if a file), by name.

    A video's name is its path under `root` without the extension. Hidden files
    and folders are passed over. Raises UserError where nothing is found.
    """
    if root.is_file():
        return check_names([Video(root, root.stem)])
    if not root.is_dir():
        raise UserError(f"{root}: there is no such file or folder")
    videos = []
    for folder, subfolders, files in os.walk(root, followlinks=True):
        subfolders[:] = sorted(name for name in subfolders if name[0] != ".")
        for name in sorted(files):
            path = Path(folder, name)
            if name[0] != "." and path.suffix.lower() in EXTENSIONS:
                videos.append(Video(path, str(path.relative_to(root).with_suffix(""))))
    if not videos:
        known = " ".join(sorted(EXTENSIONS))
        raise UserError(f"{root}: no video files here (looked for {known})")
    return check_names(videos)


def check_names(videos: Sequence[Video]) -> list[Video]:
    """The videos, sorted by name.

    Raises UserError where two have one name, one would lie inside another's
    folder, or a name can't stand in a list ("path num_frames label", a line
    each: spaces within a name are fine, since the last two fields are split off).
    """
    by_name: dict[str, Video] = {}
    for video in videos:
        if any(character in video.name for character in "\n\r\0"):
            raise UserError(f"{str(video.path)!r}: a line break in the name; rename it")
        if video.name != video.name.strip():
            raise UserError(
                f"{str(video.path)!r}: the name begins or ends with a space, which a "
                "list can't hold; rename it"
            )
        if video.name in by_name:
            raise UserError(
                f"{by_name[video.name].path} and {video.path} would both be written "
                f"to {video.name}; rename one"
            )
        by_name[video.name] = video
    for video in videos:
        for parent in Path(video.name).parents:
            if str(parent) in by_name:
                raise UserError(
                    f"{video.path} would be written inside the folder of "
                    f"{by_name[str(parent)].path}; rename one"
                )
    return [by_name[name] for name in sorted(by_name)]
