"""Killing the real program mid-way, and stopping it with Ctrl-C."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from synthetic_video import image_names, panned, write_video
from two_stream_prep import layout

COUNT = 5


@pytest.fixture
def command(tmp_path):
    """Extraction of 5 videos with slow flow by two processes, as typed."""
    for number in range(COUNT):
        frames = panned(4, (120, 90), (2, 1), seed=number)
        write_video(tmp_path / "videos" / "class" / f"{number}.avi", frames)
    program = [sys.executable, "-m", "two_stream_prep", "extract", "--quiet"]
    options = ["--size", "120x90", "--processes", "2", "--flow-set", "iterations=100"]
    return [*program, *options, str(tmp_path / "videos"), str(tmp_path / "data")]


@contextlib.contextmanager
def started(command):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def whole_videos(data) -> dict[str, int]:
    """Checks that every folder in sight is whole; their inodes."""
    whole = {}
    for folder in (data / "class").iterdir():
        record = json.loads((folder / layout.RECORD).read_text())
        assert image_names(folder) == layout.expected_files(4, 3)
        assert (record["frames"], record["pairs"]) == (4, 3)
        whole[folder.name] = folder.stat().st_ino
    return whole


def wait_until_under_way(process, data):
    """Some videos are there, another is being written."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        if list(data.glob("class/*")) and os.listdir(data / layout.PARTIAL):
            return
        time.sleep(0.005)
    raise AssertionError("it did not get under way")


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_stopped_midway(command, tmp_path, kill):
    data = tmp_path / "data"
    with started(command) as process:
        wait_until_under_way(process, data)
        if kill == signal.SIGINT:
            os.killpg(process.pid, kill)  # As a terminal does: to all processes.
        else:
            process.send_signal(kill)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == (130 if kill == signal.SIGINT else -kill)
    before = whole_videos(data)
    assert 0 < len(before) < COUNT
    if kill == signal.SIGINT:
        assert errors == "stopped; run it again to go on\n"
        assert not (data / layout.PARTIAL).exists()
        manifest = json.loads((data / layout.MANIFEST).read_text())
        assert set(manifest["videos"]) == {f"class/{name}" for name in before}

    with started(command) as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    after = whole_videos(data)
    assert len(after) == COUNT
    assert before.items() <= after.items(), "finished videos were written again"
    assert f"{len(before)} kept as they were" in output
    assert not (data / layout.PARTIAL).exists()
    manifest = json.loads((data / layout.MANIFEST).read_text())
    assert set(manifest["videos"]) == {f"class/{name}" for name in after}
