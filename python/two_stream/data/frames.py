"""Frames of the videos of a list: where they are, and reading them.

Pixels are 8-bit, BGR as Caffe's models expect, channel x height x width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from two_stream.data.lists import Video
from two_stream.data.patterns import FLOW, check_pattern, file_names, usual_patterns
from two_stream.data.stores import FrameStore
from two_stream.errors import UserError

_VIDEOS_TRIED = 20


def join(base: str, path: str) -> str:
    """Puts a base before a relative path, as written."""
    if not base or path.startswith("/"):
        return path
    return base + path if base.endswith("/") else f"{base}/{path}"


@dataclass(frozen=True)
class Locator:
    """Where the frames of a list are and what they are called.

    ``base`` is put before relative paths of the list.
    """

    base: str
    pattern: str
    modality: str

    def folder(self, video: Video) -> str:
        """Returns the folder of a video, or the like part of its keys."""
        return join(self.base, video.path)

    def keys(self, video: Video, position: int) -> list[str]:
        """Returns the keys of a position (0-based): one, or x and y."""
        names = file_names(self.pattern, self.modality, position + 1)
        return [join(self.folder(video), name) for name in names]


def bases(store: FrameStore, list_path: str | Path, root_folder: str) -> list[str]:
    """Returns where relative paths are looked for, in order."""
    if root_folder:
        return [root_folder]
    if not store.keys_are_paths:
        return [""]
    beside = str(Path(list_path).parent)
    return [""] if beside == "." else [beside, ""]


def locate(
    store: FrameStore,
    videos: Sequence[Video],
    list_path: str | Path,
    modality: str,
    root_folder: str = "",
    pattern: str = "",
) -> Locator:
    """Finds the frames as the VideoData layer does: by the first that is there.

    Tries ``root_folder`` if given, else beside the list, else the working
    directory, each with the pattern given or else the usual ones, for the first
    videos of the list. Raises UserError that says what was looked for.
    """
    patterns = list(usual_patterns(modality))
    if pattern:
        patterns = [check_pattern(pattern, modality)]
    places = bases(store, list_path, root_folder)
    for video in videos[:_VIDEOS_TRIED]:
        for base in places:
            for candidate in patterns:
                locator = Locator(base, candidate, modality)
                if store.has(locator.keys(video, 0)[0]):
                    return locator
    first = Locator(places[0], patterns[0], modality).keys(videos[0], 0)[0]
    raise UserError(
        f"{list_path}:{videos[0].line}: no {modality} frame of {videos[0].path} under "
        f"{' or '.join(place or 'the working directory' for place in places)} (looked "
        f"for {first}{'' if pattern else ' and other usual names'}); extract the "
        "frames, or give the root folder or the name pattern"
    )


def decode(data: bytes, grayscale: bool) -> np.ndarray | None:
    """Decodes an image to height x width (x 3, BGR); None if it is not one."""
    import cv2

    if not data:
        return None
    flag = cv2.IMREAD_GRAYSCALE if grayscale else cv2.IMREAD_COLOR
    return cv2.imdecode(np.frombuffer(data, np.uint8), flag)


def read_image(store: FrameStore, key: str, grayscale: bool) -> np.ndarray:
    """Reads one image as ``decode`` returns it; raises UserError naming it."""
    try:
        image = decode(store.read(key), grayscale)
    except OSError as error:
        raise UserError(f"{key}: {error.strerror}; extract the video again") from None
    if image is None:
        raise UserError(f"{key}: not an image; extract the video again")
    return image


def read_positions(
    store: FrameStore,
    locator: Locator,
    video: Video,
    positions: Iterable[int],
    size: tuple[int, int] | None = None,
    grayscale: bool = False,
) -> dict[int, np.ndarray]:
    """Reads positions (0-based) of a video, each once.

    ``size`` is width and height to resize to (bilinear). Returns, by position,
    8-bit arrays of channels x height x width; a flow position has x, then y.
    Raises UserError naming the file for an image that is missing, broken, or of
    another size than the first.
    """
    import cv2

    planes: dict[int, np.ndarray] = {}
    shape = None
    grey = grayscale or locator.modality == FLOW
    for position in sorted(set(positions)):
        images = []
        for key in locator.keys(video, position):
            image = read_image(store, key, grey)
            if size and (image.shape[1], image.shape[0]) != size:
                image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
            shape = shape or image.shape
            if image.shape != shape:
                raise UserError(
                    f"{key}: {image.shape[1]} x {image.shape[0]}, but the video's "
                    f"other images are {shape[1]} x {shape[0]}; extract it again"
                )
            images.append(image)
        planes[position] = np.stack(images) if grey else images[0].transpose(2, 0, 1)
    return planes
