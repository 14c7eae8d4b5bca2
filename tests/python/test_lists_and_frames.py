"""Lists, patterns, stores, means, classes and provenance."""

import json
import os
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_data import photographs
from two_stream.data import classes, lists, means, patterns, provenance
from two_stream.data.frames import Locator, locate, read_positions
from two_stream.data.stores import FolderStore, LmdbStore
from two_stream.errors import UserError
from two_stream.locate import load_proto

WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1
)


@given(
    st.lists(
        st.tuples(
            st.lists(WORDS, min_size=1, max_size=3).map(" ".join),
            st.integers(1, 10**6),
            st.integers(0, 500),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_list_reads_back(rows):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.txt"
        path.write_text("\n\n".join(f"{p} {f}\t{y}" for p, f, y in rows) + "\r\n")
        found = lists.read_list(path)
    assert [(v.path, v.frames, v.label) for v in found] == rows
    assert [v.line for v in found] == [1 + 2 * i for i in range(len(rows))]


@pytest.mark.parametrize(
    "text, message",
    [
        ("a 5 0\nb 5\n", "2: 'b 5' has fewer than three fields"),
        ("a five 0\n", "1: 'five' is not a whole number"),
        ("a 5 0\n\nb 5 1.5\n", "3: '1.5' is not a whole number"),
        ("a 0 1\n", "1: 0 frames"),
        ("a 3 -1\n", "1: label -1 is negative"),
        ("\n \n", "the list is empty"),
    ],
)
def test_bad_lists_name_file_and_line(tmp_path, text, message):
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        lists.read_list(path)
    assert str(error.value).startswith(str(path)) and message in str(error.value)


def test_a_list_that_is_not_there():
    with pytest.raises(UserError, match="cannot read the list .No such file"):
        lists.read_list("/nowhere/list.txt")


def videos(*paths):
    return [lists.Video(path, 9, 0, i) for i, path in enumerate(paths, start=1)]


def test_video_ids_are_as_short_as_makes_them_differ():
    assert lists.video_ids(videos("/a/b/v1", "/c/b/v2"), "l") == ["v1", "v2"]
    rgb = lists.video_ids(videos("/rgb/x/v1", "/rgb/y/v1"), "l")
    flow = lists.video_ids(videos("flow/x/v1", "flow/y/v1"), "l")
    assert rgb == flow == ["x/v1", "y/v1"]
    with pytest.raises(UserError, match="l:3: a/v1 is in line 1 too"):
        lists.video_ids(videos("a/v1", "a/v2", "a/v1"), "l")


def test_patterns():
    assert patterns.file_names("flow_%c_%05d.jpg", "flow", 12) == [
        "flow_x_00012.jpg",
        "flow_y_00012.jpg",
    ]
    assert patterns.file_names("%d%%.png", "rgb", 7) == ["7%.png"]
    assert patterns.file_names("a%04d", "rgb", 123456) == ["a123456"]
    for modality in patterns.MODALITIES:
        for pattern in patterns.usual_patterns(modality):
            patterns.check_pattern(pattern, modality)
    for pattern in ("image.jpg", "%d_%d", "%s%04d", "flow_%c_%04d", "%4d", "%00d"):
        with pytest.raises(UserError, match="name pattern"):
            patterns.check_pattern(pattern, "rgb")
    for pattern in ("image_%04d.jpg", "%c_%c_%d", "%c%04x"):
        with pytest.raises(UserError, match="name pattern"):
            patterns.check_pattern(pattern, "flow")


@pytest.mark.parametrize(
    "modality, pattern",
    [("rgb", "img_%05d.jpg"), ("flow", "flow_%c_%05d.jpg"), ("flow", "%c_%04d.png")],
)
def test_the_pattern_is_found_out(tmp_path, modality, pattern):
    (tmp_path / "v").mkdir()
    for name in patterns.file_names(pattern, modality, 1):
        cv2.imwrite(str(tmp_path / "v" / name), photographs()[0][:20, :20])
    found = locate(FolderStore(), videos("gone", "v"), tmp_path / "l.txt", modality)
    assert found == Locator(str(tmp_path), pattern, modality)


def test_frames_are_looked_for_under_root_beside_and_here(tmp_path, monkeypatch):
    picture = photographs()[0][:16, :16]
    for place in ("root", "beside", "here"):
        (tmp_path / place / "v").mkdir(parents=True)
        cv2.imwrite(str(tmp_path / place / "v" / "image_0001.jpg"), picture)
    monkeypatch.chdir(tmp_path / "here")
    store, root = FolderStore(), str(tmp_path / "root")
    beside = tmp_path / "beside" / "list.txt"
    assert locate(store, videos("v"), beside, "rgb", root).base == root
    assert locate(store, videos("v"), beside, "rgb").base == str(beside.parent)
    assert locate(store, videos("v"), tmp_path / "list.txt", "rgb").base == ""
    with pytest.raises(UserError, match=r":1: no flow frame of v under .*/beside or"):
        locate(store, videos("v"), beside, "flow")


def test_reading_equals_an_independent_decoder(footage):
    from PIL import Image

    for modality, list_path in (
        ("rgb", footage.rgb_list),
        ("flow", footage.flow_list),
    ):
        entries = lists.read_list(list_path)
        locator = locate(FolderStore(), entries, list_path, modality)
        planes = read_positions(FolderStore(), locator, entries[1], [3, 0, 3])
        assert sorted(planes) == [0, 3]
        names = patterns.file_names(locator.pattern, modality, 4)
        images = [
            np.array(Image.open(footage.root / entries[1].path / n)) for n in names
        ]
        expected = (
            images[0][..., ::-1].transpose(2, 0, 1)
            if modality == "rgb"
            else np.stack(images)
        )
        # Decoders may round differently.
        assert np.abs(planes[3].astype(int) - expected).max() <= 2


def test_lmdb_and_folders_hold_the_same(footage):
    path = str(footage.root / "frames.lmdb")
    with lmdb.open(path, map_size=1 << 26) as environment:
        with environment.begin(write=True) as transaction:
            for name in footage.names:
                for file in os.listdir(footage.root / name):
                    data = (footage.root / name / file).read_bytes()
                    transaction.put(f"{name}/{file}".encode(), data)
    entries = lists.read_list(footage.flow_list)
    both = []
    for store in (FolderStore(), LmdbStore(path)):
        locator = locate(store, entries, footage.flow_list, "flow")
        both.append(read_positions(store, locator, entries[0], range(8), (40, 30)))
    for position in range(8):
        assert both[0][position].shape == (2, 30, 40)
        np.testing.assert_array_equal(both[0][position], both[1][position])
    with pytest.raises(UserError, match="no such database"):
        LmdbStore("/nowhere.lmdb")


def test_bad_images_are_named(footage):
    entries = lists.read_list(footage.rgb_list)
    store = FolderStore()
    locator = locate(store, entries, footage.rgb_list, "rgb")
    folder = footage.root / entries[0].path
    picture = cv2.imread(str(folder / "image_0002.jpg"))
    (folder / "image_0002.jpg").unlink()
    with pytest.raises(UserError, match="image_0002.jpg: No such file"):
        read_positions(store, locator, entries[0], [0, 1])
    (folder / "image_0002.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="image_0002.jpg: not an image"):
        read_positions(store, locator, entries[0], [0, 1])
    cv2.imwrite(str(folder / "image_0002.jpg"), picture[:, 1:])
    with pytest.raises(UserError, match="image_0002.jpg: 51 x 40, but .* 52 x 40"):
        read_positions(store, locator, entries[0], [0, 1])


def test_means_of_all_kinds(tmp_path):
    from scipy.io import savemat

    random = np.random.default_rng(0)
    image = random.uniform(0, 255, (3, 5, 7)).astype(np.float32)
    np.testing.assert_array_equal(means.parse_mean("104,117,123"), [104, 117, 123])
    np.testing.assert_array_equal(means.parse_mean("none"), [0])
    savemat(tmp_path / "m.mat", {"image_mean": image.transpose(1, 2, 0)})
    np.testing.assert_array_equal(means.parse_mean(str(tmp_path / "m.mat")), image)
    savemat(tmp_path / "grey.mat", {"image_mean": image[0], "other": image})
    grey = means.parse_mean(str(tmp_path / "grey.mat"))
    np.testing.assert_array_equal(grey, image[:1])
    proto = load_proto()
    blob = proto.BlobProto(num=1, channels=3, height=5, width=7)
    blob.data.extend(image.ravel().tolist())
    (tmp_path / "m.binaryproto").write_bytes(blob.SerializeToString())
    found = means.parse_mean(str(tmp_path / "m.binaryproto"))
    np.testing.assert_array_equal(found, image)
    (tmp_path / "x.binaryproto").write_text("nonsense")
    with pytest.raises(UserError, match="not a mean of Caffe's"):
        means.parse_mean(str(tmp_path / "x.binaryproto"))
    with pytest.raises(UserError, match="no such mean file"):
        means.parse_mean("104,x")
    savemat(tmp_path / "two.mat", {"a": image, "b": image})
    with pytest.raises(UserError, match="2 images; the mean must be called"):
        means.parse_mean(str(tmp_path / "two.mat"))


def test_class_names(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("1 ApplyEyeMakeup\n2 Archery\n")
    assert classes.read_classes(path) == ["ApplyEyeMakeup", "Archery"]
    path.write_text("brush hair\ncartwheel\n\n")
    assert classes.read_classes(path) == ["brush hair", "cartwheel"]
    path.write_text("a\nb\na\n")
    with pytest.raises(UserError, match="class 'a' is there twice"):
        classes.read_classes(path)


def test_model_provenance_is_found_beside_its_snapshots(tmp_path):
    data = {"algorithm": "tvl1", "parameters": {"tau": 0.25}, "bound": 20.0}
    provenance.write_model_provenance(tmp_path / "net", {"data": data})
    for name in ("net_iter_1000.caffemodel", "net.caffemodel.h5", "net.solverstate"):
        assert provenance.read_model_provenance(tmp_path / name) == {"data": data}
    assert provenance.read_model_provenance(tmp_path / "other.caffemodel") is None
    now = json.loads(json.dumps(data)) | {"bound": 15.0, "library": "x"}
    assert provenance.differences(data, now, "flow") == [
        "bound: 20.0 in training, 15.0 now"
    ]
    assert provenance.differences(data, now, "rgb") == []
    other = {"algorithm": "dis", "parameters": {"preset": "fast"}, "bound": 20.0}
    assert provenance.differences(data, other, "flow") == [
        "algorithm: tvl1 in training, dis now"
    ]
    mixed = {"mixed": "a and b were made differently"}
    for modality, trained in (("rgb", None), ("flow", data)):
        assert provenance.differences(trained, mixed, modality) == [
            "data made in several ways now: a and b were made differently"
        ]
    assert provenance.differences(mixed, None, "flow") == [
        "data made in several ways in training: a and b were made differently"
    ]
    tau = data | {"parameters": {"tau": 0.1}}
    assert provenance.differences(data, tau, "flow") == [
        "parameters.tau: 0.25 in training, 0.1 now"
    ]
    assert provenance.differences(None, now, "flow") == []
