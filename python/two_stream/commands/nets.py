"""Writes nets and solvers like those of models/, for other data.

two-stream nets vgg16 --data data/hmdb51 --split 1 --out build/nets

Lists are those that `two-stream prepare lists` wrote into DATA; the number of
classes is that of its classes.txt, the number of test videos that of its lists.
What the solver says is changed when training: `two-stream train --set max_iter=600`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from two_stream.errors import UserError

HELP = "write net and solver files for your data"
ARCHITECTURES = ("vgg16", "googlenet", "clarifai", "small")
MODALITY = {"spatial": "rgb", "temporal": "flow"}


@dataclass(frozen=True)
class Settings:
    """Which net, for which data, and where to.

    ``length`` is the temporal net's stack; None leaves a field as in models/.
    """

    architecture: str
    data: Path
    out: Path
    streams: tuple[str, ...] = tuple(MODALITY)
    split: int | None = None
    classes: int | None = None
    batch: int | None = None
    length: int | None = None
    gather: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what is typed."""
    parser.add_argument("architecture", choices=ARCHITECTURES, metavar="NET")
    parser.add_argument("--data", type=Path, required=True, help="folder of the lists")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--stream", choices=tuple(MODALITY), help="default: both")
    parser.add_argument("--split", type=int, help="number of the split, if it has any")
    parser.add_argument("--classes", type=int, help="default: as in DATA/classes.txt")
    parser.add_argument("--batch", type=int, help="samples a pass and rank")
    parser.add_argument("--length", type=int, help="flow fields a stack")
    parser.add_argument(
        "--gather", action="store_true", help="fully connected layers on all ranks"
    )


def settings(args: argparse.Namespace) -> Settings:
    """Checks what was typed."""
    for name in ("classes", "batch", "length"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} {value}: must be at least 1")
    return Settings(
        architecture=args.architecture,
        data=args.data,
        out=args.out,
        streams=(args.stream,) if args.stream else tuple(MODALITY),
        split=args.split,
        classes=args.classes,
        batch=args.batch,
        length=args.length,
        gather=args.gather,
    )


def run(s: Settings) -> int:
    """Writes the files and says where they are."""
    from two_stream.models import write_models

    for stream in s.streams:
        net, recipe = for_stream(s, stream)
        files = write_models(s.out, s.architecture, net, recipe)
        for path in (files.train_val, files.deploy, files.solver):
            print(path)
    return 0


def for_stream(s: Settings, stream: str):
    """Returns the NetSettings and the Recipe of a stream. Raises UserError."""
    from two_stream.data.classes import read_classes
    from two_stream.data.lists import read_list
    from two_stream.models import recipe_for, settings_for, test_batch_for

    suffix = "" if s.split is None else f"_split{s.split}"
    lists = {
        part: s.data / f"{part}_{MODALITY[stream]}{suffix}.txt"
        for part in ("train", "test")
    }
    videos = len(read_list(lists["test"]))
    changes = {
        "classes": s.classes or len(read_classes(s.data / "classes.txt")),
        "train_batch": s.batch,
        "test_batch": test_batch_for(videos),
        "length": s.length if stream == "temporal" else None,
        "gather": s.gather,
        "train_list": str(lists["train"]),
        "test_list": str(lists["test"]),
    }
    given = {name: value for name, value in changes.items() if value is not None}
    return (
        settings_for(s.architecture, stream, **given),
        recipe_for(s.architecture, stream, test_videos=videos),
    )
