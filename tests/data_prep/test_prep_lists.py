"""Splits and list files."""

import re

import pytest
from two_stream_prep import Manifest, UserError
from two_stream_prep.lists import (
    FolderRule,
    Item,
    Split,
    read_hmdb51_split,
    read_ucf101_split,
    resolve,
    split_by_rule,
    write_lists,
)


def manifest_of(counts: dict[str, tuple[int, int]]) -> Manifest:
    return Manifest(
        {
            name: {"frames": frames, "pairs": pairs, "recipe": {}}
            for name, (frames, pairs) in counts.items()
        }
    )


def names_and_labels(items):
    return [(item.name, item.label) for item in items]


@pytest.fixture
def ucf(tmp_path):
    """The official format, to the byte (classInd.txt has CRLF there)."""
    (tmp_path / "classInd.txt").write_bytes(
        b"1 ApplyEyeMakeup\r\n2 ApplyLipstick\r\n3 Archery\r\n"
    )
    (tmp_path / "trainlist01.txt").write_bytes(
        b"ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1\r\n"
        b"ApplyLipstick/v_ApplyLipstick_g08_c02.avi 2\n"
        b"\n"
        b"Archery/v_Archery_g25_c06.avi 3\n"
    )
    (tmp_path / "testlist01.txt").write_bytes(
        b"ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi\r\n"
        b"   \n"
        b"Archery/v_Archery_g01_c01.avi"
    )
    return tmp_path


def test_ucf101(ucf):
    split = read_ucf101_split(ucf, 1)
    assert split.classes == ["ApplyEyeMakeup", "ApplyLipstick", "Archery"]
    assert names_and_labels(split.train) == [
        ("ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01", 0),
        ("ApplyLipstick/v_ApplyLipstick_g08_c02", 1),
        ("Archery/v_Archery_g25_c06", 2),
    ]
    assert names_and_labels(split.test) == [
        ("ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01", 0),
        ("Archery/v_Archery_g01_c01", 2),
    ]
    assert split.train[2].where == f"{ucf}/trainlist01.txt:4"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("classInd.txt", "1 A\nB\n", "classInd.txt:2: expected `number name`, not 'B'"),
        ("classInd.txt", "1 A\n1 B\n", "classInd.txt:2: class '1 B' is there twice"),
        ("classInd.txt", "1 A\n2 A\n", "classInd.txt:2: class '2 A' is there twice"),
        ("classInd.txt", "1 A\n3 B\n", "class 2 of 1 to 2 is missing"),
        ("classInd.txt", "0 A\n1 B\n", "class 2 of 1 to 2 is missing"),
        ("classInd.txt", "\n", "no class in it"),
        ("trainlist01.txt", "Archery/a.avi\n", ":1: expected `path number`"),
        ("trainlist01.txt", "\nArchery/a.avi x\n", ":2: expected `path number`"),
        ("trainlist01.txt", "Archery/a.avi -3\n", ":1: expected `path number`"),
        ("trainlist01.txt", "Archery/a.avi 2\n", ":1: number 2, but Archery is 3"),
        ("trainlist01.txt", "Archer/a.avi 2\n", ":1: class 'Archer' does not stand in"),
        ("testlist01.txt", "a.avi\n", ":1: expected `Class/video.avi`, not 'a.avi'"),
        ("testlist01.txt", "Archery/\n", ":1: expected `Class/video.avi`"),
        ("testlist01.txt", "Archery/\udcff.avi\n", "testlist01.txt:1: not UTF-8"),
        ("testlist01.txt", None, "testlist01.txt: there is no such file"),
        (
            "testlist01.txt",
            "Archery/b.avi\nArchery/v_Archery_g25_c06.avi\n",
            r"testlist01.txt:2: Archery/v_Archery_g25_c06 stands already at "
            r".*trainlist01.txt:4",
        ),
    ],
)
def test_ucf101_says_file_and_line(ucf, file, content, message):
    if content is None:
        (ucf / file).unlink()
    else:
        (ucf / file).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=message) as error:
        read_ucf101_split(ucf, 1)
    assert "\n" not in str(error.value)


