"""List files: one line "path num_frames label" a video."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from two_stream_prep.errors import UserError
from two_stream_prep.files import write_text
from two_stream_prep.lists.split import Item, Split
from two_stream_prep.manifest import Manifest

CLASSES_FILE = "classes.txt"


def write_lists(
    split: Split, manifest: Manifest, folder: str | os.PathLike, suffix: str = ""
) -> list[Path]:
    """Write {train,test}_{rgb,flow}<suffix>.txt and classes.txt; their paths.

    `split` must be resolved against `manifest`. Paths in a list are relative to
    the data root; num_frames is the number of RGB frames, or of flow pairs. No
    flow list is written for data without flow, and no test list without test
    videos. classes.txt has the name of class 0 in its first line, and so on. A
    name of a video may have spaces: the last two fields of a line are the numbers.
    """
    folder = Path(folder)
    items = [*split.train, *split.test]
    if not items:
        raise UserError(f"{folder}: no video is left to list")
    with_flow = [manifest.videos[item.name]["pairs"] > 0 for item in items]
    if any(with_flow) and not all(with_flow):
        name = items[with_flow.index(False)].name
        raise UserError(f"{name} has no flow, others have; extract it with flow")

    counts = {"rgb": "frames", **({"flow": "pairs"} if all(with_flow) else {})}
    texts = {CLASSES_FILE: "".join(f"{name}\n" for name in split.classes)}
    for part, members in (("train", split.train), ("test", split.test)):
        for modality, count in counts.items():
            if members:
                text = _lines(members, manifest, count)
                texts[f"{part}_{modality}{suffix}.txt"] = text
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def _lines(items: Iterable[Item], manifest: Manifest, count: str) -> str:
    return "".join(
        f"{item.name} {manifest.videos[item.name][count]} {item.label}\n"
        for item in items
    )
