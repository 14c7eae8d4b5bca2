"""The caffe command through its binary: actions, flags and one-line errors."""

import re

import numpy as np
import pytest

NET = """\
name: "tiny"
layer {
  name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param {
    shape { dim: 8 dim: 5 } shape { dim: 8 }
    data_filler { type: "gaussian" std: 1 }
    data_filler { type: "constant" value: 1 }
  }
}
layer {
  name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } }
}
layer {
  name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss"
}
"""


@pytest.fixture
def job(tmp_path):
    """A folder with a tiny net and its solver; returns (folder, write solver)."""
    (tmp_path / "net.prototxt").write_text(NET)

    def solver(extra="", name="solver.prototxt"):
        path = tmp_path / name
        path.write_text(
            'net: "net.prototxt"\nbase_lr: 0.1\nlr_policy: "fixed"\nmax_iter: 20\n'
            f'display: 5\nsnapshot_prefix: "out"\nrandom_seed: 3\n{extra}\n'
        )
        return path.name

    return tmp_path, solver


def losses(stderr):
    return [float(x) for x in re.findall(r"Iteration \d+.*, loss = (\S+)", stderr)]


def test_train_learns_and_snapshots(job, run_caffe):
    folder, solver = job
    run = run_caffe("train", "-solver", solver(), cwd=folder)
    assert run.returncode == 0, run.stderr
    found = losses(run.stderr)
    assert len(found) == 5 and found[-1] < found[0]
    assert (folder / "out_iter_20.caffemodel").is_file()
    assert (folder / "out_iter_20.solverstate").is_file()


@pytest.mark.parametrize(
    "device",
    ["device_id: [0, 1, 2, 3]", "device_id: 0 device_id: 1", "device_id: 0"],
)
def test_solver_of_the_fork_is_read(job, run_caffe, device):
    folder, solver = job
    text = f"{device}\nrichness: 200\nsolver_mode: CPU # device_id: [9]"
    run = run_caffe("train", "-solver", solver(text), cwd=folder)
    assert run.returncode == 0, run.stderr


def test_devices_of_the_solver(job, run_caffe):
    """As in the fork, device_id alone means GPUs; here there are none."""
    folder, solver = job
    run = run_caffe("train", "-solver", solver("device_id: [1,0,2]"), cwd=folder)
    assert run.returncode == 0, run.stderr
    assert "solver.prototxt is for GPU 1,0,2, and there is none here" in run.stderr
    assert "-workers 3 gives as many ranks" in run.stderr
    explicit = solver("device_id: [0,1] solver_mode: GPU")
    run = run_caffe("train", "-solver", explicit, cwd=folder)
    assert "leave out -gpu, or the solver's solver_mode: GPU" in error_line(run)
    run = run_caffe("train", "-solver", explicit, "-workers", 2, cwd=folder)
    assert run.returncode == 0, run.stderr
    assert "2 ranks" in run.stderr


def test_test_and_time(job, run_caffe):
    folder, solver = job
    assert run_caffe("train", "-solver", solver(), cwd=folder).returncode == 0
    model = ["-model", "net.prototxt", "-weights", "out_iter_20.caffemodel"]
    run = run_caffe("test", *model, "-iterations", 4, cwd=folder)
    assert run.returncode == 0, run.stderr
    batches = [float(x) for x in re.findall(r"Batch \d, loss = (\S+)", run.stderr)]
    mean = float(re.search(r"Loss: (\S+)", run.stderr).group(1))
    assert len(batches) == 4 and np.isclose(mean, np.mean(batches), rtol=1e-4)
    run = run_caffe("time", "-model", "net.prototxt", "-iterations", 2, cwd=folder)
    assert run.returncode == 0, run.stderr
    assert re.search(r"fc\tforward: \S+ ms", run.stderr)
    assert "Average Forward-Backward" in run.stderr


