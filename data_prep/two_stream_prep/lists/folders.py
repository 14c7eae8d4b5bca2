"""Splits of a user's own videos, a folder per class."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

from two_stream_prep.errors import UserError
from two_stream_prep.lists.split import Item, Split


@dataclass(frozen=True)
class FolderRule:
    """Which videos are for testing.

    With `top_folders` names are train/Class/video and test/Class/video. With
    `test_pattern` a video is for testing where the regular expression is found
    in its name. Otherwise a share of each class is drawn with `seed`.

    `group_pattern` keeps videos of one recording together when drawing: its first
    group (or whole match) names the recording, as `_g(\\d+)_` does in UCF101.
    """

    test_share: float = 0.3
    seed: int = 1
    group_pattern: str | None = None
    test_pattern: str | None = None
    top_folders: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.test_share <= 1:
            raise UserError(f"a share lies in [0, 1], {self.test_share} doesn't")
        for pattern in (self.group_pattern, self.test_pattern):
            try:
                re.compile(pattern or "")
            except re.error as error:
                raise UserError(
                    f"{pattern!r} is no regular expression: {error}"
                ) from None


def split_by_rule(names: Iterable[str], rule: FolderRule) -> Split:
    """The split of videos called Class/.../video; labels in the classes' order.

    Raises UserError for a video that lies in no class's folder.
    """
    by_class: dict[str, list[str]] = {}
    in_test_folder = set()
    for name in sorted(names):
        parts = name.split("/")
        if rule.top_folders:
            if parts[0] not in ("train", "test"):
                raise UserError(f"{name}: it lies neither in train/ nor in test/")
            if parts.pop(0) == "test":
                in_test_folder.add(name)
        if len(parts) < 2:
            raise UserError(f"{name}: it lies in no class's folder")
        by_class.setdefault(parts[0], []).append(name)

    classes = sorted(by_class)
    train: list[Item] = []
    test: list[Item] = []
    for label, class_name in enumerate(classes):
        members = by_class[class_name]
        if rule.top_folders:
            chosen = in_test_folder
        elif rule.test_pattern is not None:
            chosen = {name for name in members if re.search(rule.test_pattern, name)}
        else:
            chosen = _draw(class_name, members, rule)
        for name in members:
            (test if name in chosen else train).append(Item(name, label, name))
    return Split(classes, train, test)


def _draw(class_name: str, members: list[str], rule: FolderRule) -> set[str]:
    """Whole groups, in a random order, until the share is best met."""
    groups: dict[str, list[str]] = {}
    for name in members:
        groups.setdefault(_group(name, rule.group_pattern), []).append(name)
    order = sorted(groups)
    random.Random(f"{rule.seed} {class_name}").shuffle(order)
    wanted = rule.test_share * len(members)
    chosen: set[str] = set()
    for group in order:
        size = len(groups[group])
        if abs(len(chosen) + size - wanted) < abs(len(chosen) - wanted):
            chosen.update(groups[group])
    return chosen


def _group(name: str, pattern: str | None) -> str:
    if pattern is None:
        return name
    match = re.search(pattern, name)
    if match is None:
        raise UserError(f"{name}: the group pattern {pattern!r} is not found in it")
    return match[1] if match.re.groups else match[0]
