"""Training by the real caffe command on real frames."""

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_data import random_weights, small_weights, write_footage
from two_stream import cli
from two_stream.errors import UserError
from two_stream.nets import prototxt
from two_stream.training.files import prepare_files
from two_stream.training.run import train
from two_stream.training.settings import TrainSettings, caffe_arguments

NET = """
name: "tiny"
layer {{ name: "data" type: "VideoData" top: "data" top: "label"
  include {{ phase: TRAIN }}
  transform_param {{ crop_size: 32 is_flow: true mean_value: 128 scale: 0.01 }}
  video_data_param {{ source: "{root}/train/flow.txt" batch_size: 4 new_length: 5
    shuffle: true modality: FLOW }} }}
layer {{ name: "data" type: "VideoData" top: "data" top: "label"
  include {{ phase: TEST }}
  transform_param {{ crop_size: 32 is_flow: true mean_value: 128 scale: 0.01 }}
  video_data_param {{ source: "{root}/test/flow.txt" batch_size: 2 new_length: 5
    modality: FLOW }} }}
layer {{ name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param {{ num_output: 4 kernel_size: 5 stride: 3
    weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }}
layer {{ name: "fc8" type: "InnerProduct" bottom: "conv1" top: "fc8"
  inner_product_param {{ num_output: 3 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc8" bottom: "label"
  top: "loss" }}
layer {{ name: "accuracy" type: "Accuracy" bottom: "fc8" bottom: "label"
  top: "accuracy" include {{ phase: TEST }} }}
"""

SOLVER = """
net: "{root}/net.prototxt" test_iter: 2 test_interval: 10 base_lr: 0.001 display: 5
max_iter: 20 lr_policy: "step" gamma: 0.1 stepsize: 10 momentum: 0.9 snapshot: 10
snapshot_prefix: "{root}/out/tiny" random_seed: 4
"""


@pytest.fixture
def job(tmp_path):
    """A solver, a net and footage; returns the folder."""
    write_footage(tmp_path / "train", 1, [9, 8, 7, 12, 9, 8])
    write_footage(tmp_path / "test", 2, [9, 8, 7, 6])
    for stream in ("rgb", "flow"):
        path = tmp_path / "test" / f"{stream}.txt"
        path.write_text(path.read_text().replace("_g0", "_g9"))
    for folder in (tmp_path / "test").glob("v_*"):
        folder.rename(str(folder).replace("_g0", "_g9"))
    (tmp_path / "net.prototxt").write_text(NET.format(root=tmp_path))
    (tmp_path / "solver.prototxt").write_text(SOLVER.format(root=tmp_path))
    return tmp_path


def quiet(job, *more):
    return ["train", "--solver", str(job / "solver.prototxt"), "--quiet", *more]


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_training_leaves_weights_log_curves_and_provenance(job, capsys):
    assert cli.main(quiet(job)) == 0
    out = job / "out"
    assert {path.name for path in out.iterdir()} == {
        "tiny.log",
        "tiny.provenance.json",
        "tiny_curves.csv",
        "tiny_curves.png",
        *(f"tiny_iter_{i}.{kind}" for i in (10, 20) for kind in KINDS),
    }
    found = rows(out / "tiny_curves.csv")
    tested = [row for row in found if row["quantity"] == "accuracy"]
    assert [row["iteration"] for row in tested] == ["0", "10", "20"]
    assert all("centre crop, one snippet" in row["note"] for row in tested)
    rates = {r["iteration"]: r["value"] for r in found if "rate" in r["quantity"]}
    assert float(rates["5"]) == 0.001 and float(rates["15"]) == pytest.approx(1e-4)
    log = (out / "tiny.log").read_text()
    for row in found:
        assert f" = {float(row['value']):g}" in log
    said = capsys.readouterr()
    assert "iteration 20: test accuracy" in said.err and "10 points below" in said.err
    assert "tiny_iter_20.caffemodel" in said.out
    kept = json.loads((out / "tiny.provenance.json").read_text())
    assert kept["modality"] == "flow" and kept["list"].endswith("train/flow.txt")


KINDS = ("caffemodel", "solverstate")


