"""Scores of every video of a list: plan, workers, journal, scores file."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
from pathlib import Path

import numpy as np

from two_stream.console import note, progress_bar, warn
from two_stream.data.provenance import differences
from two_stream.errors import UserError
from two_stream.evaluation.journal import Journal
from two_stream.evaluation.plan import Plan, make_plan
from two_stream.evaluation.pool import devices, score_videos
from two_stream.evaluation.settings import EvaluateSettings
from two_stream.scores import Scores, save_scores


def evaluate(s: EvaluateSettings) -> Scores:
    """Tests a net on a list; writes and returns the scores.

    What was scored before an interruption is not scored again. Raises UserError
    if anything does not fit, or if a video cannot be read: then the others'
    scores are kept for the next run, and no scores file is written.
    """
    where = devices(s.gpus, s.workers)
    with tempfile.TemporaryDirectory(prefix="two_stream_") as folder:
        plan = make_plan(s, Path(folder))
        plan_path = Path(folder) / "plan.pickle"
        plan_path.write_bytes(pickle.dumps(plan))
        journal = Journal(f"{s.out}.partial", plan.provenance, plan.ids)
        _say(s, plan)
        if journal.stale:
            note(f"{journal.path}: of another evaluation; starting anew")
        with contextlib.closing(journal):
            failures = _score(s, plan, plan_path, journal, where)
    if failures:
        for failure in failures:
            warn(failure)
        raise UserError(
            f"{len(failures)} of {len(plan.videos)} videos could not be scored (the "
            f"first: {failures[0]}); mend them and run this again, the others are "
            "kept"
        )
    scores = Scores(
        ids=plan.ids,
        labels=np.array([video.label for video in plan.videos], np.int64),
        scores=np.array([journal.scores[name] for name in plan.ids], np.float32),
        classes=plan.classes,
        provenance=plan.provenance,
        name=s.out,
    )
    save_scores(s.out, scores)
    journal.remove()
    return scores


def _score(
    s: EvaluateSettings, plan: Plan, plan_path: Path, journal: Journal, where: list[str]
) -> list[str]:
    """Scores what the journal has not; returns a sentence for each failure."""
    todo = [i for i, name in enumerate(plan.ids) if name not in journal.scores]
    done = len(plan.ids) - len(todo)
    if done:
        note(f"{done} of {len(plan.ids)} videos were scored before")
    failures = []
    with progress_bar(len(plan.ids), "video", done, s.progress) as bar:
        for answer in score_videos(plan_path, todo, where) if todo else ():
            video = plan.videos[answer.video]
            if answer.error is None:
                journal.add(plan.ids[answer.video], answer.scores)
            else:
                failures.append(f"{s.list}:{video.line}: {answer.error}")
            bar.update()
    return failures


def _say(s: EvaluateSettings, plan: Plan) -> None:
    sampling = plan.sampling
    note(
        f"{len(plan.videos)} videos x {sampling.samples} samples x {sampling.crops} "
        f"crops; {sampling.modality}, length {sampling.length}, crop "
        f"{sampling.crop[0]} x {sampling.crop[1]}, mean {plan.provenance['mean']}, "
        f"frames as {plan.locator.base or '.'}/.../{plan.locator.pattern}"
    )
    trained, tested = plan.provenance["trained_on"], plan.provenance["data"]
    found = differences(trained, tested, sampling.modality)
    if found:
        warn(
            f"{s.weights} was trained on {sampling.modality} made another way than "
            f"the data of {s.list}: {'; '.join(found)}"
        )
