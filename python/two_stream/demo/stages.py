"""The demo's stages, each on files that the one before left."""

from __future__ import annotations

import shutil
from pathlib import Path

from two_stream_prep.discover import find_videos
from two_stream_prep.extraction import extract
from two_stream_prep.lists import FolderRule, split_by_rule, write_lists
from two_stream_prep.manifest import Manifest

from two_stream.demo.cut import cut, is_cut
from two_stream.demo.footage import source_videos
from two_stream.demo.settings import MODALITY, DemoSettings
from two_stream.errors import UserError

_MARK = ".two-stream-demo"


def claim(folder: Path) -> None:
    """Makes the demo's folder, in which it may delete what is out of date.

    Raises UserError for a folder that holds anything else.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: it is a file; choose another --out")
    mark = folder / _MARK
    if folder.exists() and any(folder.iterdir()) and not mark.exists():
        raise UserError(
            f"{folder}: it isn't empty and not the demo's; choose another --out"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as error:
        raise UserError(f"{folder}: cannot write here ({error.strerror})") from None


def make_clips(s: DemoSettings) -> str:
    """Cuts the video files; says what it did, as all stages do."""
    if is_cut(s.clip_folder, s.clips):
        return "as they were"
    # What was extracted from other clips must not be taken for these ones'.
    shutil.rmtree(s.data, ignore_errors=True)
    cut(source_videos(), s.clip_folder, s.clips)
    return f"written to {s.clip_folder}"


def extract_data(s: DemoSettings) -> str:
    """Frames, flow and lists of all clips."""
    report = extract(find_videos(s.clip_folder), s.data, s.extraction())
    if report.failed:
        name, cause = min(report.failed.items())
        raise UserError(
            f"{len(report.failed)} clips could not be extracted, {name} since {cause}; "
            f"delete {s.clip_folder} and start again"
        )
    manifest = Manifest.load(s.data)
    split = split_by_rule(manifest.videos, FolderRule(top_folders=True))
    write_lists(split, manifest, s.data)
    return f"{len(report.written)} clips extracted, {len(report.kept)} as they were"


def write_nets(s: DemoSettings, stream: str):
    """The stream's three prototxt files (two_stream.models.ModelFiles)."""
    from two_stream.models import recipe_for, settings_for, write_models

    manifest = Manifest.load(s.data)
    split = split_by_rule(manifest.videos, FolderRule(top_folders=True))
    width, height = s.size
    length = {"length": s.length} if MODALITY[stream] == "flow" else {}
    settings = settings_for(
        "small",
        stream,
        classes=len(split.classes),
        width=width,
        height=height,
        train_list=str(s.list_file("train", stream)),
        test_list=str(s.list_file("test", stream)),
        **length,
    )
    iterations = s.iterations[stream]
    recipe = recipe_for(
        "small",
        stream,
        base_lr=s.rates[stream],
        max_iter=iterations,
        step=max(1, iterations * 2 // 3),
        snapshot=iterations,
        test_videos=len(split.test),
        test_interval=max(1, iterations // 4),
        random_seed=s.seed,
    )
    return write_models(s.out / "nets", "small", settings, recipe)


def train_stream(s: DemoSettings, stream: str):
    """Trains with the `caffe` command; how it ended (training.run.TrainResult)."""
    from two_stream.training.run import train
    from two_stream.training.settings import TrainSettings

    result = train(TrainSettings(solver=str(write_nets(s, stream).solver)))
    if result.status:
        raise UserError(
            f"training the {stream} net ended with status {result.status}; "
            f"see {result.files.log}"
        )
    return result


def evaluate_stream(s: DemoSettings, stream: str, net: str, weights: str):
    """Scores of the test clips (two_stream.scores.Scores)."""
    from two_stream.evaluation.run import evaluate
    from two_stream.evaluation.settings import EvaluateSettings

    return evaluate(
        EvaluateSettings(
            net=net,
            weights=weights,
            list=str(s.list_file("test", stream)),
            out=str(s.scores_file(stream)),
            samples=s.samples,
        )
    )
