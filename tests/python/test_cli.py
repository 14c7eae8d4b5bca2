"""The command: its registry, its errors, its exit status."""

import sys
import types

import pytest
from two_stream import cli
from two_stream.commands import check, evaluate, fuse, train
from two_stream.errors import UserError


def parse(*arguments):
    return cli.build_parser().parse_args([str(a) for a in arguments])


def test_every_command_has_help(capsys):
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit) as stop:
            cli.main([name, "--help"])
        assert stop.value.code == 0
        assert f"two-stream {name}" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        cli.main(["nonsense"])
    assert stop.value.code == 2


@pytest.mark.parametrize(
    "raised, status, said",
    [
        (UserError("list.txt:3: bad; mend it"), 1, "error: list.txt:3: bad; mend it"),
        (OSError(28, "No space left", "/a/b"), 1, "error: /a/b: No space left"),
        (OSError(28, "No space left"), 1, "error: No space left"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_become_a_line_and_a_status(monkeypatch, capsys, raised, status, said):
    def run(_settings):
        raise raised

    module = types.ModuleType("fails", "Fails.")
    module.HELP, module.run = "fails", run
    module.add_arguments = lambda parser: None
    module.settings = lambda args: args
    monkeypatch.setitem(sys.modules, "fails", module)
    monkeypatch.setitem(cli.COMMANDS, "fails", "fails")
    assert cli.main(["fails"]) == status
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_what_is_typed_becomes_settings():
    typed = parse(
        *("evaluate", "--net", "n", "--weights", "w", "--list", "l", "--out", "s.npz"),
        *("--resize", "340x256", "--gpu", "0,2", "--workers", 4, "--mean", "none"),
    )
    made = evaluate.settings(typed)
    assert made.resize == (340, 256) and made.gpus == (0, 2) and made.workers == 4
    assert (made.samples, made.crops, made.mean) == (25, 10, "none")
    made = train.settings(
        parse("train", "--solver", "s", "--weights", "a,b", "--set", "x=1", "--mpi", 2)
    )
    assert made.weights == ("a", "b") and made.overrides == ("x=1",) and made.mpi == 2
    assert fuse.settings(parse("fuse", "a", "b")).weights == (1.0, 2.0)
    assert fuse.settings(parse("fuse", "a", "b", "c")).weights == (1.0, 1.0, 1.0)
    assert fuse.settings(parse("fuse", "a", "b")).sweep == ()
    assert fuse.settings(parse("fuse", "a", "b", "--sweep")).sweep
    made = check.settings(parse("check", "l", "--test", "t", "--fast"))
    assert made == check.Settings("l", test="t", fast=True)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--out", "s.txt"), "must end in .npz"),
        (("--out", "s.npz", "--resize", "340"), "write width x height"),
        (("--out", "s.npz", "--resize", "0x5"), "write width x height"),
        (("--out", "s.npz", "--gpu", "0,0"), "write the GPUs' numbers"),
        (("--out", "s.npz", "--batch", "0"), "--batch 0: at least 1"),
    ],
)
def test_bad_arguments_of_evaluate(arguments, message):
    typed = ("evaluate", "--net", "n", "--weights", "w", "--list", "l", *arguments)
    with pytest.raises(UserError, match=message):
        evaluate.settings(parse(*typed))
