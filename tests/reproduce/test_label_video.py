"""The example: one video file to a labelled clip, by the nets of a reproduction."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from two_stream.locate import python_environment

SCRIPT = Path(__file__).resolve().parents[2] / "python" / "examples" / "label_video.py"
VIDEO = "v_BunnyZoomOut_g01_c02"

sys.path.insert(0, str(SCRIPT.parent))
from label_video import draw  # noqa: E402


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (result := capture.read())[0]:
        frames.append(result[1])
    return np.stack(frames), capture.get(cv2.CAP_PROP_FPS)


def label(*arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=python_environment(),
        timeout=300,
    )


def test_the_clip_has_the_shares_that_the_test_found(
    videos, killed_and_resumed, tmp_path
):
    """The file is one that the run tested: the same scores must come out."""
    run = videos / "reproduce-small"
    steps = json.loads((run / "reproduce.json").read_text())["steps"]
    samples = steps["split 1: spatial test"]["inputs"]["samples"]
    video = videos / "UCF-101" / "BunnyZoomOut" / f"{VIDEO}.avi"
    out = tmp_path / "labelled.avi"
    done = label(video, out, "--run", run, "--samples", samples)
    assert done.returncode == 0, done.stderr

    fused = np.load(run / "split1" / "fused.npz")
    scores = np.exp(fused["scores"][fused["ids"].tolist().index(VIDEO)].astype(float))
    order = np.argsort(-scores)
    expected = [(fused["classes"][i], 100 * scores[i] / scores.sum()) for i in order]
    shown = re.findall(r"([0-9.]+)%  (\w+)", done.stdout)
    assert [name for _, name in shown] == [name for name, _ in expected]
    for (share, _), (_, other) in zip(shown, expected, strict=True):
        assert float(share) == pytest.approx(other, abs=0.11)

    before, rate = frames_of(video)
    after, other_rate = frames_of(out)
    assert after.shape == before.shape and rate == other_rate
    # Drawn at the top left; elsewhere JPEG is the only difference.
    difference = np.abs(after.astype(int) - before).mean(axis=(0, 3))
    assert difference[:30, :50].mean() > 20
    assert difference[48:].mean() < 8 and difference[:, 72:].mean() < 8


def test_bars_are_as_long_as_the_shares():
    frame = np.full((320, 640, 3), 128, np.uint8)
    shares = (0.5, 0.25, 0.125)
    drawn = draw(
        frame, [(name, share) for name, share in zip("abc", shares, strict=True)]
    )
    blue = (drawn == (196, 69, 74)).all(axis=2)
    # The last row of each bar has no letters.
    lengths = [int(blue[row].sum()) for row in (19, 39, 59)]
    room = 640 * 3 // 5 - 2 * 3
    assert lengths == pytest.approx([room * share for share in shares], abs=2)
    assert (drawn[:, 640 * 3 // 5 :] == 128).all() and (frame == 128).all()


@pytest.mark.parametrize(
    "out, said",
    [
        ("out.mp4", "finish that run first"),
        ("out.gif", "out.gif: the name must end in .mp4 or .avi"),
        ("video.mp4", "video.mp4: is the video itself"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, out, said):
    video = tmp_path / "video.mp4"
    video.write_bytes(b"precious")
    done = label(video, tmp_path / out, "--run", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == [video] and video.read_bytes() == b"precious"
