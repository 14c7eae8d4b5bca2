"""The shots that the demo's clips are filmed from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from two_stream.errors import UserError

PARTS = ("train", "test")
# Of each shot's frames: trained on those before, tested on those after.
_TRAIN_SHARE = 0.62
# Frames left out between the parts, so that they aren't even neighbours.
_GAP = 2


@dataclass(frozen=True)
class Scene:
    """One shot: frames [first, end) of a source video."""

    name: str
    video: str
    first: int
    end: int

    def frames(self, part: str) -> range:
        """The source frames of a part; no frame is in both."""
        cut = self.first + round(_TRAIN_SHARE * (self.end - self.first))
        if part == "train":
            return range(self.first, cut)
        return range(cut + _GAP, self.end)


# Between two cuts of the source video, where it has any.
SCENES = (
    Scene("bicycle", "bikes.mp4", 187, 241),
    Scene("bunny", "bigbuckbunny.mp4", 0, 132),
    Scene("driver", "carphone_pristine.mp4", 0, 120),
    Scene("street", "bikes.mp4", 137, 186),
)


def read_frames(path: Path, wanted: range, height: int) -> np.ndarray:
    """Frames x height x width x BGR, 8-bit; the width follows from the aspect.

    Raises UserError if the video has fewer frames than that.
    """
    capture = cv2.VideoCapture(str(path))
    try:
        frames = []
        for number in range(wanted.stop):
            decoded, frame = capture.read()
            if not decoded:
                raise UserError(
                    f"{path}: frame {number} of {wanted.stop} can't be decoded; "
                    "delete it, the demo fetches it again"
                )
            if number >= wanted.start:
                width = round(frame.shape[1] * height / frame.shape[0])
                frames.append(
                    cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
                )
    finally:
        capture.release()
    return np.stack(frames)
