"""The command line: parsing to typed commands, and the whole way."""

import argparse
import re
from pathlib import Path

import pytest
from synthetic_video import panned, write_video
from two_stream_prep import DIS, TVL1, ExtractSettings, UserError, commands
from two_stream_prep.cli import add_arguments, command_from, main, run
from two_stream_prep.flow import ALGORITHMS
from two_stream_prep.lists import FolderRule


def parse(*arguments: str):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


def command(*arguments: str):
    return command_from(parse(*arguments))


V, D = Path("v"), Path("d")


def test_extract_defaults_are_the_papers():
    expected = commands.ExtractCommand(V, D, ExtractSettings((340, 256), TVL1(), 20.0))
    assert command("extract", "v", "d") == expected


def test_extract_options():
    options = (
        "--size keep --flow dis --flow-set preset=fast --bound 15 --quality 80 "
        "--min-decoded 0.5 --processes 3 --force --quiet"
    )
    settings = ExtractSettings(None, DIS("fast"), 15.0, 80, 0.5)
    expected = commands.ExtractCommand(V, D, settings, 3, True, False)
    assert command("extract", "v", "d", *options.split()) == expected
    assert command("extract", "v", "d", "--flow", "none").settings.flow is None
    size = command("extract", "v", "d", "--size", "160x120").settings.size
    assert size == (160, 120)


def test_lists_options():
    assert command("lists", "folders", "d") == commands.FolderListsCommand(D)
    options = "--test-share .2 --seed 9 --group g --out o".split()
    rule = FolderRule(0.2, 9, "g")
    expected = commands.FolderListsCommand(D, rule, Path("o"))
    assert command("lists", "folders", "d", *options) == expected
    assert command("lists", "folders", "d", "--top-folders").rule.top_folders
    assert command("lists", "folders", "d", "--test-pattern", "p").rule == FolderRule(
        test_pattern="p"
    )
    for dataset in ("ucf101", "hmdb51"):
        expected = commands.OfficialListsCommand(dataset, D, Path("s"))
        assert command("lists", dataset, "d", "s") == expected
        options = "--splits 1,3 --skip-missing --out o".split()
        expected = commands.OfficialListsCommand(
            dataset, D, Path("s"), (1, 3), True, Path("o")
        )
        assert command("lists", dataset, "d", "s", *options) == expected


def test_lmdb_and_info_options():
    expected = commands.LmdbCommand(D, Path("db"), progress=False)
    assert command("lmdb", "d", "db", "--quiet") == expected
    assert command("info", "d") == commands.InfoCommand(D)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("extract v d --size 340", "a size is WIDTHxHEIGHT or keep, not '340'"),
        ("extract v d --size 0x9", "a size must be positive"),
        ("extract v d --size -3x9", "a size is WIDTHxHEIGHT"),
        ("extract v d --processes 0", "--processes must be at least 1, not 0"),
        ("extract v d --flow-set tau", "--flow-set takes NAME=VALUE, not 'tau'"),
        ("extract v d --flow none --flow-set tau=1", "makes no sense with --flow none"),
        ("extract v d --flow dis --flow-set tau=1", "dis has no parameter 'tau'"),
        ("lists ucf101 d s --splits 1,4", "splits are numbers from 1 to 3"),
        ("lists ucf101 d s --splits ,", "splits are numbers from 1 to 3"),
    ],
)
def test_what_is_wrong_is_said(arguments, message):
    arguments = arguments.replace("--size -3x9", "--size=-3x9").split()
    with pytest.raises(UserError, match=message):
        command(*arguments)


