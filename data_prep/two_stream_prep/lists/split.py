"""A division of labelled videos into training and testing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from two_stream_prep.errors import UserError
from two_stream_prep.manifest import Manifest


@dataclass(frozen=True)
class Item:
    """A video and its class. `where` says which line of which file named it."""

    name: str
    label: int
    where: str = ""


@dataclass(frozen=True)
class Split:
    """`classes[label]` is a class's name; the items name videos."""

    classes: list[str]
    train: list[Item]
    test: list[Item]

    def __post_init__(self) -> None:
        seen: dict[str, Item] = {}
        for item in (*self.train, *self.test):
            earlier = seen.setdefault(item.name, item)
            if earlier is not item:
                raise UserError(
                    f"{item.where}: {item.name} stands already at {earlier.where}"
                )


def resolve(split: Split, manifest: Manifest, skip_missing: bool = False) -> Split:
    """The split with each item's name as in the manifest.

    A split file's name is looked for as it is; failing that by its last part, if
    only one video has that and doesn't lie in another class's folder: so a data
    root with one more folder around the classes, or with none, will do. Raises
    UserError for videos that the manifest lacks, unless `skip_missing`.
    """
    by_last_part: dict[str, list[str]] = {}
    for name in manifest.videos:
        by_last_part.setdefault(PurePosixPath(name).name, []).append(name)

    def find(item: Item) -> str | None:
        if item.name in manifest.videos:
            return item.name
        candidates = [
            name
            for name in by_last_part.get(PurePosixPath(item.name).name, [])
            if name.endswith("/" + item.name)
            or PurePosixPath(name).parent.name not in split.classes
        ]
        return candidates[0] if len(candidates) == 1 else None

    missing: list[Item] = []

    def find_all(items: Iterable[Item]) -> list[Item]:
        found = []
        for item in items:
            name = find(item)
            if name is None:
                missing.append(item)
            else:
                found.append(replace(item, name=name))
        return found

    resolved = Split(split.classes, find_all(split.train), find_all(split.test))
    if missing and not skip_missing:
        first = missing[0]
        cause = manifest.failures.get(first.name)
        reason = f" (it failed: {cause})" if cause else ""
        raise UserError(
            f"{first.where}: {first.name} was not extracted{reason}, nor were "
            f"{len(missing) - 1} more; extract them or leave them out with "
            "--skip-missing"
        )
    return resolved
