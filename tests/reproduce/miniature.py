"""UCF101's layout in small, cut from the demo's real footage.

    ROOT/UCF-101/BunnyZoomIn/v_BunnyZoomIn_g01_c01.avi ...
    ROOT/ucfTrainTestlist/{classInd,trainlist01..03,testlist01..03}.txt

Three classes, three groups of two clips each. Split N tests on the N-th group.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from two_stream.demo.cut import CutSettings, cut
from two_stream.demo.footage import source_videos

# Class -> the demo's class of scene and camera motion.
CLASSES = {
    "BunnyZoomIn": "bunny-zoom_in",
    "BunnyZoomOut": "bunny-zoom_out",
    "DriverTiltUp": "driver-tilt_up",
}
# Group -> its clips, as the demo calls them.
GROUPS = {
    "g01": ("test/{}/test_000.avi", "test/{}/test_001.avi"),
    "g08": ("train/{}/train_000.avi", "train/{}/train_001.avi"),
    "g15": ("train/{}/train_002.avi", "train/{}/train_003.avi"),
}
SIZE = (96, 72)


def make_ucf101(root: Path, scratch: Path) -> Path:
    """Writes the videos and the split files; returns ROOT."""
    width, height = SIZE
    cut(
        source_videos(),
        scratch,
        CutSettings(train_clips=4, test_clips=2, frames=9, width=width, height=height),
    )
    videos = root / "UCF-101"
    for name, source in CLASSES.items():
        (videos / name).mkdir(parents=True)
        for group, clips in GROUPS.items():
            for number, clip in enumerate(clips, start=1):
                file = f"v_{name}_{group}_c{number:02d}.avi"
                shutil.move(scratch / clip.format(source), videos / name / file)
    write_split_files(root)
    return root


def write_split_files(root: Path) -> None:
    """Writes ucfTrainTestlist as UCF101 has it: numbers from 1, CRLF line ends."""
    folder = root / "ucfTrainTestlist"
    folder.mkdir(parents=True)
    numbers = {name: number for number, name in enumerate(CLASSES, start=1)}
    index = [f"{number} {name}" for name, number in numbers.items()]
    _write(folder / "classInd.txt", index)
    for split, tested in enumerate(GROUPS, start=1):
        train, test = [], []
        for name, number in numbers.items():
            for group in GROUPS:
                for clip in (1, 2):
                    path = f"{name}/v_{name}_{group}_c{clip:02d}.avi"
                    if group == tested:
                        test.append(path)
                    else:
                        train.append(f"{path} {number}")
        _write(folder / f"trainlist{split:02d}.txt", train)
        _write(folder / f"testlist{split:02d}.txt", test)


def _write(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