def test_progress_ends_with_the_last_step_and_hdf5_snapshots_are_seen(job, capsys):
    file = job / "solver.prototxt"
    text = file.read_text().replace("max_iter: 20", "max_iter: 12")
    file.write_text(text + "snapshot_format: HDF5\n")  # 12 is no multiple of display
    result = train(TrainSettings(str(file)))
    names = [Path(path).name for path in result.snapshots]
    assert names == ["tiny_iter_10.caffemodel.h5", "tiny_iter_12.caffemodel.h5"]
    assert all(Path(path).is_file() for path in result.snapshots)
    assert "12/12" in capsys.readouterr().err


def test_resuming_continues_log_and_curves(job):
    solver = str(job / "solver.prototxt")
    train(TrainSettings(solver, progress=False))
    straight = rows(job / "out" / "tiny_curves.csv")
    state = str(job / "out" / "tiny_iter_10.solverstate")
    result = train(TrainSettings(solver, snapshot=state, progress=False))
    assert result.status == 0
    resumed = rows(job / "out" / "tiny_curves.csv")
    key = [(row["iteration"], row["phase"], row["quantity"]) for row in straight]
    assert [(r["iteration"], r["phase"], r["quantity"]) for r in resumed] == key
    assert (job / "out" / "tiny.log").read_text().count("Optimization Done.") >= 2


def test_resuming_keeps_what_the_training_started_from(job, capsys, monkeypatch):
    """Whatever the prefix of what follows; other flow is a warning."""
    solver, file = str(job / "solver.prototxt"), job / "w.caffemodel"
    random_weights(file, {"conv1": [(4, 10, 5, 5), (4,)]})
    flow = {"algorithm": "tvl1", "parameters": {}, "bound": 20.0, "size": [52, 40]}
    made = "two_stream.training.preflight.data_provenance"
    monkeypatch.setattr(made, lambda *arguments: flow)
    train(TrainSettings(solver, weights=(str(file),), progress=False))
    first = json.loads((job / "out" / "tiny.provenance.json").read_text())
    assert list(first["weights"]) == [str(file)] and first["data"] == flow
    state = str(job / "out" / "tiny_iter_10.solverstate")
    monkeypatch.setattr(made, lambda *arguments: flow | {"bound": 15.0})
    capsys.readouterr()
    for out in ("tiny", "more"):
        prefix = str(job / "out" / out)
        train(TrainSettings(solver, snapshot=state, out=prefix, progress=False))
        resumed = json.loads(Path(f"{prefix}.provenance.json").read_text())
        assert resumed["weights"] == first["weights"]
        said = capsys.readouterr().err
        assert ("bound: 20.0 in training, 15.0 now" in said) == (out == "tiny")


def test_changes_go_into_copies(job):
    write_footage(job / "more", 5, [9, 9, 9])
    settings = TrainSettings(
        str(job / "solver.prototxt"),
        out=str(job / "other" / "run"),
        overrides=("max_iter=5", "test_iter=1", "type=Nesterov"),
        train_list=str(job / "more" / "flow.txt"),
        progress=False,
    )
    result = train(settings)
    assert result.status == 0
    assert result.snapshots == [str(job / "other" / "run_iter_5.caffemodel")]
    assert result.files.final_weights.is_file()
    log = result.files.log.read_text()
    assert f'source: "{job}/more/flow.txt"' in log and 'type: "Nesterov"' in log
    assert f'source: "{job}/test/flow.txt"' in log
    assert NET.format(root=job) == (job / "net.prototxt").read_text()


@pytest.mark.parametrize(
    "overrides, message",
    [
        (("base_lr",), "write field=value"),
        (("base_rl=1",), "a solver has no field 'base_rl'"),
        (("max_iter=many",), "'many' is no value of max_iter"),
    ],
)
def test_bad_overrides(job, overrides, message):
    with pytest.raises(UserError, match=message):
        prepare_files(TrainSettings(str(job / "solver.prototxt"), overrides=overrides))


