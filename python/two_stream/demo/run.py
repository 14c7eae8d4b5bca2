"""Runs the demo's stages and writes its reports."""

from __future__ import annotations

import time

from two_stream.console import note
from two_stream.demo import stages
from two_stream.demo.outcome import Outcome
from two_stream.demo.page import make_page
from two_stream.demo.settings import STREAMS, DemoSettings
from two_stream.files import write_json

REPORT_JSON, REPORT_HTML = "report.json", "report.html"


def run_demo(s: DemoSettings) -> Outcome:
    """From video files to `report.json` and `report.html` in `s.out`.

    Clips, frames and flow that an earlier run made by the same settings are used
    again. Raises UserError.
    """
    stages.claim(s.out)
    seconds: dict[str, float] = {}

    def stage(name: str, work, *arguments):
        note(f"\n[{len(seconds) + 1}/6] {name}")
        start = time.monotonic()
        result = work(*arguments)
        seconds[name] = time.monotonic() - start
        if isinstance(result, str):
            note(result)
        return result

    stage("video clips", stages.make_clips, s)
    stage("frames and flow", stages.extract_data, s)
    trained, scores = {}, {}
    for stream in STREAMS:
        trained[stream] = stage(f"{stream} training", stages.train_stream, s, stream)
    for stream in STREAMS:
        files = trained[stream].files
        net, weights = files.net, str(files.final_weights)
        scores[stream] = stage(
            f"{stream} test", stages.evaluate_stream, s, stream, net, weights
        )
    curves = {stream: result.curves for stream, result in trained.items()}
    outcome = Outcome.of(s, *scores.values(), curves, seconds)
    write_json(s.out / REPORT_JSON, outcome.summary())
    make_page(outcome).write(s.out / REPORT_HTML)
    return outcome
