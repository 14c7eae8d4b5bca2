"""Checks a list, its images and a net against each other, before hours of training.

Says file, line, cause and what to do, for all that is wrong; the exit status is 1
if there is an error. Every image is opened, unless --fast.

  two-stream check data/train_rgb.txt --net models/spatial_vgg16_train_val.prototxt \\
      --test data/test_rgb.txt --other data/train_flow.txt

Without --test, a net that reads LIST tells what else it reads; without --other, the
list beside LIST that has flow for rgb in its name, or rgb for flow, is compared.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from two_stream.errors import UserError

if TYPE_CHECKING:
    from two_stream.check.run import CheckSettings

HELP = "find what is wrong with lists, frames and flow"


@dataclass(frozen=True)
class Settings:
    """What was asked for; None stands for "as the net says", or the usual."""

    list: str
    net: str | None = None
    test: str | None = None
    other: str | None = None
    modality: str | None = None
    length: int | None = None
    root_folder: str | None = None
    pattern: str | None = None
    store_path: str | None = None
    group: str | None = None
    fast: bool = False
    json: str | None = None
    progress: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what is typed."""
    add = parser.add_argument
    add("list", metavar="LIST")
    add("--net", metavar="PROTOTXT", help="the net that reads it")
    add("--test", metavar="LIST", help="the test list: shares it videos or groups?")
    add("--other", metavar="LIST", help="the other stream's list of the same videos")
    add("--modality", choices=("rgb", "flow"), help="default: by net or list's name")
    add("--length", type=int, help="frames or fields a stack, without a net")
    add("--root-folder", metavar="DIR", help="where relative paths of the list are")
    add("--pattern", help="names of frames, as image_%%04d.jpg, flow_%%c_%%04d.jpg")
    add("--store-path", metavar="LMDB", help="the frames are in a database")
    add("--group", metavar="REGEX", help="names of videos, to the group (UCF101's)")
    add("--fast", action="store_true", help="open a few images only")
    add("--json", metavar="FILE", help="write the findings; - for standard output")
    add("--quiet", action="store_true", help="no progress bar")


def settings(args: argparse.Namespace) -> Settings:
    """Checks what was typed."""
    if args.group:
        try:
            groups = re.compile(args.group).groups
        except re.error as error:
            raise UserError(f"--group {args.group}: {error}") from None
        if not groups:
            raise UserError(f"--group {args.group}: needs ( ) around what tells it")
    if args.length is not None and args.length < 1:
        raise UserError(f"--length {args.length}: at least 1")
    if args.net and args.length:
        raise UserError("--length is for a check without --net, which tells it")
    return Settings(
        list=args.list,
        net=args.net,
        test=args.test,
        other=args.other,
        modality=args.modality,
        length=args.length,
        root_folder=args.root_folder,
        pattern=args.pattern,
        store_path=args.store_path,
        group=args.group,
        fast=args.fast,
        json=args.json,
        progress=not args.quiet,
    )


def check_settings(s: Settings) -> CheckSettings:
    """Asks the net for what was not typed; raises UserError."""
    from two_stream.check import against_net
    from two_stream.check.on_disk import Needs
    from two_stream.check.run import CheckSettings, guess_modality

    if s.net:
        base = against_net.check_settings(s.net, s.list)
    else:
        needs = Needs(length=s.length or 1)
        base = CheckSettings(s.list, guess_modality(s.list), needs)
    return against_net.with_changes(
        base,
        modality=s.modality,
        test_list=s.test,
        other_list=s.other or _other_stream(s.list),
        root_folder=s.root_folder,
        pattern=s.pattern,
        store_path=s.store_path,
        group=s.group,
        fast=s.fast,
        progress=s.progress,
    )


def _other_stream(path: str) -> str | None:
    """Returns train_flow.txt for train_rgb.txt, and the reverse, if it is there."""
    name = Path(path).name
    for this, that in (("rgb", "flow"), ("flow", "rgb")):
        other = Path(path).with_name(name.replace(this, that))
        if this in name and other.is_file():
            return str(other)
    return None


def run(s: Settings) -> int:
    """Prints the findings; returns 1 if one is an error."""
    import json

    from two_stream.check.run import check
    from two_stream.files import write_json

    report = check(check_settings(s))
    if s.json == "-":
        print(json.dumps(report.as_dict(), indent=2))
        return bool(report.errors)
    for finding in report.findings:
        print(f"{finding.severity}: {finding}")
    print(
        f"{s.list}: {report.videos} videos, {report.images} images opened: "
        f"{len(report.errors)} errors, {len(report.warnings)} warnings"
    )
    if s.json:
        write_json(s.json, report.as_dict())
    return bool(report.errors)
