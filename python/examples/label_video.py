"""One video file to a labelled clip: the top five classes drawn on every frame.

The nets are those of a run of `two-stream reproduce`, or any two with weights:

  python python/examples/label_video.py holiday.mp4 labelled.mp4 \\
      --run /data/ucf101/reproduce-vgg16

  python python/examples/label_video.py holiday.mp4 labelled.mp4 \\
      --spatial spatial_train_val.prototxt spatial_iter_10000.caffemodel \\
      --temporal temporal_train_val.prototxt temporal_iter_30000.caffemodel \\
      --classes ucfTrainTestlist/classInd.txt

Frames and flow are made as those that the temporal net was trained on, where its
weights' provenance tells; else by --flow and --bound.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from two_stream.commands.evaluate import parse_gpus
from two_stream.data.classes import read_classes
from two_stream.data.provenance import read_model_provenance
from two_stream.errors import UserError
from two_stream.evaluation.run import evaluate
from two_stream.evaluation.settings import EvaluateSettings
from two_stream.files import atomic_path
from two_stream.fusion import PAPER_WEIGHTS, fuse
from two_stream.reproduce.settings import MODALITY, STREAMS
from two_stream.reproduce.state import State
from two_stream_prep import ExtractSettings, Manifest, extract, find_videos
from two_stream_prep.flow import ALGORITHMS, make_algorithm
from two_stream_prep.lists import Item, Split, write_lists
from two_stream_prep.video import VideoFile

TOP = 5
CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
_INK, _BAR, _SHADE = (255, 255, 255), (196, 69, 74), 0.35


@dataclass(frozen=True)
class Nets:
    """Net file and weights of each stream, and the classes' names."""

    spatial: tuple[Path, Path]
    temporal: tuple[Path, Path]
    classes: list[str]


def nets_of_run(folder: Path, split: int) -> Nets:
    """The nets that `two-stream reproduce` trained; raises UserError."""
    state = State(folder / "reproduce.json")
    found = {}
    try:
        for stream in STREAMS:
            net = state.outputs(f"split {split}: {stream} net")["train_val"]
            weights = state.outputs(f"split {split}: {stream} training")["weights"]
            found[stream] = (net, weights)
        classes = state.outputs(f"split {split}: lists")["classes.txt"]
    except KeyError as error:
        raise UserError(
            f"{folder}: '{error.args[0]}' is not done there; finish that run first"
        ) from None
    return Nets(**found, classes=read_classes(classes))


def extraction_like(weights: Path, flow: str, bound: float) -> ExtractSettings:
    """How the data of a model was made, where its provenance tells."""
    made = (read_model_provenance(weights) or {}).get("data") or {}
    if not made.get("algorithm"):
        return ExtractSettings(flow=make_algorithm(flow), bound=bound)
    texts = {name: str(value) for name, value in made["parameters"].items()}
    return ExtractSettings(
        size=tuple(made["size"]) if made["size"] else None,
        flow=make_algorithm(made["algorithm"], texts),
        bound=made["bound"],
    )


def classify(
    video: Path,
    nets: Nets,
    settings: ExtractSettings,
    scratch: Path,
    samples: int = 25,
    gpus: tuple[int, ...] = (),
) -> np.ndarray:
    """The classes' probabilities by both streams, 25 x 10, fused 1 : 2."""
    (found,) = find_videos(video)
    report = extract([found], scratch, settings, processes=1)
    if report.failed:
        raise UserError(f"{video}: {report.failed[found.name]}")
    # A list needs a label; the scores do not depend on it.
    split = Split(nets.classes, [], [Item(found.name, 0)])
    write_lists(split, Manifest.load(scratch), scratch)
    scores = []
    for stream in STREAMS:
        net, weights = getattr(nets, stream)
        wanted = EvaluateSettings(
            net=str(net),
            weights=str(weights),
            list=str(scratch / f"test_{MODALITY[stream]}.txt"),
            out=str(scratch / f"{stream}.npz"),
            samples=samples,
            gpus=gpus,
        )
        scores.append(evaluate(wanted))
    return fuse(scores, PAPER_WEIGHTS)[0]


