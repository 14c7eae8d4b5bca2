"""Starts a temporal net from an RGB model, for instance from ImageNet.

The first layer's filters are averaged over their channels and repeated over the
channels of flow; every other layer is copied by name and shape. The layers left
out start as the net file says.

  two-stream init-temporal --weights vgg16.caffemodel \\
      --net models/temporal_vgg16_train_val.prototxt --out temporal.caffemodel
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass

from two_stream.errors import UserError

HELP = "start a temporal net from an RGB model"


@dataclass(frozen=True)
class Settings:
    """Files to read and write."""

    weights: str
    net: str
    out: str
    json: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what is typed."""
    parser.add_argument("--weights", required=True, metavar="CAFFEMODEL")
    parser.add_argument("--net", required=True, metavar="PROTOTXT")
    parser.add_argument("--out", required=True, metavar="CAFFEMODEL")
    parser.add_argument("--json", metavar="FILE", help="write the report")


def settings(args: argparse.Namespace) -> Settings:
    """Checks what was typed."""
    if not args.out.endswith(".caffemodel"):
        raise UserError(f"--out {args.out}: the name must end in .caffemodel")
    return Settings(args.weights, args.net, args.out, args.json)


def run(s: Settings) -> int:
    """Writes the weights and says what became of each layer."""
    from two_stream.files import write_json
    from two_stream.nets.temporal_init import init_temporal_file

    report = init_temporal_file(s.weights, s.net, s.out)
    before, after = report.channels
    print(f"averaged  {report.averaged}: {before} channels, repeated over {after}")
    print(f"copied    {len(report.copied)} layers: {', '.join(report.copied) or '-'}")
    for name, cause in report.fresh.items():
        print(f"fresh     {name}: {cause}")
    if report.unused:
        print(f"not used  {', '.join(report.unused)}")
    print(f"wrote     {s.out}")
    if s.json:
        write_json(s.json, asdict(report))
    return 0
