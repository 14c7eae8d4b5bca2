"""The markers: what is kept, what is done again, what is left by a failure."""

import json
from functools import partial

import pytest
from two_stream.errors import UserError
from two_stream.reproduce.state import State, only_one


class Kitchen:
    """Steps that count how often they are done, and were begun before."""

    def __init__(self, folder):
        self.folder, self.done, self.begun = folder, [], []

    def step(self, name, inputs, fails=False):
        def work(begun):
            self.begun.append(begun)
            if fails:
                raise UserError("it went wrong")
            self.done.append(name)
            path = self.folder / f"{name}.txt"
            path.write_text(f"{name} {inputs}")
            return {"text": path}

        return State(self.folder / "state.json").step(name, inputs, work)


@pytest.fixture
def kitchen(tmp_path):
    return Kitchen(tmp_path)


def test_a_step_is_done_once_by_runs_that_follow(kitchen):
    first = kitchen.step("bake", {"heat": 200, "sides": (1, 2)})
    second = kitchen.step("bake", {"sides": [1, 2], "heat": 200})
    assert kitchen.done == ["bake"] and first == second
    assert first["text"].read_text().startswith("bake")


@pytest.mark.parametrize("inputs", [{"heat": 180}, {"heat": 200, "salt": 1}, {}])
def test_other_inputs_are_a_reason(kitchen, inputs, capsys):
    kitchen.step("bake", {"heat": 200})
    kitchen.step("bake", inputs)
    assert kitchen.done == ["bake", "bake"]
    changed = "salt" if "salt" in inputs else "heat"
    assert f"bake (again: {changed} changed)" in capsys.readouterr().err


def test_an_output_that_is_gone_or_changed_is_a_reason(kitchen, capsys):
    path = kitchen.step("bake", {})["text"]
    path.unlink()
    kitchen.step("bake", {})
    path.write_text("eaten")
    kitchen.step("bake", {})
    assert kitchen.done == ["bake"] * 3
    said = capsys.readouterr().err
    assert f"{path} is gone" in said and f"{path} was changed" in said


def test_a_failure_leaves_no_marker_and_is_known_as_begun(kitchen):
    kitchen.step("bake", {"heat": 200})
    with pytest.raises(UserError):
        kitchen.step("bake", {"heat": 180}, fails=True)
    with pytest.raises(UserError):
        kitchen.step("bake", {"heat": 190}, fails=True)
    kitchen.step("bake", {"heat": 190})  # goes on with the last
    kitchen.step("bake", {"heat": 200})  # the first one's marker is gone
    assert kitchen.begun == [False, False, False, True, False]
    state = json.loads((kitchen.folder / "state.json").read_text())
    assert state["begun"] == {} and state["steps"]["bake"]["inputs"] == {"heat": 200}


def test_the_folder_may_be_moved(kitchen, tmp_path):
    kitchen.step("bake", {})
    moved = tmp_path.with_name(f"{tmp_path.name}_moved")
    tmp_path.rename(moved)
    other = Kitchen(moved)
    assert other.step("bake", {}) == {"text": moved / "bake.txt"} and not other.done


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 7}'])
def test_a_damaged_file_is_an_error_of_one_line(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(UserError, match="state.json: damaged"):
        State(tmp_path / "state.json")


def test_another_format_is_refused(tmp_path):
    (tmp_path / "state.json").write_text('{"format": 7, "steps": {}, "begun": {}}')
    with pytest.raises(UserError, match="format 7, this version reads 1"):
        State(tmp_path / "state.json")


def test_only_one_run_at_a_time(tmp_path):
    with only_one(tmp_path):
        with pytest.raises(UserError, match="is at work here"):
            with only_one(tmp_path):
                pass
    with only_one(tmp_path):
        pass


def test_what_is_left_of_other_inputs_is_discarded_before_the_work(tmp_path):
    def fails(_begun):
        raise KeyboardInterrupt

    said = []
    for heat in (200, 200, 180):
        state = State(tmp_path / "state.json")
        with pytest.raises(KeyboardInterrupt):
            state.step("bake", {"heat": heat}, fails, partial(said.append, heat))
    assert said == [200, 180]