def draw(frame: np.ndarray, ranking: Sequence[tuple[str, float]]) -> np.ndarray:
    """The frame (BGR) with a bar and a name for each class, at the top left."""
    height, width = frame.shape[:2]
    line = max(12, height // 16)
    gap = max(2, line // 6)
    panel = (slice(0, line * len(ranking) + 2 * gap), slice(0, width * 3 // 5))
    drawn = frame.copy()
    drawn[panel] = (drawn[panel] * _SHADE).astype(np.uint8)
    room = panel[1].stop - 2 * gap
    texts = [f"{share:.0%} {name}" for name, share in ranking]
    font = cv2.FONT_HERSHEY_SIMPLEX
    widest = max(cv2.getTextSize(text, font, 1, 1)[0][0] for text in texts)
    scale = min(line / 34, (room - 2 * gap) / widest)
    for place, (text, (_, share)) in enumerate(zip(texts, ranking, strict=True)):
        top = gap + place * line
        end = (gap + round(room * share), top + line - gap)
        cv2.rectangle(drawn, (gap, top), end, _BAR, cv2.FILLED)
        base = (2 * gap, top + line - 2 * gap)
        cv2.putText(drawn, text, base, font, scale, _INK, 1, cv2.LINE_AA)
    return drawn


def label(video: Path, out: Path, ranking: Sequence[tuple[str, float]]) -> int:
    """Writes the labelled clip; returns its number of frames. Raises UserError."""
    codec = CODECS[out.suffix.lower()]
    rate = cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FPS) or 25.0
    count, writer = 0, None
    with atomic_path(out) as temporary, VideoFile(video) as file:
        for frame in file.frames(None):
            if writer is None:
                size = (frame.shape[1], frame.shape[0])
                code = cv2.VideoWriter_fourcc(*codec)
                writer = cv2.VideoWriter(str(temporary), code, rate, size)
                if not writer.isOpened():
                    raise UserError(f"{out}: OpenCV cannot write {codec} here")
            writer.write(draw(frame, ranking))
            count += 1
        writer.release()
    return count


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("video", type=Path)
    add("out", type=Path, help="labelled clip, .mp4 or .avi")
    add("--run", type=Path, metavar="DIR", help="what `two-stream reproduce` wrote")
    add("--split", type=int, default=1, help="of that run (%(default)s)")
    for stream in STREAMS:
        add(f"--{stream}", nargs=2, type=Path, metavar=("NET", "WEIGHTS"))
    add("--classes", type=Path, metavar="FILE", help="class names, one a line")
    add("--samples", type=int, default=25, help="default: %(default)s")
    add("--flow", default="tvl1", choices=list(ALGORITHMS))
    add("--bound", type=float, default=20.0)
    add("--gpu", metavar="0,1")
    args = parser.parse_args(argv)
    if args.run is None and None in (args.spatial, args.temporal, args.classes):
        parser.error("give --run, or --spatial, --temporal and --classes")
    if args.out.suffix.lower() not in CODECS:
        raise UserError(f"{args.out}: the name must end in {' or '.join(CODECS)}")
    if args.out.exists() and args.video.exists() and args.out.samefile(args.video):
        raise UserError(f"{args.out}: is the video itself; choose another name")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    if args.run:
        nets = nets_of_run(args.run, args.split)
    else:
        pairs = tuple(args.spatial), tuple(args.temporal)
        nets = Nets(*pairs, classes=read_classes(args.classes))
    settings = extraction_like(nets.temporal[1], args.flow, args.bound)
    gpus = parse_gpus(args.gpu) if args.gpu else ()
    with tempfile.TemporaryDirectory(prefix="two_stream_") as folder:
        scratch = Path(folder)
        shares = classify(args.video, nets, settings, scratch, args.samples, gpus)
    best = np.argsort(-shares, kind="stable")[:TOP]
    ranking = [(nets.classes[i], float(shares[i])) for i in best]
    frames = label(args.video, args.out, ranking)
    for name, share in ranking:
        print(f"{share:6.1%}  {name}")
    print(f"{args.out}: {frames} frames")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"error: {error}")
