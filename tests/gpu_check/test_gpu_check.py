"""tools/gpu_check.sh as far as it goes without a GPU."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from gpu_check import checks, job, machine, report, timing  # noqa: E402

BUILD = ROOT / "build/cpu"


def rehearse(out, *flags, build=BUILD, path=None):
    """Runs the checks as the script does, after its builds."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'python'}:{ROOT / 'tools'}",
        "OPENBLAS_NUM_THREADS": "1",
    }
    if path:
        environment["PATH"] = f"{path}:{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", "gpu_check", "--build", build, "--out", out, *flags],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )


def program(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)


def test_rehearsal_passes_and_says_that_nothing_ran_on_a_gpu(tmp_path):
    ran = rehearse(tmp_path, "--no-gpu", "--quick")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    text = (tmp_path / "REPORT-none.md").read_text()
    assert "Nothing here ran on a GPU" in text
    results = dict(re.findall(r"^\| ([^|]+) \| (passed|failed|not run) \|", text, re.M))
    assert list(results) == [*checks.CHECKS, "timing"]
    not_run = {name for name, state in results.items() if state == "not run"}
    assert not_run == {"device query", "Caffe's tests", "gradient checks", "our tests"}
    assert "failed" not in results.values()
    assert re.search(r"gather, auto: \d\.\de-\d\d", text)
    assert re.search(r"gather, auto with MPI: \d\.\de-\d\d", text)
    assert re.search(r"\| small \| 1 x 4 \| 2 \| \d+\.\d \| \d+\.\d \| - \|", text)


FAKE_CAFFE = """
import sys
if sys.argv[1] == "version":
    print("  CUDA: 13.0\\n  NCCL: 2.30.7")
elif sys.argv[1] == "device_query":
    print("I1 Name:                          Imaginary 1")
    print("I1 Name:                          Imaginary 1")
else:
    print("F20260101 00:00:00.0 1 x.cpp:1] Check failed: out of magic")
    sys.exit(134)
"""
FAKE_TESTS = """
print("[       OK ] A/0.TestX (1 ms)")
print("[  FAILED  ] B/2.TestGradient, where TypeParam = float (2 ms)")
print("[  FAILED  ] 1 test, listed below:")
print("[  FAILED  ] B/2.TestGradient, where TypeParam = float")
sys.exit(1)
""".replace("sys.", "__import__('sys').")
FAKE_SMI = """
import sys
if "name" in sys.argv[1]:
    print("Imaginary 1, 999.1, 8000, GPU-a\\nImaginary 1, 999.1, 8000, GPU-b")
else:
    print(1234)
"""


FAKE_SMI_BY_UUID = """
import sys
flags = sys.argv[1:]
chosen = flags[flags.index("-i") + 1].split(",") if "-i" in flags else "012"
for gpu in chosen:
    number = int(gpu.removeprefix("GPU-"))
    if any("memory.used" in flag for flag in flags):
        print(1000 * number)
    else:
        print(f"Imaginary, 999.1, 8000, GPU-{number}")
"""


@pytest.fixture
def broken_machine(tmp_path):
    """Two GPUs, one test that fails, and training that aborts."""
    program(tmp_path, "path/nvidia-smi", FAKE_SMI)
    program(tmp_path, "build/bin/caffe", FAKE_CAFFE)
    program(tmp_path, "build/bin/caffe_tests", FAKE_TESTS)
    program(tmp_path, "build/bin/two_stream_tests", "print('[       OK ] A.B (1 ms)')")
    (tmp_path / "build/caffe-src").mkdir()
    return tmp_path