def test_from_videos_to_lists_and_database(tmp_path, capsys):
    """The whole way in UCF101's layout, as a user types it."""
    videos, data, splits = tmp_path / "UCF-101", tmp_path / "data", tmp_path / "splits"
    for class_name, dx in (("Left", -2), ("Right", 2)):
        for group in (1, 2):
            name = f"{class_name}/v_{class_name}_g{group:02d}_c01.avi"
            write_video(videos / name, panned(3 + group, (64, 48), (dx, 0), group))
    splits.mkdir()
    (splits / "classInd.txt").write_text("1 Left\n2 Right\n")
    (splits / "trainlist01.txt").write_text(
        "Left/v_Left_g02_c01.avi 1\nRight/v_Right_g02_c01.avi 2\n"
    )
    (splits / "testlist01.txt").write_text(
        "Left/v_Left_g01_c01.avi\nRight/v_Right_g01_c01.avi\n"
    )

    extract = ["extract", str(videos), str(data), "--quiet", "--processes", "2"]
    assert run(parse(*extract, "--flow", "dis", "--size", "48x32")) == 0
    assert "4 videos written, 0 kept as they were, 0 failed" in capsys.readouterr().out
    assert run(parse("lists", "ucf101", str(data), str(splits), "--splits", "1")) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert (data / "train_flow_split1.txt").read_text() == (
        "Left/v_Left_g02_c01 4 0\nRight/v_Right_g02_c01 4 1\n"
    )
    assert (data / "test_rgb_split1.txt").read_text() == (
        "Left/v_Left_g01_c01 4 0\nRight/v_Right_g01_c01 4 1\n"
    )
    assert run(parse("lists", "folders", str(data), "--test-pattern", "_g01_")) == 0
    lines = (data / "test_rgb.txt").read_text()
    assert lines == (data / "test_rgb_split1.txt").read_text()
    assert run(parse("lmdb", str(data), str(tmp_path / "db"), "--quiet")) == 0
    capsys.readouterr()
    assert run(parse("info", str(data))) == 0
    output = capsys.readouterr().out
    assert "4 videos, 18 frames, 14 flow pairs" in output
    assert "algorithm: dis" in output and "size: [48, 32]" in output

    (splits / "testlist01.txt").write_text("Left/v_Left_g09_c01.avi\n")
    official = ["lists", "ucf101", str(data), str(splits), "--splits", "1"]
    assert main(official) == 1
    assert "testlist01.txt:1: Left/v_Left_g09_c01 was not" in capsys.readouterr().err
    assert main([*official, "--skip-missing"]) == 0
    assert "split 1: 1 videos left out" in capsys.readouterr().out


def test_a_failure_is_told_and_in_the_exit_status(tmp_path, capsys):
    write_video(tmp_path / "v" / "a.avi", panned(3, (64, 48), (1, 0)))
    (tmp_path / "v" / "b.avi").write_bytes(b"junk")
    arguments = ["extract", str(tmp_path / "v"), str(tmp_path / "d"), "--flow", "none"]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert "1 videos written, 0 kept as they were, 1 failed" in captured.out
    assert captured.err.splitlines()[-1].startswith("failed: b: OpenCV can't open it")
    assert "1/2 videos, 1 failed" in captured.err, "the bar"


@pytest.mark.parametrize("algorithm", ALGORITHMS.values())
def test_the_readme_has_every_parameter(algorithm):
    text = (Path(__file__).parents[2] / "data_prep" / "README.md").read_text()
    (row,) = re.findall(rf"^\| `{algorithm.name}` \| (.*) \|$", text, re.MULTILINE)
    for name, value in algorithm().parameters().items():
        shown = f"{value}".removeprefix("0") if isinstance(value, float) else value
        assert f"`{name}` {shown}" in row


def test_decoders_keep_quiet(tmp_path, capfd):
    """Their warnings would tear the bar apart; the cause is in the report."""
    whole = write_video(tmp_path / "v" / "whole.avi", panned(9, (64, 48), (1, 0)))
    (tmp_path / "v" / "junk.avi").write_bytes(b"junk")
    (tmp_path / "v" / "cut.avi").write_bytes(whole.read_bytes()[:9000])
    arguments = ["extract", str(tmp_path / "v"), str(tmp_path / "d"), "--flow", "none"]
    assert main([*arguments, "--quiet"]) == 1
    lines = capfd.readouterr().err.splitlines()
    assert [line.split(":")[1] for line in lines] == [" cut", " junk"]


def test_an_error_is_one_line(tmp_path, capsys):
    assert main(["info", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
