"""UCF101's split files (ucfTrainTestlist): classInd, trainlist, testlist.

    classInd.txt      1 ApplyEyeMakeup
    trainlist01.txt   ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1
    testlist01.txt    ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi

Classes count from 1 there; labels here count from 0.
"""

from __future__ import annotations

import os
from pathlib import Path

from two_stream_prep.errors import UserError
from two_stream_prep.files import read_lines
from two_stream_prep.lists.split import Item, Split


def read_ucf101_split(folder: str | os.PathLike, number: int) -> Split:
    """Split `number` (1 to 3) of the files in `folder`.

    Raises UserError with file and line for anything that isn't in the format.
    """
    folder = Path(folder)
    classes = read_class_index(folder / "classInd.txt")
    train_file = folder / f"trainlist{number:02d}.txt"
    test_file = folder / f"testlist{number:02d}.txt"
    return Split(
        classes,
        _read_items(train_file, classes, with_label=True),
        _read_items(test_file, classes, with_label=False),
    )


def read_class_index(path: Path) -> list[str]:
    """The class names in the order of their numbers, which must be 1 to K."""
    names: dict[int, str] = {}
    for line, text in read_lines(path):
        fields = text.split(maxsplit=1)
        if len(fields) != 2 or not _is_number(fields[0]):
            raise UserError.at(path, line, f"expected `number name`, not {text!r}")
        number, name = int(fields[0]), fields[1]
        if number in names or name in names.values():
            raise UserError.at(path, line, f"class {text!r} is there twice")
        names[number] = name
    if not names:
        raise UserError(f"{path}: no class in it")
    for number in range(1, len(names) + 1):
        if number not in names:
            raise UserError(f"{path}: class {number} of 1 to {len(names)} is missing")
    return [names[number] for number in sorted(names)]


def _read_items(path: Path, classes: list[str], with_label: bool) -> list[Item]:
    labels = {name: label for label, name in enumerate(classes)}
    items = []
    for line, text in read_lines(path):
        video = text
        number = None
        if with_label:
            fields = text.rsplit(maxsplit=1)
            if len(fields) != 2 or not _is_number(fields[1]):
                raise UserError.at(path, line, f"expected `path number`, not {text!r}")
            video, number = fields[0], int(fields[1])
        class_name, slash, rest = video.partition("/")
        if not slash or not rest:
            raise UserError.at(path, line, f"expected `Class/video.avi`, not {video!r}")
        if class_name not in labels:
            raise UserError.at(
                path, line, f"class {class_name!r} does not stand in classInd.txt"
            )
        label = labels[class_name]
        if number is not None and number != label + 1:
            raise UserError.at(
                path,
                line,
                f"number {number}, but {class_name} is {label + 1} in classInd.txt",
            )
        name = os.path.splitext(video)[0]
        items.append(Item(name, label, f"{path}:{line}"))
    return items


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