@pytest.mark.parametrize("field", ["net", "train_net"])
def test_the_user_s_own_files_stay_as_they_are(job, field):
    """Where they are called as the copies would be, as those in models/ are."""
    net, solver = job / "mine_train_val.prototxt", job / "mine_solver.prototxt"
    net.write_text(NET.format(root=job))
    text = f'# Mine\n{field}: "{net}" base_lr: 0.5 snapshot_prefix: "{job}/mine"\n'
    solver.write_text(text)
    unchanged = prepare_files(TrainSettings(str(solver)))
    assert (unchanged.solver, unchanged.net) == (str(solver), str(net))
    changes = {"overrides": ("base_lr=0.25",), "train_list": "other.txt"}
    made = prepare_files(TrainSettings(str(solver), **changes))
    assert solver.read_text() == text and net.read_text() == NET.format(root=job)
    param = prototxt.read_solver(made.solver).param
    assert param.base_lr == 0.25 and getattr(param, field) == made.net
    assert not (param.net and param.train_net)
    assert (
        prototxt.find_data(prototxt.read_net(made.net), "TRAIN").source == "other.txt"
    )


def test_a_copy_of_a_solver_without_prefix_keeps_its_name(job):
    """Caffe calls the snapshots after the solver's file, here the copy's."""
    path = job / "mine.prototxt"
    path.write_text(f'net: "{job}/net.prototxt" base_lr: 0.5')
    made = prepare_files(TrainSettings(str(path), overrides=("max_iter=3",)))
    param = prototxt.read_solver(made.solver).param
    assert made.prefix == param.snapshot_prefix == str(job / "mine")


def test_repeated_device_ids_survive_changes(job):
    path = job / "solver.prototxt"
    path.write_text(path.read_text() + "device_id: [0, 1]\n")
    made = prepare_files(TrainSettings(str(path), overrides=("max_iter=3",)))
    assert prototxt.read_solver(made.solver).device_ids == [0, 1]
    assert made.for_gpus
    path.write_text(path.read_text() + "solver_mode: CPU\n")
    assert not prepare_files(TrainSettings(solver=str(path))).for_gpus


def test_argument_lists(monkeypatch):
    def made(**more):
        return caffe_arguments(TrainSettings("s", **more), "caffe", "s2")

    assert made() == ["caffe", "train", "-solver", "s2"]
    assert made(weights=("a", "b"))[4:] == ["-weights", "a,b"]
    assert made(snapshot="x")[4:] == ["-snapshot", "x"]
    assert made(gpu="0,1")[4:] == ["-gpu", "0,1"]
    assert made(workers=2)[4:] == ["-workers", "2"]
    assert made(caffe_arguments="-check_sync 5")[4:] == ["-check_sync", "5"]
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    launched = made(mpi=4, mpi_arguments="--host 'a b'")
    assert launched[:5] == ["/bin/mpirun", "-np", "4", "--bind-to", "none"]
    assert launched[5:7] == ["--host", "a b"]
    assert launched[7:] == ["caffe", "train", "-solver", "s2"]
    for wrong in (
        {"weights": ("a",), "snapshot": "b"},
        {"gpu": "0", "workers": 2},
        {"workers": 0},
        {"mpi": 0},
    ):
        with pytest.raises(UserError):
            TrainSettings("s", **wrong)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UserError, match="needs mpirun"):
        made(mpi=2)


def test_weights_and_data_are_checked_before_the_start(job, capsys):
    def refusal(*more):
        assert cli.main(quiet(job, *more)) == 1
        assert not (job / "out" / "tiny.log").exists()
        return capsys.readouterr().err

    file = job / "w.caffemodel"
    random_weights(file, {"other": [(3, 3)]})
    assert "every layer would start fresh" in refusal("--weights", str(file))
    random_weights(file, {"conv1": [(4, 3, 5, 5), (4,)]})
    said = refusal("--weights", str(file))
    assert "4 x 3 x 5 x 5" in said and "two-stream init-temporal" in said
    assert "No such file" in refusal("--weights", "none.caffemodel")

    path = job / "train" / "flow.txt"
    text = path.read_text()
    path.write_text(text.replace(" 8 ", " 11 ", 1))
    assert f"{path}:1: 11 flow fields in the list, but" in refusal()
    path.write_text(text + "v_new 5\n")
    assert f"{path}:7: 'v_new 5' has fewer than three fields" in refusal()
    path.unlink()
    assert f"{path}: cannot read the list" in refusal()


def test_fine_tuning_says_what_is_fresh(job, capsys):
    file = job / "w.caffemodel"
    random_weights(file, {"conv1": [(4, 10, 5, 5), (4,)]})
    assert cli.main(quiet(job, "--weights", str(file), "--set", "max_iter=1")) == 0
    assert "weights: 1 layers copied; fresh: fc8" in capsys.readouterr().err
    small_weights(file, 10)
    assert cli.main(quiet(job, "--weights", str(file), "--set", "max_iter=1")) == 0
    said = capsys.readouterr().err
    assert "weights: 2 layers copied" in said and "fresh" not in said


