"""Cuts the footage into short video files, a folder per part and class."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from two_stream_prep.files import read_json, write_json

from two_stream.demo import camera
from two_stream.demo.scenes import PARTS, SCENES, Scene, read_frames
from two_stream.errors import UserError

RECORD = "clips.json"
_FPS = 12.5


@dataclass(frozen=True)
class CutSettings:
    """How many clips of which size; the same settings give the same clips."""

    train_clips: int = 24
    """Of each class."""
    test_clips: int = 12
    frames: int = 13
    """Of each clip."""
    width: int = 192
    height: int = 144
    seed: int = 1


@dataclass(frozen=True)
class Clip:
    """One clip: which frames of which scene, and how the camera moves."""

    part: str
    scene: Scene
    motion: str
    index: int
    start: int
    """Its first source frame."""
    path: camera.Path

    @property
    def class_name(self) -> str:
        return f"{self.scene.name}-{self.motion}"

    @property
    def file(self) -> str:
        """Path under the folder of clips."""
        return f"{self.part}/{self.class_name}/{self.part}_{self.index:03d}.avi"


def plan(settings: CutSettings) -> Iterator[Clip]:
    """Draws all the clips.

    Each has a random stream of its own, so that their numbers don't matter.
    """
    for part_number, part in enumerate(PARTS):
        count = settings.train_clips if part == "train" else settings.test_clips
        for scene_number, scene in enumerate(SCENES):
            frames = scene.frames(part)
            starts = len(frames) - settings.frames + 1
            if starts < 1:
                raise UserError(
                    f"clips of {settings.frames} frames: the {part} part of "
                    f"{scene.name} has {len(frames)}"
                )
            for motion_number, motion in enumerate(camera.MOTIONS):
                for index in range(count):
                    key = [settings.seed, part_number, scene_number, motion_number]
                    random = np.random.default_rng([*key, index])
                    start = frames[int(random.integers(starts))]
                    path = camera.draw_path(motion, settings.frames, random)
                    yield Clip(part, scene, motion, index, start, path)


def film(clip: Clip, source: np.ndarray, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """The clip's frames, 8-bit BGR of `size` (width, height).

    `source` holds the scene from the clip's first frame on.
    """
    width, height = size
    shape = (source.shape[2], source.shape[1])
    places = camera.windows(clip.path, shape, width / height)
    for frame, (x, y, window) in zip(source, places, strict=False):
        scale = window / height
        # Windows are measured from edge to edge, warps from pixel centres.
        to_source = np.array(
            [
                [scale, 0, x - scale * (width - 1) / 2 - 0.5],
                [0, scale, y - scale * (height - 1) / 2 - 0.5],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        yield cv2.warpAffine(
            frame, to_source, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )


def is_cut(folder: Path, settings: CutSettings) -> bool:
    """Whether `folder` holds these very clips, all of them."""
    record = folder / RECORD
    return record.is_file() and read_json(record) == asdict(settings)


def cut(videos: dict[str, Path], folder: Path, settings: CutSettings) -> None:
    """Write the clips under `folder`, in place of what was there.

    Motion JPEG: each frame is coded by itself, so that a frame can't tell by its
    artefacts how the camera moved.
    """
    shutil.rmtree(folder, ignore_errors=True)
    clips: dict[Scene, list[Clip]] = {}
    for clip in plan(settings):
        clips.setdefault(clip.scene, []).append(clip)
    # The closest window has the clip's size.
    source_height = round(settings.height / camera.CLOSEST)
    for scene, members in clips.items():
        shot = range(scene.first, scene.end)
        source = read_frames(videos[scene.video], shot, source_height)

        def write(clip: Clip, source=source, first=scene.first) -> None:
            _write_clip(clip, source[clip.start - first :], folder, settings)

        with ThreadPoolExecutor() as pool:
            list(pool.map(write, members))
    write_json(folder / RECORD, asdict(settings))


def _write_clip(
    clip: Clip, source: np.ndarray, folder: Path, settings: CutSettings
) -> None:
    path = folder / clip.file
    path.parent.mkdir(parents=True, exist_ok=True)
    size = (settings.width, settings.height)
    codec = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), codec, _FPS, size)
    if not writer.isOpened():
        raise UserError(f"{path}: OpenCV can't write Motion JPEG here")
    for frame in film(clip, source, size):
        writer.write(frame)
    writer.release()