@pytest.fixture
def hmdb(tmp_path):
    """The official format: a space at the end of each line, odd names."""
    (tmp_path / "brush_hair_test_split1.txt").write_bytes(
        b"April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1 \n"
        b"April_09_brush_hair_u_nm_np1_ba_goo_1.avi 2 \r\n"
        b"Aussie_Brunette_Brushing_Hair_II_brush_hair_u_nm_np2_le_goo_3.avi 0 \n"
    )
    (tmp_path / "cartwheel_test_split1.txt").write_bytes(
        b"(Rad)Schlag_die_Bank!_cartwheel_f_cm_np1_le_med_0.avi 2 \n\n"
        b"#20_Rhythm_clap_u_nm_np1_fr_goo_0.avi 1 \n"
    )
    (tmp_path / "cartwheel_test_split2.txt").write_bytes(b"other.avi 1 \n")
    (tmp_path / "README").write_text("not a split")
    return tmp_path


def test_hmdb51(hmdb):
    split = read_hmdb51_split(hmdb, 1)
    assert split.classes == ["brush_hair", "cartwheel"]
    assert names_and_labels(split.train) == [
        ("brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0", 0),
        ("cartwheel/#20_Rhythm_clap_u_nm_np1_fr_goo_0", 1),
    ]
    assert names_and_labels(split.test) == [
        ("brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_1", 0),
        ("cartwheel/(Rad)Schlag_die_Bank!_cartwheel_f_cm_np1_le_med_0", 1),
    ]
    assert split.test[1].where == f"{hmdb}/cartwheel_test_split1.txt:1"


@pytest.mark.parametrize("line", ["a.avi 3", "a.avi", "a.avi one"])
def test_hmdb51_says_file_and_line(hmdb, line):
    with open(hmdb / "cartwheel_test_split1.txt", "a") as file:
        file.write(line)
    message = f"cartwheel_test_split1.txt:4: expected `video.avi 0|1|2`, not '{line}'"
    with pytest.raises(UserError, match=re.escape(message)):
        read_hmdb51_split(hmdb, 1)


def test_hmdb51_without_files(hmdb):
    with pytest.raises(UserError, match="no file called <class>_test_split3.txt"):
        read_hmdb51_split(hmdb, 3)
    with pytest.raises(UserError, match="No such file"):
        read_hmdb51_split(hmdb / "none", 1)


def test_lists_have_frames_or_pairs(tmp_path):
    manifest = manifest_of({"a/one two": (10, 9), "a/x": (7, 6), "b/y": (3, 2)})
    split = Split(["a", "b"], [Item("a/one two", 0), Item("b/y", 1)], [Item("a/x", 0)])
    paths = write_lists(split, manifest, tmp_path / "new", "_split2")
    texts = {path.name: path.read_text() for path in paths}
    assert texts == {
        "classes.txt": "a\nb\n",
        "train_rgb_split2.txt": "a/one two 10 0\nb/y 3 1\n",
        "train_flow_split2.txt": "a/one two 9 0\nb/y 2 1\n",
        "test_rgb_split2.txt": "a/x 7 0\n",
        "test_flow_split2.txt": "a/x 6 0\n",
    }
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(texts)


def test_lists_without_flow_or_tests(tmp_path):
    split = Split(["a"], [Item("a/x", 0)], [])
    paths = write_lists(split, manifest_of({"a/x": (7, 0)}), tmp_path)
    assert [path.name for path in paths] == ["classes.txt", "train_rgb.txt"]


def test_lists_of_nothing_or_of_some_flow(tmp_path):
    with pytest.raises(UserError, match="no video is left"):
        write_lists(Split(["a"], [], []), Manifest(), tmp_path)
    split = Split(["a"], [Item("a/x", 0), Item("a/y", 0)], [])
    manifest = manifest_of({"a/x": (7, 6), "a/y": (7, 0)})
    with pytest.raises(UserError, match="a/y has no flow, others have"):
        write_lists(split, manifest, tmp_path)
    assert not list(tmp_path.iterdir())


def test_resolve_by_name_or_its_last_part():
    manifest = manifest_of(
        {"A/v1": (2, 1), "UCF-101/B/v2": (2, 1), "v3": (2, 1), "x/v4": (2, 1)}
    )
    train = [Item("A/v1", 0), Item("B/v2", 1), Item("C/v3", 2), Item("x/v4", 3)]
    split = resolve(Split(list("ABCx"), train, []), manifest)
    expected = [("A/v1", 0), ("UCF-101/B/v2", 1), ("v3", 2), ("x/v4", 3)]
    assert names_and_labels(split.train) == expected


