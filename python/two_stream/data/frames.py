"""Frames of a video: file name patterns, stores, reading.

Images are 1-based, ``image_%04d.jpg`` for RGB and ``flow_%c_%04d.jpg`` for flow,
where ``%c`` stands for x or y; any pattern may be given. Pixels are 8-bit, BGR
as Caffe's models expect, in the order channel, height, width.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

from two_stream.errors import UserError

RGB, FLOW = "rgb", "flow"
MODALITIES = (RGB, FLOW)

_STEMS = {
    RGB: ("image_", "img_", "frame_", "frame", "im", ""),
    FLOW: ("flow_%c_", "%c_", "%c", "flow_%c"),
}
_WIDTHS = (4, 5, 6, 3)
_EXTENSIONS = ("jpg", "jpeg", "png")
_FIELD = re.compile(r"%(0\d+)?d")


def channels_per_frame(modality: str, grayscale: bool = False) -> int:
    """Returns how many channels one position in time has."""
    return 2 if modality == FLOW else 1 if grayscale else 3


def file_names(pattern: str, modality: str, index: int) -> list[str]:
    """Returns the names of the images of one position (1-based): 1, or x and y."""
    if modality == RGB:
        return [_numbered(pattern, index)]
    return [_numbered(pattern.replace("%c", axis), index) for axis in "xy"]


def _numbered(pattern: str, index: int) -> str:
    return _FIELD.sub(
        lambda match: str(index).zfill(int(match.group(1) or 0)), pattern, count=1
    )


def check_pattern(pattern: str, modality: str) -> str:
    """Returns the pattern; raises UserError if it cannot name frames."""
    fields = re.findall(r"%[^%]?\d*[a-z]?", pattern)
    numbers = _FIELD.findall(pattern)
    axes = pattern.count("%c")
    if len(numbers) != 1 or axes != (modality == FLOW) or len(fields) != 1 + axes:
        need = "one %0Nd and one %c" if modality == FLOW else "one %0Nd"
        raise UserError(f"name pattern '{pattern}': {modality} needs {need}")
    return pattern


def known_patterns(modality: str) -> Iterable[str]:
    """Yields the patterns that are looked for, the paper's first."""
    for extension in _EXTENSIONS:
        for width in _WIDTHS:
            for stem in _STEMS[modality]:
                yield f"{stem}%0{width}d.{extension}"


class FrameStore(Protocol):
    """Encoded images by video folder and file name."""

    def read(self, folder: Path, name: str) -> bytes:
        """Returns the file's bytes; raises OSError if there is none."""

    def has(self, folder: Path, name: str) -> bool:
        """Tells whether the image is there."""


class FolderStore:
    """A folder of image files a video."""

    def read(self, folder: Path, name: str) -> bytes:
        return (folder / name).read_bytes()

    def has(self, folder: Path, name: str) -> bool:
        return (folder / name).is_file()


class LmdbStore:
    """One database of encoded images, keyed ``path/file name``.

    ``path`` is the video's path as the list has it.
    """

    def __init__(self, path: str | Path):
        import lmdb

        if not Path(path).exists():
            raise UserError(f"{path}: no such database; `two-stream prepare` makes it")
        self._environment = lmdb.open(
            str(path),
            readonly=True,
            lock=False,
            readahead=False,
            subdir=Path(path).is_dir(),
        )

    def read(self, folder: Path, name: str) -> bytes:
        with self._environment.begin(buffers=False) as transaction:
            value = transaction.get(f"{folder}/{name}".encode())
        if value is None:
            raise FileNotFoundError(2, "not in the database", f"{folder}/{name}")
        return value

    def has(self, folder: Path, name: str) -> bool:
        with self._environment.begin() as transaction:
            return transaction.cursor().set_key(f"{folder}/{name}".encode())


def detect_pattern(store: FrameStore, folder: Path, modality: str) -> str:
    """Returns the pattern whose first image is in the folder.

    Raises UserError if none is.
    """
    for pattern in known_patterns(modality):
        if all(store.has(folder, name) for name in file_names(pattern, modality, 1)):
            return pattern
    first = " and ".join(file_names(next(iter(known_patterns(modality))), modality, 1))
    raise UserError(
        f"{folder}: no {modality} images of a known name (such as {first}); "
        "extract them, or give the name pattern"
    )


def decode(data: bytes, grayscale: bool) -> np.ndarray | None:
    """Decodes an image to height x width (x 3, BGR); None if it is not one."""
    import cv2

    flag = cv2.IMREAD_GRAYSCALE if grayscale else cv2.IMREAD_COLOR
    if not data:
        return None
    return cv2.imdecode(np.frombuffer(data, np.uint8), flag)


def read_positions(
    store: FrameStore,
    folder: Path,
    pattern: str,
    modality: str,
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
    for position in sorted(set(positions)):
        images = []
        for name in file_names(pattern, modality, position + 1):
            try:
                data = store.read(folder, name)
            except OSError as error:
                raise UserError(
                    f"{folder / name}: {error.strerror}; extract the video again"
                ) from None
            image = decode(data, grayscale or modality == FLOW)
            if image is None:
                raise UserError(
                    f"{folder / name}: not an image; extract the video again"
                )
            if size and (image.shape[1], image.shape[0]) != size:
                image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
            shape = shape or image.shape
            if image.shape != shape:
                raise UserError(
                    f"{folder / name}: {image.shape[1]} x {image.shape[0]}, but the "
                    f"video's other images are {shape[1]} x {shape[0]}; extract the "
                    "video again"
                )
            images.append(image)
        stack = np.stack(images) if images[0].ndim == 2 else images[0]
        planes[position] = stack if images[0].ndim == 2 else stack.transpose(2, 0, 1)
    return planes
