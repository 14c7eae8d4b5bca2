"""The preflight: every kind of fault is found, named and placed."""

import json
import re

import cv2
import numpy as np
import pytest
from small_data import write_footage, write_small_net
from test_train import NET
from two_stream import cli
from two_stream.check.on_disk import Needs
from two_stream.check.run import CheckSettings, check


def found(**settings):
    """Returns (severity, line, cause) of the findings, and checks their form."""
    report = check(CheckSettings(progress=False, **settings))
    for finding in report.findings:
        assert re.fullmatch(r"[^:]+(:\d+)?: .+; .+", str(finding)), str(finding)
    return [(f.severity, f.line, f.cause) for f in report.findings]


def one(**settings):
    """Returns the only finding."""
    findings = found(**settings)
    assert len(findings) == 1, findings
    return findings[0]


@pytest.fixture
def data(tmp_path):
    return write_footage(tmp_path / "data", 5, [12, 9, 15])


@pytest.mark.parametrize("fast", [False, True])
def test_nothing_wrong(data, fast):
    needs = Needs(length=5, crop=(32, 32))
    pairs = (("rgb", data.rgb_list), ("flow", data.flow_list))
    for modality, path in pairs:
        other = str(data.flow_list if modality == "rgb" else data.rgb_list)
        settings = CheckSettings(
            str(path), modality, needs, classes=3, train=False, other_list=other
        )
        report = check(settings)
        assert not report.findings and report.videos == 3
        assert report.images == (12 + 9 + 15 if modality == "rgb" else 2 * (36 - 3))


def test_lines(data):
    text = data.rgb_list.read_text()
    data.rgb_list.write_text(f"\n{text}x y\n{data.names[0]} 12 1\nv 3 -2\n \n")
    assert found(list=str(data.rgb_list)) == [
        ("error", 5, "'x y' has fewer than three fields"),
        ("error", 7, "label -2 is negative"),
        ("warning", 1, "the line is empty (2 such lines)"),
        ("error", 6, f"{data.names[0]} is in line 2 too"),
    ]
    data.rgb_list.write_text("\n")
    assert one(list=str(data.rgb_list)) == ("error", None, "the list is empty")


def test_labels(data):
    rows = [f"{name} 5 {y}" for name, y in zip(data.names, (0, 7, 1), strict=True)]
    data.rgb_list.write_text("\n".join(rows))
    findings = found(list=str(data.rgb_list), classes=4, fast=True)
    causes = [f for f in findings if "more" not in f[2]]
    assert causes == [
        ("error", 2, "label 7, but the net has 4 classes (0 to 3)"),
        ("warning", None, "2 of the net's 4 classes have no video (2, 3)"),
    ]


@pytest.mark.parametrize("fast", [False, True])
def test_missing_and_surplus_frames(data, fast):
    folder = data.root / data.names[1]
    (folder / "image_0009.jpg").unlink()
    severity, line, cause = one(list=str(data.rgb_list), fast=fast)
    assert (severity, line) == ("error", 2)
    assert cause.startswith("9 frames in the list, but") and cause.endswith(
        "image_0009.jpg is not there (whole up to 8)"
    )
    data.rgb_list.write_text(data.rgb_list.read_text().replace(" 9 ", " 7 "))
    severity, line, cause = one(list=str(data.rgb_list), fast=fast)
    assert (severity, line) == ("warning", 2)
    assert cause == f"7 frames in the list, but {folder} has more"
    for path in folder.glob("flow_x_*"):
        path.unlink()
    (folder / "flow_y_0003.jpg").unlink()
    assert "flow_x_0001.jpg is not there (whole up to 0)" in str(
        found(list=str(data.flow_list), modality="flow", fast=fast)
    )


@pytest.mark.parametrize("fast", [False, True])
def test_missing_folders(data, fast):
    folder = data.root / data.names[2]
    folder.rename(data.root / "elsewhere")
    assert one(list=str(data.rgb_list), fast=fast) == (
        "error",
        3,
        f"no rgb images in {folder}",
    )
    for name in data.names[:2]:
        (data.root / name).rename(data.root / f"{name}x")
    severity, line, cause = one(list=str(data.rgb_list), fast=fast)
    assert (severity, line) == ("error", 1) and "no rgb frame of v_Class" in cause


