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
from two_stream_prep.extract_video import (
    Report,
    Video,
    extract_video,
    is_whole,
    read_record,
)
from two_stream_prep.manifest import Manifest
from two_stream_prep.progress import VideoProgress
from two_stream_prep.settings import ExtractSettings, satisfies
from two_stream_prep.video import VideoError
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
        manifest = _manifest_of_existing(data_root)
        report = ExtractReport()
        todo = _choose(videos, data_root, settings, force, manifest, report)
        try:
            if todo:
                _run(todo, data_root, settings, processes, progress, manifest, report)
        except BaseException:
            # Some may have been renamed into place and not reported yet.
            for video in todo:
                if (record := read_record(data_root / video.name)) is not None:
                    manifest.add(video.name, record)
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


def _manifest_of_existing(data_root: Path) -> Manifest:
    """What earlier runs left here and is still there."""
    manifest = Manifest()
    if (data_root / layout.MANIFEST).exists():
        earlier = Manifest.load(data_root)
        for name, record in earlier.videos.items():
            if (data_root / name).is_dir():
                manifest.add(name, record)
        manifest.failures.update(earlier.failures)
    return manifest


def _choose(
    videos: Sequence[Video],
    data_root: Path,
    settings: ExtractSettings,
    force: bool,
    manifest: Manifest,
    report: ExtractReport,
) -> list[Video]:
    """The videos to write, largest first; the others go into `report.kept`."""
    recipe = settings.recipe()
    todo = []
    for video in videos:
        folder = data_root / video.name
        record = read_record(folder)
        manifest.failures.pop(video.name, None)
        if record is None:
            manifest.videos.pop(video.name, None)
        else:
            manifest.add(video.name, record)
            if (
                not force
                and satisfies(record["recipe"], recipe)
                and record["source_bytes"] == _bytes(video)
                and is_whole(folder, record)
            ):
                report.kept.append(video.name)
                continue
        todo.append(video)
    return sorted(todo, key=_bytes, reverse=True)


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
    # What fails is told in the report, not between the lines of the bar.
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
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
                manifest.add(name, outcome.record)
                report.written.append(name)
            else:
                manifest.fail(name, outcome.cause)
                report.failed[name] = outcome.cause
            bar.finish(event.job, failed=outcome.record is None)
            if time.monotonic() - saved > _SAVE_SECONDS:
                _save(manifest, data_root)
                saved = time.monotonic()


def _outcome_of(failure: Failed) -> _Outcome:
    return _Outcome(cause=failure.cause)