def test_resolve_takes_nothing_from_another_class():
    manifest = manifest_of({"data/wave/v": (2, 1)})
    split = Split(["clap", "wave"], [Item("clap/v", 0, "list:1")], [])
    with pytest.raises(UserError, match="list:1: clap/v was not extracted"):
        resolve(split, manifest)


def test_resolve_says_what_is_missing():
    manifest = manifest_of({"p/v": (2, 1), "q/v": (2, 1), "a/here": (2, 1)})
    manifest.failures["a/gone"] = "the file is empty"
    test = [Item("a/gone", 0, "list:7"), Item("a/v", 0, "list:8"), Item("a/here", 0)]
    split = Split(["a"], [], test)
    message = (
        r"list:7: a/gone was not extracted \(it failed: the file is empty\), nor were "
        "1 more; .*--skip-missing"
    )
    with pytest.raises(UserError, match=message):
        resolve(split, manifest)
    assert names_and_labels(resolve(split, manifest, True).test) == [("a/here", 0)]


def test_two_names_may_not_resolve_to_one_video():
    manifest = manifest_of({"v": (2, 1)})
    split = Split(["a", "b"], [Item("a/v", 0, "t:1")], [Item("b/v", 1, "t:2")])
    with pytest.raises(UserError, match="t:2: v stands already at t:1"):
        resolve(split, manifest)


NAMES = [
    f"{c}/v_{c}_g{g:02d}_c{n:02d}"
    for c in ("walk", "run", "jump")
    for g in range(1, 9)
    for n in range(1, 4)
]


def test_a_share_of_each_class():
    split = split_by_rule(reversed(NAMES), FolderRule(test_share=0.25, seed=3))
    assert split.classes == ["jump", "run", "walk"]
    for label, name in enumerate(split.classes):
        test = [item.name for item in split.test if item.label == label]
        assert len(test) == 6 and all(video.startswith(name + "/") for video in test)
    assert sorted(i.name for i in split.train + split.test) == sorted(NAMES)
    assert split == split_by_rule(NAMES, FolderRule(test_share=0.25, seed=3))
    assert split != split_by_rule(NAMES, FolderRule(test_share=0.25, seed=4))


def test_groups_stay_together():
    rule = FolderRule(test_share=0.25, group_pattern=r"_(g\d+)_")
    split = split_by_rule(NAMES, rule)

    def groups(items):
        return {(item.label, item.name.split("_")[2]) for item in items}

    assert len(split.test) == 18
    assert not groups(split.train) & groups(split.test)
    with pytest.raises(UserError, match="walk/.*the group pattern 'x' is not found"):
        split_by_rule(NAMES[:3], FolderRule(group_pattern="x"))


@pytest.mark.parametrize(("share", "tests"), [(0.0, 0), (1.0, len(NAMES))])
def test_all_or_none(share, tests):
    assert len(split_by_rule(NAMES, FolderRule(test_share=share)).test) == tests


def test_by_pattern_and_by_top_folders():
    split = split_by_rule(NAMES, FolderRule(test_pattern="_g0[12]_"))
    assert len(split.test) == 18
    assert all("_g01_" in i.name or "_g02_" in i.name for i in split.test)

    names = ["train/a/1", "train/b/1", "test/a/1", "test/b/deep/2"]
    split = split_by_rule(names, FolderRule(top_folders=True))
    assert split.classes == ["a", "b"]
    assert names_and_labels(split.train) == [("train/a/1", 0), ("train/b/1", 1)]
    assert names_and_labels(split.test) == [("test/a/1", 0), ("test/b/deep/2", 1)]


@pytest.mark.parametrize(
    ("names", "rule", "message"),
    [
        (["v"], {}, "v: it lies in no class's folder"),
        (["a/v"], {"top_folders": True}, "a/v: it lies neither in train/ nor in test/"),
        (["train/v"], {"top_folders": True}, "train/v: it lies in no class's folder"),
        ([], {"group_pattern": "("}, r"'\(' is no regular expression: missing \)"),
        ([], {"test_share": 2}, "a share lies in"),
    ],
)
def test_folder_rules_say_what_is_wrong(names, rule, message):
    with pytest.raises(UserError, match=message):
        split_by_rule(names, FolderRule(**rule))