def test_a_gap_is_only_seen_by_opening_all(data):
    (data.root / data.names[0] / "image_0005.jpg").unlink()
    assert not found(list=str(data.rgb_list), fast=True)
    assert (
        "image_0005.jpg is not there (whole up to 4)" in one(list=str(data.rgb_list))[2]
    )


@pytest.mark.parametrize("kind", ["cut short", "not an image", "empty"])
def test_unreadable_images(data, kind):
    path = data.root / data.names[0] / "image_0003.jpg"
    whole = path.read_bytes()
    broken = {"cut short": whole[: len(whole) // 2], "not an image": b"hello"}
    path.write_bytes(broken.get(kind, b""))
    severity, line, cause = one(list=str(data.rgb_list))
    assert (severity, line, cause) == ("error", 1, f"{path} cannot be read")


def test_sizes_and_crops(data):
    path = data.root / data.names[0] / "image_0004.jpg"
    cv2.imwrite(str(path), np.zeros((40, 60, 3), np.uint8))
    severity, _, cause = one(list=str(data.rgb_list))
    assert severity == "error" and "52 x 40" in cause and "60 x 40" in cause
    path.write_bytes((path.parent / "image_0003.jpg").read_bytes())
    findings = found(list=str(data.rgb_list), needs=Needs(crop=(41, 41)))
    assert [f[1] for f in findings] == [1, 2, 3]
    assert "images of 52 x 40, smaller than the crop of 41 x 41" in findings[0][2]
    resized = Needs(crop=(41, 41), resize=(60, 50))
    assert not found(list=str(data.rgb_list), needs=resized)


@pytest.mark.parametrize(
    "short_clip, severity",
    [("loop", "warning"), ("pad", "warning"), ("skip", "warning"), ("fail", "error")],
)
def test_short_clips(data, short_clip, severity):
    needs = Needs(length=10, short_clip=short_clip)
    assert one(list=str(data.flow_list), modality="flow", needs=needs) == (
        severity,
        2,
        "8 flow fields, but a stack has 10",
    )


def test_streams_that_do_not_match(data):
    rgb = data.rgb_list.read_text().splitlines()
    other = data.root / "other.txt"
    label = int(rgb[2].split()[2])
    other.write_text(
        f"{data.names[1]} 7 {rgb[1].split()[2]}\n"
        f"{data.names[2]} 14 {(label + 1) % 3}\nnew 5 0\n"
    )
    findings = found(list=str(data.rgb_list), other_list=str(other))
    assert findings == [
        ("error", 1, f"{data.names[0]} is not in {other}"),
        ("error", 3, f"new is not in {data.rgb_list}"),
        ("warning", 1, f"{data.names[1]} has 7 flow fields for 9 frames"),
        (
            "error",
            2,
            f"{data.names[2]} has label {(label + 1) % 3}, in {data.rgb_list} {label}",
        ),
    ]


def test_streams_that_hardly_overlap_are_one_finding_a_side(data):
    other = data.root / "other.txt"
    other.write_text(f"new 5 0\nnewer 5 0\n{data.names[1]} 8 {data.labels[1]}\n")
    assert found(list=str(data.rgb_list), other_list=str(other)) == [
        ("error", 1, f"{data.names[0]} is not in {other} (2 such videos)"),
        ("error", 1, f"new is not in {data.rgb_list} (2 such videos)"),
    ]
    other.write_text("")
    assert found(list=str(data.rgb_list), other_list=str(other)) == [
        ("error", None, "the list is empty"),
    ]


def test_train_and_test_that_share(data):
    tests = data.root / "test.txt"
    tests.write_text(
        f"{data.names[1]} 9 0\nv_Class_g02_c07 5 0\nv_Class_g02_c08 5 0\n"
        "v_X_g01_c01 5 0\n"
    )
    findings = found(list=str(data.rgb_list), test_list=str(tests))
    assert [finding[:2] for finding in findings] == [("error", 1), ("warning", 2)]
    assert f"but it is for training too ({data.rgb_list}:2)" in findings[0][2]
    assert "its group v_Class_g02 is" in findings[1][2]
    # The same names in another place are other videos.
    other = write_footage(data.root / "more", 6, [5, 5])
    for name in other.names:
        (other.root / name).rename(other.root / name.replace("v_Class_g", "clip"))
    text = data.rgb_list.read_text().replace("v_Class_g", "clip")
    data.rgb_list.write_text(text)
    for name in data.names:
        (data.root / name).rename(data.root / name.replace("v_Class_g", "clip"))
    other.rgb_list.write_text(other.rgb_list.read_text().replace("v_Class_g", "clip"))
    assert not found(list=str(data.rgb_list), test_list=str(other.rgb_list))
    regex = r"clip(\d+)_.*"
    shared = found(list=str(data.rgb_list), test_list=str(other.rgb_list), group=regex)
    assert [finding[:2] for finding in shared] == [("warning", 1), ("warning", 2)]


def test_command_with_a_train_val_net(tmp_path, capsys):
    train = write_footage(tmp_path / "train", 1, [9, 4, 7])
    (tmp_path / "net.prototxt").write_text(NET.format(root=tmp_path))
    arguments = ["check", str(train.flow_list), "--net", str(tmp_path / "net.prototxt")]
    train.flow_list.write_text(train.flow_list.read_text() + f"{train.names[0]}/ 8 3\n")
    report = tmp_path / "report.json"
    assert cli.main([*arguments, "--quiet", "--json", str(report)]) == 1
    said = capsys.readouterr().out
    assert f"error: {train.flow_list}:4: label 3, but the net has 3 classes" in said
    assert f"warning: {train.flow_list}:2: 3 flow fields, but a stack has 5" in said
    value = json.loads(report.read_text())
    assert not value["ok"] and value["videos"] == 4 and value["images"] == 2 * 25
    errors = [f for f in value["findings"] if f["severity"] == "error"]
    assert errors == [
        {
            "severity": "error",
            "file": str(train.flow_list),
            "line": 4,
            "cause": "label 3, but the net has 3 classes (0 to 2)",
            "fix": "labels start at 0; mend the list, or num_output of the last layer",
        }
    ]


def test_a_net_that_reads_both_lists_tells_what_they_share(tmp_path, capsys):
    """Without --test and --other: by the net, and by the names of the lists."""
    train = write_footage(tmp_path / "train", 1, [9, 8, 7])
    test = write_footage(tmp_path / "test", 2, [9, 8])
    for name in test.names:  # g00 and g01, as in training; other clips
        (test.root / name).rename(test.root / name.replace("_c01", "_c02"))
    for path in (test.rgb_list, test.flow_list):
        path.write_text(path.read_text().replace("_c01", "_c02"))
    (tmp_path / "net.prototxt").write_text(NET.format(root=tmp_path))
    for path in (train.flow_list, test.flow_list):
        words = ["check", str(path), "--net", str(tmp_path / "net.prototxt"), "--quiet"]
        assert cli.main(words) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if "its" in line]
        assert len(lines) == 2, lines
        for number, line in enumerate(lines, start=1):
            assert line.startswith(f"warning: {test.flow_list}:{number}: v_Class_g0")
            assert f"is for training too ({train.flow_list}:{number})" in line
    copy = train.root / "copy_flow.txt"  # not what the net reads: nothing to compare
    copy.write_text(train.flow_list.read_text())
    words[1] = str(copy)
    assert cli.main(words) == 0 and "for training" not in capsys.readouterr().out
    train.rgb_list.write_text(train.rgb_list.read_text().replace(" 9 ", " 5 ", 1))
    words[1] = str(train.flow_list)
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert f"{train.flow_list}:1: {train.names[0]} has 8 flow fields for 5 fr" in said
    # What is typed wins.
    assert cli.main([*words, "--other", str(test.rgb_list)]) == 1


def test_command_with_a_deploy_net_and_without(data, tmp_path, capsys):
    net = write_small_net(tmp_path / "deploy.prototxt", channels=20)
    arguments = ["check", str(data.flow_list), "--quiet"]
    assert cli.main([*arguments, "--net", str(net), "--json", "-"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert [f["line"] for f in value["findings"]] == [2]  # 8 fields for 10
    assert cli.main(arguments) == 0
    assert "66 images opened: 0 errors, 0 warnings" in capsys.readouterr().out
    assert cli.main([*arguments, "--group", "("]) == 1
    assert "--group (" in capsys.readouterr().err
