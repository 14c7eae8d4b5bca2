"""HMDB51's split files (testTrainMulti_7030_splits): one a class and split.

    brush_hair_test_split1.txt
        April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1
        Aussie_Brunette_Brushing_Hair_II_brush_hair_u_nm_np2_le_goo_3.avi 0

1 is for training, 2 for testing, 0 is left out of the split.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from two_stream_prep.errors import UserError
from two_stream_prep.files import read_lines
from two_stream_prep.lists.split import Item, Split


def read_hmdb51_split(folder: str | os.PathLike, number: int) -> Split:
    """Split `number` (1 to 3) of the files in `folder`.

    Labels follow the classes' names in alphabetical order. Raises UserError with
    file and line for anything that isn't in the format.
    """
    folder = Path(folder)
    pattern = re.compile(rf"(?P<name>.+)_test_split{number}\.txt")
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}") from None
    files = {}
    for name in names:
        match = pattern.fullmatch(name)
        if match:
            files[match["name"]] = folder / name
    if not files:
        raise UserError(f"{folder}: no file called <class>_test_split{number}.txt")
    classes = sorted(files)
    train: list[Item] = []
    test: list[Item] = []
    for label, class_name in enumerate(classes):
        path = files[class_name]
        for line, text in read_lines(path):
            fields = text.rsplit(maxsplit=1)
            if len(fields) != 2 or fields[1] not in ("0", "1", "2"):
                raise UserError.at(
                    path, line, f"expected `video.avi 0|1|2`, not {text!r}"
                )
            video, use = fields
            name = f"{class_name}/{os.path.splitext(video)[0]}"
            item = Item(name, label, f"{path}:{line}")
            if use == "1":
                train.append(item)
            elif use == "2":
                test.append(item)
    return Split(classes, train, test)
