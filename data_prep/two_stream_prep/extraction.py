"""Many videos to frames and flow, in several processes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from two_stream_prep import layout
from two_stream_prep.discover import check_names
from two_stream_prep.errors import UserError
from two_stream_prep.extract_video import Report, Video, extract_video
from two_stream_prep.manifest import Manifest
from two_stream_prep.progress import VideoProgress
from two_stream_prep.records import find_records, is_whole
from two_stream_prep.settings import ExtractSettings, satisfies
from two_stream_prep.video import VideoError, silence_decoders
from two_stream_prep.workers import Done, Failed, Progress, describe, run_jobs

_SAVE_SECONDS = 30
_HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@dataclass
class ExtractReport:
    """What a run did, by the names of the videos."""

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Name -> cause."""


def extract(
    videos: Sequence[Video],
    data_root: str | os.PathLike,
    settings: ExtractSettings | None = None,
    *,
    processes: int | None = None,
    force: bool = False,
    progress: bool = True,
) -> ExtractReport:
    """Write frames and flow of each video to `data_root/<name>`, and the manifest.

    Only videos that are missing, incomplete, made by another recipe or from a
    file of another size are written, unless `force`. A video that fails is in the
    report and the manifest, and does not stop the others. `processes` defaults
    to one a core. Since the processes are spawned, a script that calls this needs
    the usual `if __name__ == "__main__":`.

    Raises UserError for names that clash, a data root that another run is
    writing, or a disk that takes no more.
    """
    settings = settings or ExtractSettings()
    videos = check_names(videos)
    data_root = Path(data_root)
    try:
        data_root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{data_root}: can't be made: {error.strerror}") from None
    with _lock(data_root):
        shutil.rmtree(data_root / layout.PARTIAL, ignore_errors=True)
        manifest = Manifest(find_records(data_root))
        report = ExtractReport()
        todo = videos
        if not force:
            todo = _choose(videos, data_root, settings, manifest, report)
        try:
            if todo:
                _run(todo, data_root, settings, processes, progress, manifest, report)
        except BaseException:
            # Some may have been renamed into place and not reported yet.
            manifest.videos = find_records(data_root)
            raise
        finally:
            shutil.rmtree(data_root / layout.PARTIAL, ignore_errors=True)
            _save(manifest, data_root)
    report.written.sort()
    return report


@contextlib.contextmanager
def _lock(data_root: Path) -> Iterator[None]:
    try:
        file = open(data_root / layout.LOCK, "w")
    except OSError as error:
        raise UserError(f"{data_root}: can't write here: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{data_root}: another extraction is writing here; wait for it or "
                "choose another folder"
            ) from None
        yield


def _choose(
    videos: Sequence[Video],
    data_root: Path,
    settings: ExtractSettings,
    manifest: Manifest,
    report: ExtractReport,
) -> list[Video]:
    """The videos that must be written; the others go into `report.kept`."""
    recipe = settings.recipe()
    todo = []
    for video in videos:
        record = manifest.videos.get(video.name)
        if (
            record is not None
            and satisfies(record["recipe"], recipe)
            and record["source_bytes"] == _bytes(video)
            and is_whole(data_root / video.name, record)
        ):
            report.kept.append(video.name)
        else:
            todo.append(video)
    return todo


def _save(manifest: Manifest, data_root: Path) -> None:
    try:
        manifest.save(data_root)
    except OSError as error:
        raise UserError(
            f"{data_root}: can't write the manifest: {error.strerror}; mend that and "
            "run this again, finished videos are kept"
        ) from None


def _bytes(video: Video) -> int:
    try:
        return video.path.stat().st_size
    except OSError:
        return 0


@dataclass(frozen=True)
class _Job:
    video: Video
    data_root: Path
    settings: ExtractSettings


@dataclass(frozen=True)
class _Outcome:
    """A record, or why there is none."""

    record: dict | None = None
    cause: str = ""
    hopeless: bool = False
    """No other video can be written either."""


def _extract_job(job: _Job, report: Report) -> _Outcome:
    """Runs in a worker process."""
    cv2.setNumThreads(1)
    silence_decoders()  # What fails is told in the report.
    try:
        record = extract_video(job.video, job.data_root, job.settings, report)
        return _Outcome(record=record)
    except VideoError as error:
        return _Outcome(cause=str(error))
    except OSError as error:
        return _Outcome(cause=describe(error), hopeless=error.errno in _HOPELESS)


def _run(
    todo: Sequence[Video],
    data_root: Path,
    settings: ExtractSettings,
    processes: int | None,
    progress: bool,
    manifest: Manifest,
    report: ExtractReport,
) -> None:
    # The largest first, so that no long one is left for the end.
    todo = sorted(todo, key=_bytes, reverse=True)
    jobs = [_Job(video, data_root, settings) for video in todo]
    bar = VideoProgress([_bytes(video) for video in todo], enabled=progress)
    saved = time.monotonic()
    events = run_jobs(_extract_job, jobs, processes or len(os.sched_getaffinity(0)))
    with contextlib.closing(bar), contextlib.closing(events):
        for event in events:
            if isinstance(event, Progress):
                bar.advance(event.job, event.value)
                continue
            name = todo[event.job].name
            outcome = event.result if isinstance(event, Done) else _outcome_of(event)
            if outcome.hopeless:
                raise UserError(
                    f"{data_root}: can't write here any more ({outcome.cause}); make "
                    "room and run this again, it goes on where it stopped"
                )
            if outcome.record is not None:
                manifest.videos[name] = outcome.record
                report.written.append(name)
            else:
                manifest.failures[name] = outcome.cause
                report.failed[name] = outcome.cause
            bar.finish(event.job, failed=outcome.record is None)
            if time.monotonic() - saved > _SAVE_SECONDS:
                _save(manifest, data_root)
                saved = time.monotonic()


def _outcome_of(failure: Failed) -> _Outcome:
    return _Outcome(cause=failure.cause)
