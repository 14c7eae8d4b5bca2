"""What can be said of a video by looking at its images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from two_stream.check.findings import ERROR, WARNING, Finding
from two_stream.data.frames import Locator, decode
from two_stream.data.lists import Video
from two_stream.data.patterns import FLOW
from two_stream.data.stores import FrameStore

_AGAIN = "extract the video again (`two-stream prepare extract`)"
_JPEG, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_TAIL = 4096  # some writers leave padding behind the end

# How many images are opened: the ends are only looked for, the first is decoded
# too, or all are.
ENDS, FIRST, ALL = "ends", "first", "all"


@dataclass(frozen=True)
class Needs:
    """What the net wants of the images."""

    length: int = 1
    crop: tuple[int, int] = (0, 0)
    resize: tuple[int, int] | None = None
    short_clip: str = "loop"


def check_video(
    store: FrameStore,
    locator: Locator,
    list_path: str,
    video: Video,
    needs: Needs,
    depth: str,
) -> tuple[list[Finding], int]:
    """Returns the findings of one video, and how many images were decoded."""
    reader = _Reader(store, locator, video, depth)
    findings = [
        Finding(severity, list_path, video.line, cause, fix)
        for severity, cause, fix in _judge(reader, needs)
    ]
    return findings, reader.decoded


class _Reader:
    """Looks at the images of a video."""

    def __init__(self, store, locator: Locator, video: Video, depth: str):
        self.video, self.modality = video, locator.modality
        self.folder = locator.folder(video)
        self.decoded = 0
        self.missing: list[str] = []
        self.broken: list[str] = []
        self.sizes: dict[tuple[int, int], str] = {}
        last = video.frames - 1
        chosen = list(range(video.frames)) if depth == ALL else sorted({0, last})
        for position in chosen:
            for key in locator.keys(video, position):
                if depth == ENDS or (depth == FIRST and position):
                    if not store.has(key):
                        self.missing.append(key)
                else:
                    self._open(store, key)
        self.more = store.has(locator.keys(video, video.frames)[0])
        looked_for = len(chosen) * len(locator.keys(video, 0))
        self.nothing = len(self.missing) == looked_for
        whole = self.nothing or not self.missing
        self.count = video.frames if whole else _count(store, locator, video)

    def _open(self, store: FrameStore, key: str) -> None:
        try:
            data = store.read(key)
        except OSError:
            self.missing.append(key)
            return
        self.decoded += 1
        # A decoder fills what is cut off with grey and says nothing.
        cut = data[:2] == _JPEG and _JPEG_END not in data[-_TAIL:]
        image = None if cut else decode(data, self.modality == FLOW)
        if image is None:
            self.broken.append(key)
        else:
            self.sizes.setdefault((image.shape[1], image.shape[0]), key)


def _count(store: FrameStore, locator: Locator, video: Video) -> int:
    """Returns how many positions there are before the first gap."""
    for position in range(video.frames):
        if not all(store.has(key) for key in locator.keys(video, position)):
            return position
    return video.frames


def _judge(found: _Reader, needs: Needs) -> Iterator[tuple[str, str, str]]:
    video, unit = found.video, "flow fields" if found.modality == FLOW else "frames"
    if found.nothing:
        what = f"no {found.modality} images in {found.folder}"
        yield ERROR, what, f"{_AGAIN}, or mend the path"
        return
    if found.missing:
        cause = f"{video.frames} {unit} in the list, but {found.missing[0]} is not"
        yield ERROR, f"{cause} there (whole up to {found.count})", _AGAIN
    elif found.more:
        cause = f"{video.frames} {unit} in the list, but {found.folder} has more"
        yield WARNING, cause, "make the list again (`two-stream prepare lists`)"
    if found.broken:
        some = f" and {len(found.broken) - 1} more" if found.broken[1:] else ""
        yield ERROR, f"{found.broken[0]}{some} cannot be read", _AGAIN
    if len(found.sizes) > 1:
        (one, key), (other, other_key) = list(found.sizes.items())[:2]
        cause = f"{key} is {one[0]} x {one[1]}, {other_key} {other[0]} x {other[1]}"
        yield ERROR, cause, _AGAIN
    yield from _fits(found, needs, unit)


def _fits(found: _Reader, needs: Needs, unit: str) -> Iterator[tuple[str, str, str]]:
    video, (high, wide) = found.video, needs.crop
    for width, height in found.sizes:
        if needs.resize:
            width, height = needs.resize
        if height < high or width < wide:
            yield (
                ERROR,
                f"{found.folder} has images of {width} x {height}, smaller than the "
                f"crop of {wide} x {high}",
                "extract larger ones, or set new_width and new_height",
            )
            break
    if video.frames < needs.length:
        what = {
            "loop": "it will be repeated",
            "pad": "its last one will be repeated",
            "skip": "it will be left out",
        }.get(needs.short_clip)
        yield (
            WARNING if what else ERROR,
            f"{video.frames} {unit}, but a stack has {needs.length}",
            what or "remove the line, or choose another short_clip",
        )
