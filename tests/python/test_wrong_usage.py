"""What is typed wrong is one line, status 1, and leaves no file behind."""

import numpy as np
import pytest
from small_data import random_weights, small_weights, write_footage, write_small_net
from test_train import NET, SOLVER
from two_stream import cli
from two_stream.scores import Scores, save_scores


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a bit of everything, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    for part, seed in (("train", 1), ("test", 2)):
        write_footage(tmp_path / part, seed, [9, 8, 7])
    for path in tmp_path.glob("test/*.txt"):
        path.write_text(path.read_text().replace("v_Class_g", "v_Other_g"))
    for folder in tmp_path.glob("test/v_*"):
        folder.rename(str(folder).replace("v_Class_g", "v_Other_g"))
    (tmp_path / "net.prototxt").write_text(NET.format(root=tmp_path))
    (tmp_path / "solver.prototxt").write_text(SOLVER.format(root=tmp_path))
    write_small_net(tmp_path / "deploy.prototxt", 4)
    small_weights(tmp_path / "w.caffemodel", 4)
    random_weights(tmp_path / "rgb.caffemodel", {"conv1": [(4, 3, 5, 5), (4,)]})
    (tmp_path / "train" / "classes.txt").write_text("a\nb\nc\n")
    random = np.random.default_rng(3)
    for name in ("s", "t"):
        values = random.normal(size=(3, 4)).astype("f")
        labels = np.array([0, 3, 1])
        save_scores(f"{name}.npz", Scores(list("uvw"), labels, values, list("abcd")))
    whole = dict(np.load("s.npz"))
    np.savez("floats.npz", **{**whole, "labels": whole["labels"] + 0.5})
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "empty.prototxt").write_text("")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\nb\nc\n")
    return tmp_path


EVALUATE = "evaluate --net deploy.prototxt --weights w.caffemodel --list train/flow.txt"
INIT = "init-temporal --weights rgb.caffemodel --net net.prototxt --out"


@pytest.mark.parametrize(
    "words, said",
    [
        (f"{EVALUATE} --out folder.npz", "folder.npz: it is a folder"),
        (f"{EVALUATE} --out file/x.npz", "file/x.npz.partial: cannot write"),
        (f"{EVALUATE} --out o.npz --classes latin.txt", "latin.txt: not UTF-8 text"),
        (f"{EVALUATE} --out o.npz --length 0", "--length 0: at least 1"),
        (f"{EVALUATE} --out o.npz --scale 0", "--scale 0: a number, and not 0"),
        (f"{EVALUATE} --out o.npz --scale nan", "--scale nan: a number, and not 0"),
        (f"{EVALUATE} --out o.npz --mean nan", "nan: a mean is finite"),
        (f"{EVALUATE} --out o.npz --mean 1,2,3", "3 channels does not repeat over 4"),
        (f"{EVALUATE} --out o.npz --resize 31x40", "40 x 31 are smaller than the crop"),
        (
            f"{EVALUATE} --out o.npz --list train/rgb.txt",
            "train/rgb.txt:1: 9 flow fields, but train/v_Class_g00_c01/flow_x_0009.jpg",
        ),
        (
            f"{EVALUATE} --out o.npz --net empty.prototxt",
            "empty.prototxt: no layers; is it a net?",
        ),
        ("demo --out file", "file: it is a file; choose another --out"),
        ("demo --out file/x", "file/x: cannot write here (Not a directory)"),
        ("fuse s.npz floats.npz", "floats.npz: labels are not whole numbers"),
        ("fuse s.npz t.npz --out fused.txt", "--out fused.txt: the name must end in"),
        ("fuse s.npz t.npz --out folder.npz", "folder.npz: cannot write (Is a dir"),
        ("fuse s.npz t.npz --json file/x", "file/x: cannot write (File exists)"),
        (
            "check train/flow.txt --quiet --json folder.npz",
            "folder.npz: cannot write (Is a",
        ),
        ("check train/flow.txt --length 0", "--length 0: at least 1"),
        (f"{INIT} file/x.caffemodel", "file/x.caffemodel: cannot write (File exists)"),
        (
            f"{INIT} x.caffemodel --net none.prototxt",
            "error: none.prototxt: cannot read it",
        ),
        ("nets small --data train --out x", "test_rgb.txt: cannot read the list"),
        ("train --solver solver.prototxt --out file/x", "file/x: cannot write (File e"),
        ('train --solver solver.prototxt --caffe-args "', '--caffe-args ": No closing'),
        (
            "train --solver solver.prototxt --snapshot none",
            "none: cannot read the snap",
        ),
        (
            "train --solver solver.prototxt --snapshot w.caffemodel",
            "w.caffemodel: not a solver state; weights go to --weights",
        ),
    ],
)
def test_one_line_and_no_file(place, capsys, words, said):
    before = sorted(place.rglob("*"))
    assert cli.main(words.split()) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("two-stream: error: ") and said in line
    assert sorted(place.rglob("*")) == before