def test_failures_are_in_the_report_and_the_exit_status(broken_machine):
    ran = rehearse(
        broken_machine / "out",
        "--quick",
        build=broken_machine / "build",
        path=broken_machine / "path",
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    text = (broken_machine / "out/REPORT-Imaginary-1.md").read_text()
    assert "Nothing here ran" not in text
    assert "| device query | passed |" in text
    assert "1 of 2 failed: B/2.TestGradient |" in text
    assert "| our tests | passed | 0 | 1 tests, 0 skipped |" in text
    assert text.count("out of magic") == 5
    assert "| driver | 999.1 |" in text


def test_without_a_gpu_nothing_is_written(tmp_path):
    program(tmp_path, "nvidia-smi", "raise SystemExit(9)")
    ran = rehearse(tmp_path / "out", path=tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1 and "no GPU" in ran.stderr
    assert not (tmp_path / "out").exists()
    # Nor is anything built.
    ran = subprocess.run(
        [ROOT / "tools/gpu_check.sh"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert ran.returncode == 1 and ran.stdout == ""
    assert ran.stderr.count("\n") == 1 and "no GPU" in ran.stderr


def test_ranks_are_spread_over_the_gpus_present(tmp_path):
    def bench(count, nccl):
        gpu = machine.Gpu("g", "1", 1, "GPU-a")
        return checks.Bench(None, tmp_path, [gpu] * count, nccl, False, True)

    assert bench(1, ()).devices(4) == ["-gpu", "0,0,0,0"]
    assert bench(2, ()).devices(4) == ["-gpu", "0,1,0,1"]
    assert bench(0, ()).devices(2) == ["-workers", 2]
    names = [name for name, _ in checks.transports(bench(1, (2, 29)), 2)]
    assert names == ["staged"]  # NCCL takes two ranks on a GPU since 2.30
    tried = dict(checks.transports(bench(1, (2, 30)), 2))
    assert tried["nccl"] == {"NCCL_MULTI_RANK_GPU_ENABLE": "1"}
    assert dict(checks.transports(bench(2, (2, 29)), 2))["nccl"] == {}


def test_gpus_are_those_that_cuda_shows(tmp_path, monkeypatch):
    program(tmp_path, "nvidia-smi", FAKE_SMI_BY_UUID)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [gpu.uuid for gpu in machine.gpus()] == ["GPU-0", "GPU-1", "GPU-2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,1")
    assert [gpu.uuid for gpu in machine.gpus()] == ["GPU-2", "GPU-1"]
    with machine.PeakMemory(machine.gpus()[0]) as memory:
        time.sleep(1)
    assert memory.megabytes == 2000


def test_update_error_is_relative_to_the_way_gone():
    start = {("a", 0): np.zeros(4), ("b", 0): np.ones(2)}
    b = {("a", 0): np.full(4, 2.0), ("b", 0): np.ones(2)}
    a = {("a", 0): np.full(4, 2.5), ("b", 0): np.ones(2)}
    assert job.update_error(start, a, b) == pytest.approx(0.25)
    assert job.update_error(start, {**a, ("b", 0): np.zeros(2)}, b) == 1
    with pytest.raises(ValueError):
        job.update_error(start, {("a", 0): a["a", 0]}, b)


def test_shipped_nets_keep_one_data_layer_and_get_this_jobs_list(tmp_path):
    net = job.training_net(ROOT / "models/temporal_vgg16_train_val.prototxt")
    assert net.count('"VideoData"') == 1 and "phase: TRAIN" in net
    made = job.Job(tmp_path / "job", job.Size(2, 3, 8, 8))
    made.solver("x", net, 5, max_iter=3)
    text = (tmp_path / "job/x_net.prototxt").read_text()
    assert text.count(f'source: "{made.list}"') == 1
    assert re.findall(r"batch_size: (\d+)", text) == ["5"]
    assert len(list((tmp_path / "job").rglob("*.jpg"))) == 2 * 3 * 2


def test_step_times_are_those_of_the_log():
    log = "".join(
        f"I20260101 23:59:{50 + 2 * i:02d}.500000 9 solver.cpp:239] "
        f"Iteration {i} (1 iter/s, 2s/1 iters), loss = 1\n"
        for i in range(4)
    )
    assert timing.seconds_a_step(log, 1) == (2.0, 2)
    with pytest.raises(machine.CheckFailed):
        timing.seconds_a_step(log, 9)


def test_cells_do_not_break_the_table():
    lines = report.table([{"a": "x|y\nz"}])
    assert lines[2] == "| x\\|y z |"