def test_status_of_a_training_that_fails_is_passed_on(job, capsys):
    path = job / "solver.prototxt"
    path.write_text(path.read_text().replace('"step"', '"nonsense"'))
    assert cli.main(quiet(job)) not in (0, 1, None)
    said = capsys.readouterr()
    assert "Unknown learning rate policy: nonsense" in said.err
    assert "see " in said.out and "tiny.log" in said.out


RANKS = [(), ("--workers", "2"), ("--mpi", "2")]


@pytest.mark.parametrize("how", RANKS[1:])
def test_two_ranks_train_as_one_with_twice_the_batch(job, how, capsys):
    def curves(out, *more):
        out = str(job / out)
        assert cli.main(quiet(job, "--out", out, "--set", "display=1", *more)) == 0
        return rows(f"{out}_curves.csv")

    together = curves("two", *how)
    said = capsys.readouterr().err
    assert "global batch 8 = 2 ranks x 4 x iter_size 1" in said
    net = job / "net.prototxt"
    net.write_text(net.read_text().replace("batch_size: 4", "batch_size: 8"))
    alone = curves("one")
    assert len(alone) > 60 and len(together) == len(alone)
    for a, b in zip(alone, together, strict=True):
        assert (a["iteration"], a["quantity"]) == (b["iteration"], b["quantity"])
        # The last loss is of another batch.
        if (a["iteration"], a["phase"]) != ("20", "train"):
            assert float(a["value"]) == pytest.approx(float(b["value"]), rel=1e-4)


def endless_job(job, how):
    """A training that has begun, the processes it consists of, and its log."""
    command = [sys.executable, "-m", "two_stream", *quiet(job), *how]
    for field in ("max_iter=1000000", "snapshot=0", "display=1"):
        command += ["--set", field]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    log = job / "out" / "tiny.log"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if log.is_file() and b"Iteration 5 " in log.read_bytes():
            break
        assert process.poll() is None
        time.sleep(0.05)
    ranks = [pid for pid in descendants(process.pid) if "caffe" in command_of(pid)[0]]
    assert len(ranks) == (2 if "--mpi" in how else 1)
    return process, ranks, log


def command_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def descendants(pid):
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *descendants(child)]
    return found


def assert_gone(pids):
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("how", RANKS)
def test_ctrl_c_stops_all_ranks_with_a_snapshot(job, how):
    process, ranks, log = endless_job(job, how)
    everything = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert_gone(everything)
    assert log.read_bytes().count(b"Optimization stopped early") == 1
    (state,) = (job / "out").glob("tiny_iter_*.solverstate")
    steps = [float(row["iteration"]) for row in rows(job / "out" / "tiny_curves.csv")]
    assert state.name == f"tiny_iter_{int(max(steps)) + 1}.solverstate"
    assert Path(job / "out" / "tiny_curves.png").is_file()


def test_caffe_does_not_outlive_a_killed_driver(job):
    """Else it would work beside the run that goes on. Stopped, it can't notice."""
    process, (caffe,), _ = endless_job(job, ())
    os.kill(caffe, signal.SIGSTOP)
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 10
    try:
        while state_of(caffe) not in "Z":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(caffe, signal.SIGKILL)


def state_of(pid):
    """R, S, T, Z (ended, nobody has asked how) ...; empty: there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text.rsplit(")", 1)[1].split()[0]


def test_a_killed_rank_is_named(job):
    process, ranks, _ = endless_job(job, ("--mpi", "2"))
    everything = descendants(process.pid)
    os.kill(ranks[1], signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert_gone(everything)
    (line,) = [line for line in said.splitlines() if "ended by" in line]
    assert re.search(r"caffe: rank [01] \(\S+\) ended by signal 9 \(Killed\)", line)


def test_the_last_lines_are_shown_where_nothing_else_explains(job, capsys):
    assert cli.main(quiet(job, "--mpi", "2", "--mpi-args=--no-such-flag")) != 0
    assert "no-such-flag" in capsys.readouterr().err
