"""Tests a net on the videos of a list: 25 samples x 10 crops (section 4.1).

NET is a deploy file, or the train_val file, whose TEST VideoData layer then
tells the modality, stack length, crop, mean and names of frames. Interrupted, it
goes on where it stopped.

  two-stream evaluate --net models/spatial_vgg16_train_val.prototxt \\
      --weights spatial_iter_10000.caffemodel --list data/test_rgb.txt \\
      --out spatial.npz --gpu 0,1
"""

from __future__ import annotations

import argparse
import math

from two_stream.errors import UserError
from two_stream.evaluation.settings import EvaluateSettings

HELP = "score a net on the videos of a list"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what is typed."""
    add = parser.add_argument
    add("--net", required=True, metavar="PROTOTXT")
    add("--weights", required=True, metavar="CAFFEMODEL")
    add("--list", required=True, metavar="LIST")
    add("--out", required=True, metavar="NPZ", help="the scores file")
    add("--samples", type=int, default=25, help="frames or stacks a video")
    add("--crops", type=int, default=10, help="10, 5, 2 or 1 (default: %(default)s)")
    add("--modality", choices=("rgb", "flow"), help="for a deploy file")
    add("--length", type=int, help="frames or flow fields a sample")
    add("--mean", help="104,117,123, a .binaryproto or .mat file, or none")
    add("--scale", type=float, help="multiplies what is left after the mean")
    add("--resize", metavar="WxH", help="resize frames first, as 340x256")
    add("--pattern", help="names of frames, as image_%%04d.jpg, flow_%%c_%%04d.jpg")
    add("--root-folder", metavar="DIR", help="where relative paths of the list are")
    add("--short-clip", choices=("loop", "pad", "fail"), help="clips below the length")
    add("--store-path", metavar="LMDB", help="read frames from a database")
    add("--blob", help="the blob of class scores (default: what softmax takes)")
    add("--classes", metavar="FILE", help="class names (default: classes.txt there)")
    add("--batch", type=int, metavar="N", help="views a forward pass")
    add("--gpu", metavar="0,1", help="GPUs to use (default: the CPU)")
    add("--workers", type=int, metavar="N", help="processes side by side")
    add("--quiet", action="store_true", help="no progress bar")


def settings(args: argparse.Namespace) -> EvaluateSettings:
    """Checks what was typed."""
    if not args.out.endswith(".npz"):
        raise UserError(f"--out {args.out}: the name must end in .npz")
    for name in ("batch", "length"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} {value}: at least 1")
    if args.scale is not None and not (args.scale and math.isfinite(args.scale)):
        raise UserError(f"--scale {args.scale:g}: a number, and not 0")
    return EvaluateSettings(
        net=args.net,
        weights=args.weights,
        list=args.list,
        out=args.out,
        samples=args.samples,
        crops=args.crops,
        modality=args.modality,
        length=args.length,
        mean=args.mean,
        scale=args.scale,
        resize=parse_size(args.resize) if args.resize else None,
        pattern=args.pattern,
        root_folder=args.root_folder,
        short_clip=args.short_clip,
        store_path=args.store_path,
        blob=args.blob,
        classes=args.classes,
        batch=args.batch,
        gpus=parse_gpus(args.gpu) if args.gpu else (),
        workers=args.workers,
        progress=not args.quiet,
    )


def parse_size(text: str) -> tuple[int, int]:
    """Reads ``340x256`` as width and height."""
    width, cross, height = text.partition("x")
    if not (
        cross and width.isdigit() and height.isdigit() and int(width) * int(height)
    ):
        raise UserError(f"--resize {text}: write width x height, as 340x256")
    return int(width), int(height)


def parse_gpus(text: str) -> tuple[int, ...]:
    """Reads ``0,1,2``."""
    words = text.split(",")
    if not all(word.isdigit() for word in words) or len(set(words)) != len(words):
        raise UserError(f"--gpu {text}: write the GPUs' numbers, as 0,1,2")
    return tuple(map(int, words))


def run(s: EvaluateSettings) -> int:
    """Scores, and prints the accuracy."""
    from two_stream.evaluation.run import evaluate
    from two_stream.fusion import accuracy

    scores = evaluate(s)
    found = accuracy(scores.scores, scores.labels)
    print(
        f"{len(scores.ids)} videos, {s.samples} samples x {s.crops} crops: "
        f"top-1 {found.top1:.2%}, top-5 {found.top5:.2%}, "
        f"mean class {found.mean_class:.2%}; scores in {s.out}"
    )
    return 0
