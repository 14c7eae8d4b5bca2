"""From a dataset's video files to the table and the report."""

from __future__ import annotations

import sys

from two_stream.console import note
from two_stream.locate import pycaffe_folder
from two_stream.reproduce.dataset import Dataset, read_dataset
from two_stream.reproduce.preflight import preflight
from two_stream.reproduce.results import REPORT, Results, collect
from two_stream.reproduce.settings import STREAMS, ReproduceSettings
from two_stream.reproduce.state import State, only_one
from two_stream.reproduce.steps import Steps


def reproduce(s: ReproduceSettings) -> Results:
    """Does every step that is not done yet; writes and returns the results.

    Raises UserError, and KeyboardInterrupt: the next run goes on from there.
    """
    dataset = read_dataset(s)
    folder = str(pycaffe_folder(gpu=bool(s.gpus)))
    if folder not in sys.path:  # the generator of nets needs Caffe's messages
        sys.path.append(folder)
    preflight(s, len(dataset.classes))
    _say(s, dataset)
    with only_one(s.out):
        state = State(s.state_file)
        do_steps(Steps(s, state, dataset))
        results = collect(s, state)
        _report(s, state, results)
    return results


def do_steps(steps: Steps) -> None:
    """Does what is not done yet, split after split."""
    steps.extract()
    for split in steps.s.splits:
        steps.lists(split)
        for stream in STREAMS:
            steps.nets(split, stream)
    steps.initialise()
    for split in steps.s.splits:
        for stream in STREAMS:
            steps.train(split, stream)
        for stream in STREAMS:
            steps.evaluate(split, stream)
        steps.fuse(split)


def _say(s: ReproduceSettings, dataset: Dataset) -> None:
    classes = len(dataset.classes)
    note(f"{s.dataset}: {len(dataset.videos)} videos of {classes} classes in {s.root}")
    for number, split in dataset.splits.items():
        train, test = len(split.train), len(split.test)
        note(f"  split {number}: {train} for training, {test} for testing")
    note(f"frames and flow in {s.data}, all else in {s.out}")


def _report(s: ReproduceSettings, state: State, results: Results) -> None:
    from two_stream.reproduce.page import make_page

    fused = [state.fingerprint(f"split {n}: fusion", "scores") for n in s.splits]
    logs = [
        state.fingerprint(f"split {n}: {stream} training", "curves")
        for n in s.splits
        for stream in STREAMS
    ]
    inputs = {
        "scores": fused,
        "curves": logs,
        "notes": [*results.departures, *results.warnings],
    }

    def work(_begun: bool):
        make_page(results).write(s.report)
        return {"report": s.report}

    state.step(REPORT, inputs, work)