def test_fine_tuning_says_what_it_copies(job, run_caffe):
    folder, solver = job
    assert run_caffe("train", "-solver", solver(), cwd=folder).returncode == 0
    weights = ["-weights", "out_iter_20.caffemodel"]
    run = run_caffe("train", "-solver", solver(), *weights, cwd=folder)
    assert run.returncode == 0 and "copied 1 layers" in run.stderr
    renamed = NET.replace('name: "fc"', 'name: "other"')
    (folder / "net.prototxt").write_text(renamed)
    run = run_caffe("train", "-solver", solver(), *weights, cwd=folder)
    assert run.returncode == 1
    assert "none of its layers (fc) is in the net, whose layers are other" in run.stderr


def test_resume(job, run_caffe):
    folder, solver = job
    assert run_caffe("train", "-solver", solver(), cwd=folder).returncode == 0
    more = solver("", "more.prototxt")
    text = (folder / more).read_text().replace("max_iter: 20", "max_iter: 30")
    (folder / more).write_text(text)
    state = ["-snapshot", "out_iter_20.solverstate"]
    run = run_caffe("train", "-solver", more, *state, cwd=folder)
    assert run.returncode == 0, run.stderr
    assert "Iteration 20" in run.stderr and "Iteration 15" not in run.stderr
    assert (folder / "out_iter_30.caffemodel").is_file()


def test_no_steps_still_leave_the_initial_model(job, run_caffe):
    folder, solver = job
    name = solver()
    text = (folder / name).read_text().replace("max_iter: 20", "max_iter: 0")
    (folder / name).write_text(text)
    assert run_caffe("train", "-solver", name, cwd=folder).returncode == 0
    assert (folder / "out_iter_0.caffemodel").is_file()


def error_line(run):
    """The one line of a user error; nothing may look like a crash."""
    assert run.returncode == 1, run.stderr
    assert "Check failure stack trace" not in run.stderr
    lines = [x for x in run.stderr.splitlines() if x.startswith("error: ")]
    assert len(lines) == 1, run.stderr
    return lines[0]


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ([], "an action is missing"),
        (["dance"], "no such action: dance"),
        (["train"], "-solver is missing"),
        (["train", "extra"], "one action"),
        (["train", "-solver", "none.prototxt"], "none.prototxt: cannot be read"),
        (["test", "-model", "net.prototxt"], "-weights is missing"),
        (["test", "-model", "net.prototxt", "-weights", "no"], "no: cannot be read"),
        (["time"], "-model is missing"),
        (["time", "-model", "net.prototxt", "-phase", "X"], "-phase is TRAIN or TEST"),
        (["train", "-solver", "s", "-weights", "a", "-snapshot", "b"], "not both"),
    ],
)
def test_errors_are_one_line(job, run_caffe, arguments, expected):
    folder, _ = job
    assert expected in error_line(run_caffe(*arguments, cwd=folder))


def test_prototxt_errors_name_file_and_line(job, run_caffe):
    folder, solver = job
    name = solver("\nbase_rl: 0.1")
    line = (folder / name).read_text().splitlines().index("base_rl: 0.1") + 1
    message = error_line(run_caffe("train", "-solver", name, cwd=folder))
    assert f"{name}:{line}:" in message and "base_rl" in message
    (folder / "net.prototxt").write_text("layer {\n  nam: 1\n}\n")
    message = error_line(run_caffe("train", "-solver", solver(), cwd=folder))
    assert "net.prototxt:2:" in message


def test_missing_net_is_named(job, run_caffe):
    folder, solver = job
    (folder / "net.prototxt").unlink()
    message = error_line(run_caffe("train", "-solver", solver(), cwd=folder))
    assert "net.prototxt: cannot be read" in message
    assert not list(folder.glob("out*"))


def test_gpu_without_a_gpu_is_refused(job, run_caffe):
    folder, solver = job
    run = run_caffe("train", "-solver", solver(), "-gpu", "0", cwd=folder)
    assert "-gpu" in error_line(run)


def test_version_lists_what_is_built_in(run_caffe):
    run = run_caffe("version")
    assert run.returncode == 0
    for name in ("CUDA", "cuDNN", "NCCL", "MPI", "BLAS", "OpenCV", "Caffe"):
        assert re.search(rf"^  {name}: \S", run.stdout, re.M)
