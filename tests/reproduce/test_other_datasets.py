"""HMDB51's layout, and a folder of one's own videos, from end to end."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from miniature import CLASSES, GROUPS
from two_stream.fusion import softmax
from two_stream.locate import python_environment

pytestmark = pytest.mark.usefixtures("caffe_binary")

QUICK = "--net small --flow dis --size 96x72 --bound 8 --samples 1 --quiet"
SOLVER = ("max_iter=2", "test_interval=2", "display=1")


def run(dataset, root, *more):
    """Runs it; returns what it printed, a list of words a line."""
    words = [dataset, "--root", root, *QUICK.split(), *more]
    for change in SOLVER:
        words += ["--set", change]
    done = subprocess.run(
        [sys.executable, "-m", "two_stream", "reproduce", *map(str, words)],
        capture_output=True,
        text=True,
        env=python_environment(),
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines() if line]


def clips(videos, name, group):
    return sorted((videos / "UCF-101" / name).glob(f"*_{group}_*.avi"))


def accuracy_by_hand(folder):
    """Mean class accuracy of the fusion, in per cent."""
    found = {}
    for stream in ("spatial", "temporal"):
        file = np.load(folder / f"{stream}.npz")
        order = np.argsort(file["ids"])
        found[stream] = softmax(file["scores"][order])
        labels = file["labels"][order]
    told = (found["spatial"] + 2 * found["temporal"]).argmax(axis=1)
    shares = [np.mean(told[labels == label] == label) for label in range(len(CLASSES))]
    return 100 * np.mean(shares)


def test_hmdb51(videos, tmp_path):
    """A split file a class; 0 leaves a video out of the split."""
    splits = tmp_path / "testTrainMulti_7030_splits"
    splits.mkdir()
    for name in CLASSES:
        folder = tmp_path / "hmdb51_org" / name
        folder.mkdir(parents=True)
        lines = []
        for group, use in zip(GROUPS, (1, 2, 0), strict=True):
            for clip in clips(videos, name, group):
                os.link(clip, folder / clip.name)
                lines.append(f"{clip.name} {use} \r\n")
        text = "".join(lines).encode()
        (splits / f"{name}_test_split2.txt").write_bytes(text)
    lines = run("hmdb51", tmp_path, "--splits", "2")
    shown = {words[0]: words[1:] for words in lines}
    out = tmp_path / "reproduce-small" / "split2"
    assert shown["fused"] == [f"{accuracy_by_hand(out):.1f}"]
    assert not any("paper's" in words for words in lines[:6])  # it has no HMDB51
    ids = np.load(out / "fused.npz")["ids"]
    assert len(ids) == 6 and all("_g08_" in name for name in ids)
    learned = (tmp_path / "frames-dis" / "train_rgb_split2.txt").read_text()
    assert len(re.findall("_g01_", learned)) == 6 == len(learned.splitlines())


def test_own_videos_with_any_names_and_the_mean_of_two_splits(videos, tmp_path):
    names = dict(zip(CLASSES, ("zoom in, & <more>", "$x_{", "日本"), strict=True))
    for name, own in names.items():
        folder = tmp_path / "videos" / own
        folder.mkdir(parents=True)
        for group in GROUPS:
            for number, clip in enumerate(clips(videos, name, group)):
                os.link(clip, folder / f"{group} clip {number}.AVI")
    lines = run("folder", tmp_path, "--splits", "2,1", "--group", "(g[0-9]+) clip")
    (fused,) = (words[1:] for words in lines if words[0] == "fused")
    out = tmp_path / "reproduce-small"
    hand = [accuracy_by_hand(out / f"split{split}") for split in (2, 1)]
    assert fused == [f"{share:.1f}" for share in (*hand, np.mean(hand))]
    page = (out / "report.html").read_text()
    assert "zoom in, &amp; &lt;more&gt;" in page and "日本" in page
    assert "<td>mean</td>" in page  # of the sweep
