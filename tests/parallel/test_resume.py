"""A resumed run goes on as if it had never stopped, bit for bit."""

import pytest

from .launch import CAFFE, mpirun, run
from .models import params, same_bits, state


def train(job, solver, ranks, how, *more):
    command = [CAFFE, "train", "-solver", solver, "-timeout", 30, *more]
    if how == "mpi":
        result = mpirun(ranks, *command)
    else:
        result = run(*command, "-workers", ranks)
    assert result.returncode == 0, result.stderr
    return result.stderr


SHARED, APART = (
    f"mem_param {{ optimize_train: {word} optimize_test: {word} }}"
    for word in ("true", "false")
)


@pytest.mark.parametrize(
    "ranks, how, gather, memory, fields",
    [
        (1, "threads", True, SHARED, {}),
        (1, "threads", False, APART, {}),
        (2, "threads", True, SHARED, {"iter_size": 2}),
        (2, "threads", False, APART, {"iter_size": 2}),
        (2, "mpi", True, SHARED, {}),
        (2, "mpi", False, APART, {}),
        (2, "threads", True, SHARED, {"type": '"Adam"', "momentum2": 0.99}),
        # Draws a seed, which the state must hand on.
        (2, "threads", True, SHARED, {"random_seed": -1}),
    ],
)
def test_ten_steps_are_five_and_five(job, ranks, how, gather, memory, fields):
    fields = {"test_interval": 3, "test_iter": 2, "snapshot": 5, **fields}
    straight = job.solver(4, "straight", gather, memory, max_iter=10, **fields)
    log = train(job, straight, ranks, how)
    assert ("saved" in log) == (memory == SHARED)
    if fields.get("random_seed") == -1:
        seed = int(log.split("random_seed: ")[-1].split()[0])
        assert state(job.folder / "straight_iter_5.solverstate").run_state.seed == seed
    more = job.solver(4, "more", gather, memory, max_iter=10, **fields)
    train(
        job, more, ranks, how, "-snapshot", job.folder / "straight_iter_5.solverstate"
    )

    for kind in ("caffemodel", "solverstate"):
        assert (job.folder / f"straight_iter_10.{kind}").is_file()
    a = params(job.folder / "straight_iter_10.caffemodel")
    b = params(job.folder / "more_iter_10.caffemodel")
    assert same_bits(a, b)
    assert not same_bits(a, params(job.folder / "straight_iter_5.caffemodel"))
    end, other = (
        state(job.folder / f"{name}_iter_10.solverstate")
        for name in ("straight", "more")
    )
    assert end.history == other.history
    assert end.run_state == other.run_state
    assert end.run_state.train_cursor and len(end.run_state.generator) == ranks


@pytest.mark.parametrize("ranks", [1, 2])
def test_hdf5_states_resume_too(job, ranks):
    fields = {"snapshot": 5, "snapshot_format": "HDF5"}
    straight = job.solver(4, "straight", max_iter=10, **fields)
    train(job, straight, ranks, "threads")
    # The same name as the straight run's: what is compared is its whole file.
    h5 = job.folder / "straight_iter_10.caffemodel.h5"
    expected = read_h5(h5)
    h5.unlink()
    resume = job.folder / "straight_iter_5.solverstate.h5"
    train(job, straight, ranks, "threads", "-snapshot", resume)
    found = read_h5(h5)
    assert expected.keys() == found.keys() and len(found) == 6
    assert all((expected[k] == found[k]).all() for k in found)


def read_h5(path):
    import h5py

    arrays = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                arrays.__setitem__(name, item[()]) if hasattr(item, "shape") else None
            )
        )
    return arrays


IMAGES = """\
layer {
  name: "data" type: "ImageData" top: "data" top: "label"
  transform_param { crop_size: 16 mirror: true scale: 0.004 }
  image_data_param {
    source: "SOURCE" batch_size: 3 shuffle: true is_color: false
  }
}
layer {
  name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""


def test_caffes_own_data_layers_are_replayed(job):
    """They can't seek, so a resumed run reads past what was read before."""
    images = job.folder / "images.txt"
    paths = sorted(job.folder.glob("clip_*/*.jpg"))[:20]
    images.write_text("".join(f"{p} {i % 3}\n" for i, p in enumerate(paths)))
    net = job.folder / "images.prototxt"
    net.write_text(IMAGES.replace("SOURCE", str(images)))
    fields = {"net": f'"{net}"', "max_iter": 10, "snapshot": 5, "iter_size": 2}
    for name in ("test_iter", "test_interval", "test_initialization"):
        fields[name] = None
    train(job, job.solver(3, "a", **fields), 1, "threads")
    state = job.folder / "a_iter_5.solverstate"
    log = train(job, job.solver(3, "b", **fields), 1, "threads", "-snapshot", state)
    assert "Layer data (ImageData) cannot seek: reading past 10 batches." in log
    a, b = (params(job.folder / f"{name}_iter_10.caffemodel") for name in "ab")
    assert same_bits(a, b)


def test_snapshots_leave_no_partial_files(job):
    solver = job.solver(4, "whole", snapshot=2)
    train(job, solver, 2, "threads")
    names = sorted(p.name for p in job.folder.iterdir() if p.is_file())
    assert [n for n in names if "partial" in n] == []
    assert {f"whole_iter_{i}.solverstate" for i in (2, 4, 5)} <= set(names)


def test_a_moved_snapshot_finds_its_model(job):
    solver = job.solver(4, "old", snapshot=5)
    train(job, solver, 1, "threads")
    moved = job.folder / "moved"
    moved.mkdir()
    for kind in ("caffemodel", "solverstate"):
        (job.folder / f"old_iter_5.{kind}").rename(moved / f"old_iter_5.{kind}")
    more = job.solver(4, "new", max_iter=6)
    train(job, more, 1, "threads", "-snapshot", moved / "old_iter_5.solverstate")


def test_bad_states_are_one_line(job):
    solver = job.solver(4, "bad")
    for name, text in (("none", None), ("cut", b"\x08\x05\x12")):
        path = job.folder / f"{name}.solverstate"
        if text:
            path.write_bytes(text)
        result = run(CAFFE, "train", "-solver", solver, "-snapshot", path)
        assert result.returncode == 1
        assert result.stderr.count("error: ") == 1
        assert f"error: {path}" in result.stderr
