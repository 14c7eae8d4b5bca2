"""Where things are under a data root.

    DATA/manifest.json                     what was made, and how
    DATA/classes.txt, DATA/train_rgb.txt   lists (see two_stream_prep.lists)
    DATA/<name>/image_0001.jpg ...         frame 1, 2, ..., N
    DATA/<name>/flow_x_0001.jpg ...        flow from frame 1 to 2, ..., N-1 to N
    DATA/<name>/flow_y_0001.jpg ...
    DATA/<name>/video.json                 how this folder was made
    DATA/.partial/                         folders that aren't whole yet

<name> is the video's path under the folder of videos, without its extension
(`Archery/v_Archery_g01_c01`), and is what stands in a list. Frames and flow lie
in one folder, so a video appears whole, by one rename, or not at all; an RGB
and a flow list differ only in their number of frames (N and N - 1).
"""

from __future__ import annotations

MANIFEST = "manifest.json"
RECORD = "video.json"
PARTIAL = ".partial"
LOCK = ".lock"


def image_name(number: int) -> str:
    """File name of frame `number`, 1-based."""
    return f"image_{number:04d}.jpg"


def flow_names(number: int) -> tuple[str, str]:
    """File names of the x and y flow from frame `number` to the next, 1-based."""
    return f"flow_x_{number:04d}.jpg", f"flow_y_{number:04d}.jpg"


def expected_files(frames: int, pairs: int) -> set[str]:
    """The names of all images of a video that is whole."""
    names = {image_name(number) for number in range(1, frames + 1)}
    for number in range(1, pairs + 1):
        names.update(flow_names(number))
    return names
