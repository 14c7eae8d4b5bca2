"""One video file to one folder of frames and flow."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from two_stream_prep import layout
from two_stream_prep.files import write_json
from two_stream_prep.flow import quantize
from two_stream_prep.settings import ExtractSettings
from two_stream_prep.video import VideoError, VideoFile

Report = Callable[[float], None]
"""Takes the share of the video that is done, in [0, 1]."""

_REPORT_SECONDS = 0.5


@dataclass(frozen=True)
class Video:
    """A file to extract and the name of its folder under the data root."""

    path: Path
    name: str


def library() -> str:
    """The library that decodes and computes flow, with its version."""
    return f"OpenCV {cv2.__version__}"


def extract_video(
    video: Video, data_root: Path, settings: ExtractSettings, report: Report
) -> dict:
    """Write `data_root/<video.name>`, whole or not at all; its record.

    A folder that this function wrote before is replaced. Raises VideoError for
    what is wrong with the video, or where a folder of another origin is in the
    way; OSError where it can't be written.
    """
    partial = data_root / layout.PARTIAL / uuid.uuid4().hex
    partial.mkdir(parents=True)
    try:
        with VideoFile(video.path) as file:
            record = _write_images(file, partial, settings, report)
        record = {
            "source": str(video.path),
            "source_bytes": video.path.stat().st_size,
            **record,
            "library": library(),
            "recipe": settings.recipe(),
        }
        write_json(partial / layout.RECORD, record)
        _put_in_place(partial, data_root / video.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return record


def _write_images(
    file: VideoFile, folder: Path, settings: ExtractSettings, report: Report
) -> dict:
    compute_flow = settings.flow.build() if settings.flow else None
    quality = [cv2.IMWRITE_JPEG_QUALITY, settings.jpeg_quality]

    def write(name: str, image: np.ndarray) -> None:
        (folder / name).write_bytes(cv2.imencode(".jpg", image, quality)[1])

    number = 0
    previous = None
    last_report = time.monotonic()
    for number, frame in enumerate(file.frames(settings.size), start=1):
        write(layout.image_name(number), frame)
        if compute_flow is not None:
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            if previous is not None:
                fields = quantize(compute_flow(previous, grey), settings.bound)
                for axis, name in enumerate(layout.flow_names(number - 1)):
                    write(name, np.ascontiguousarray(fields[..., axis]))
            previous = grey
        if time.monotonic() - last_report > _REPORT_SECONDS:
            last_report = time.monotonic()
            report(min(1.0, number / max(file.declared_frames, number)))

    _check_count(number, file.declared_frames, settings)
    height, width = frame.shape[:2]
    return {
        "declared_frames": file.declared_frames,
        "frames": number,
        "pairs": number - 1 if compute_flow is not None else 0,
        "width": width,
        "height": height,
    }


def _check_count(frames: int, declared: int, settings: ExtractSettings) -> None:
    if frames == 0:
        raise VideoError("not one frame could be decoded")
    if frames < settings.min_decoded * declared:
        raise VideoError(
            f"only {frames} of {declared} frames could be decoded: the file is "
            "damaged or cut short; get it anew, or accept it with a smaller "
            f"--min-decoded than {settings.min_decoded:g}"
        )
    if frames == 1 and settings.flow is not None:
        raise VideoError("it has one frame; flow needs two")


def _put_in_place(partial: Path, final: Path) -> None:
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        if any(final.iterdir()) and not (final / layout.RECORD).is_file():
            raise VideoError(
                f"{final} is in the way and was not made by this command; "
                "move it away, or extract to another folder"
            )
        old = partial.with_name(uuid.uuid4().hex)
        os.rename(final, old)
        os.rename(partial, final)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.rename(partial, final)
