"""Layouts: what is found, and what is said of what is not there."""

import re
import shutil

import miniature
import pytest
from two_stream.cli import build_parser
from two_stream.errors import UserError
from two_stream.reproduce.dataset import read_dataset


def settings(*words):
    args = build_parser().parse_args(["reproduce", *map(str, words)])
    return args.module.settings(args)


@pytest.fixture
def root(tmp_path):
    """The miniature's files, empty: nothing here looks inside."""
    miniature.write_split_files(tmp_path)
    for name in miniature.CLASSES:
        for group in miniature.GROUPS:
            for clip in (1, 2):
                file = f"v_{name}_{group}_c{clip:02d}.avi"
                path = tmp_path / "UCF-101" / name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
    return tmp_path


def test_ucf101_splits_are_the_files(root):
    found = read_dataset(settings("ucf101", "--root", root))
    assert found.classes == list(miniature.CLASSES)
    assert len(found.videos) == 18 and sorted(found.splits) == [1, 2, 3]
    for number, group in enumerate(miniature.GROUPS, start=1):
        split = found.splits[number]
        assert len(split.train) == 12 and len(split.test) == 6
        assert all(f"_{group}_" in item.name for item in split.test)
        for item in split.train + split.test:
            assert item.name.startswith(f"{found.classes[item.label]}/v_")


def test_only_the_videos_of_the_splits_are_taken(root):
    (root / "UCF-101" / "Other").mkdir()
    (root / "UCF-101" / "Other" / "v_Other_g01_c01.avi").touch()
    found = read_dataset(settings("ucf101", "--root", root, "--splits", 2))
    assert len(found.videos) == 18 and list(found.splits) == [2]


def missing_videos(root):
    shutil.rmtree(root / "UCF-101")


def missing_split_files(root):
    shutil.rmtree(root / "ucfTrainTestlist")


def missing_list(root):
    (root / "ucfTrainTestlist" / "testlist02.txt").unlink()


def missing_video(root):
    (root / "UCF-101/DriverTiltUp/v_DriverTiltUp_g08_c02.avi").unlink()


@pytest.mark.parametrize(
    "damage, said",
    [
        (missing_videos, "UCF-101: there is no such folder; put the videos"),
        (missing_split_files, "ucfTrainTestlist: there is no such folder; put the"),
        (missing_list, "testlist02.txt: there is no such file"),
        (missing_video, "trainlist01.txt:10: there is no video DriverTiltUp/v_Driver"),
    ],
)
def test_what_is_missing_is_named(root, damage, said):
    damage(root)
    with pytest.raises(UserError, match=re.escape(said)) as error:
        read_dataset(settings("ucf101", "--root", root))
    assert "\n" not in str(error.value)


def test_missing_videos_can_be_left_out(root, capsys):
    missing_video(root)
    found = read_dataset(settings("ucf101", "--root", root, "--skip-missing"))
    assert len(found.videos) == 17
    assert len(found.splits[1].train) == 11 and len(found.splits[2].test) == 5
    assert "split 1: 1 videos left out" in capsys.readouterr().err


def test_hmdb51(tmp_path):
    splits = tmp_path / "testTrainMulti_7030_splits"
    splits.mkdir()
    for name in ("catch", "wave"):
        folder = tmp_path / "hmdb51_org" / name
        folder.mkdir(parents=True)
        uses = {"a b_#1": 1, "c": 2, "d": 0}
        for video in uses:
            (folder / f"{video}.avi").touch()
        text = "".join(f"{video}.avi {use} \n" for video, use in uses.items())
        (splits / f"{name}_test_split1.txt").write_text(text)
    found = read_dataset(settings("hmdb51", "--root", tmp_path, "--splits", "1"))
    split = found.splits[1]
    assert [(i.name, i.label) for i in split.train] == [
        ("catch/a b_#1", 0),
        ("wave/a b_#1", 1),
    ]
    assert [i.name for i in split.test] == ["catch/c", "wave/c"]
    assert "catch/d" not in {video.name for video in found.videos}


def own_videos(root, classes, recordings):
    for name in classes:
        (root / "videos" / name).mkdir(parents=True)
        for recording in range(recordings):
            for cut in "ab":
                (root / "videos" / name / f"r{recording}_{cut}.mp4").touch()


def test_own_videos_keep_groups_together_and_differ_by_split(tmp_path):
    own_videos(tmp_path, ("jump", "run"), 6)
    words = ["folder", "--root", tmp_path, "--group", "r([0-9]+)_"]
    assert settings(*words).splits == (1,)
    found = read_dataset(settings(*words, "--splits", "1,2,3,4"))
    tests = []
    for split in found.splits.values():
        groups = [
            {(i.label, i.name.split("/")[1].split("_")[0]) for i in items}
            for items in (split.train, split.test)
        ]
        assert not groups[0] & groups[1]
        assert len(split.test) == 8 and len(split.train) == 16
        tests.append(tuple(sorted(i.name for i in split.test)))
    assert len(set(tests)) > 1


def test_own_videos_of_one_class_or_with_none_to_test(tmp_path):
    own_videos(tmp_path, ("jump",), 2)
    with pytest.raises(UserError, match="videos: one class only"):
        read_dataset(settings("folder", "--root", tmp_path))
    own_videos(tmp_path, ("run",), 1)
    words = ["folder", "--root", tmp_path, "--group", "r([0-9]+)_"]
    with pytest.raises(UserError, match="videos/run: no video of it is left to t"):
        read_dataset(settings(*words))


@pytest.mark.parametrize(
    "words, said",
    [
        (["--splits", "1,4"], "--splits 1,4: numbers of 1 to 3"),
        (["--splits", "1,1"], "name each once"),
        (["--workers", "0"], "--workers 0: at least 1"),
        (["--gpu", "0", "--workers", "2"], "give one of them"),
        (["--size", "keep"], "nets need one size"),
        (["--weights", "nothing.caffemodel"], "there is no such file"),
        (["--group", "(a)"], "--group and --test-share are for folder"),
        (["--test-share", "0.5"], "--group and --test-share are for folder"),
    ],
)
def test_what_is_typed_wrong_is_said(tmp_path, words, said):
    with pytest.raises(UserError, match=re.escape(said)):
        settings("ucf101", "--root", tmp_path, *words)


def test_defaults_are_the_papers(tmp_path):
    s = settings("ucf101", "--root", tmp_path)
    assert (s.net, s.splits, s.samples, s.crops) == ("vgg16", (1, 2, 3), 25, 10)
    assert s.out == tmp_path / "reproduce-vgg16"
    assert (s.flow, s.size, s.bound, s.fusion) == ("tvl1", (340, 256), 20, (1, 2))
    both = settings("ucf101", "--root", tmp_path, "--set", "max_iter=3")
    assert both.solver == (("spatial", "max_iter=3"), ("temporal", "max_iter=3"))
    one = settings("ucf101", "--root", tmp_path, "--set", "temporal.base_lr=0.1")
    assert one.solver == (("temporal", "base_lr=0.1"),)
