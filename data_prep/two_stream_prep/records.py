"""The record of each video, video.json in its folder.

It is written before the folder is renamed into place: a folder that has one is
whole, and made by us. A second run goes by these, not by the manifest.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from two_stream_prep import layout


def find_records(data_root: Path) -> dict[str, dict]:
    """The records of all videos under a data root, by name."""
    records = {}
    for folder, subfolders, files in os.walk(data_root, followlinks=True):
        if layout.RECORD in files:
            subfolders.clear()
            record = read_record(Path(folder))
            if record is not None:
                records[os.path.relpath(folder, data_root)] = record
        else:
            subfolders[:] = [name for name in subfolders if name != layout.PARTIAL]
    return records


def read_record(folder: Path) -> dict | None:
    """The record in a folder, None where there is none or it is damaged."""
    try:
        record = json.loads((folder / layout.RECORD).read_text(encoding="utf-8"))
        counts = (record["frames"], record["pairs"], record["source_bytes"])
        sound = all(isinstance(count, int) for count in counts)
        return record if sound and isinstance(record["recipe"], dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_whole(folder: Path, record: dict) -> bool:
    """Whether all the images that the record counts are (still) there."""
    wanted = layout.expected_files(record["frames"], record["pairs"])
    return wanted <= set(os.listdir(folder))
