"""Decoding a video file to frames with OpenCV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

Size = tuple[int, int]
"""Width and height in pixels."""


def silence_decoders() -> None:
    """Keep OpenCV and FFmpeg from writing warnings, for this process."""
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
    # OpenCV 4 has it in the first place, 5 in the second.
    opencv = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
    opencv.setLogLevel(0)


class VideoError(Exception):
    """Why a video could not be used; reported beside its path."""


class VideoFile:
    """An open video file.

    `declared_frames` is what the container says, 0 where it doesn't say; it is
    a hint, since containers err by a frame or more. Raises VideoError where the
    file is missing, empty or nothing that OpenCV's FFmpeg can decode.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path).absolute()
        try:
            str(self.path).encode()
        except UnicodeEncodeError:
            raise VideoError("its path is not UTF-8, OpenCV needs that") from None
        if not self.path.is_file():
            raise VideoError("there is no such file")
        if self.path.stat().st_size == 0:
            raise VideoError("the file is empty")
        # FFmpeg by name: any other backend may take a % in the name for a
        # sequence of images. One decoding thread: the processes are the threads.
        self._capture = cv2.VideoCapture(
            str(self.path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]
        )
        if not self._capture.isOpened():
            raise VideoError("OpenCV can't open it: not a video, or damaged")
        declared = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.declared_frames = int(declared) if 0 < declared < 2**31 else 0

    def frames(self, size: Size | None) -> Iterator[np.ndarray]:
        """All frames in order, once: H x W x 3 uint8, BGR.

        With a size each is resized to it (bilinear). Without one every frame
        must have the first one's size; VideoError where one doesn't.
        """
        shape = None
        number = 0
        while True:
            ok, frame = self._capture.read()
            if not ok:
                return
            number += 1
            if size is not None:
                if frame.shape[1::-1] != size:
                    frame = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
            elif shape is None:
                shape = frame.shape
            elif frame.shape != shape:
                raise VideoError(
                    f"frame {number} is {frame.shape[1]}x{frame.shape[0]} pixels, the "
                    f"first was {shape[1]}x{shape[0]}; give a size to resize to"
                )
            yield frame

    def close(self) -> None:
        self._capture.release()

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
