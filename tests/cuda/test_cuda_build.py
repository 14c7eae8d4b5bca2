"""The CUDA build where there is no GPU: it starts, says so, and trains on the CPU."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CUDA = ROOT / "build/cuda/bin/caffe"
CPU = ROOT / "build/cpu/bin/caffe"

pytestmark = pytest.mark.skipif(not CUDA.exists(), reason="make build-cuda was not run")

# Every layer type that Caffe, and every one that we, have for cuDNN.
NET = """\
name: "engines"
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 8 dim: 3 dim: 20 dim: 24 } shape { dim: 8 }
    data_filler { type: "gaussian" std: 1 }
    data_filler { type: "constant" value: 1 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 8 kernel_size: 3 pad: 1
    weight_filler { type: "xavier" } } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "norm1" type: "LRN" bottom: "conv1" top: "norm1"
  lrn_param { local_size: 3 } }
layer { name: "pool1" type: "Pooling" bottom: "norm1" top: "pool1"
  pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layer { name: "norm2" type: "LRN" bottom: "pool1" top: "norm2"
  lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL } }
layer { name: "conv2" type: "Convolution" bottom: "norm2" top: "conv2"
  convolution_param { num_output: 8 kernel_size: 3 group: 2 dilation: 2
    engine: DEFAULT weight_filler { type: "xavier" } } }
layer { name: "up" type: "Deconvolution" bottom: "conv2" top: "up"
  convolution_param { num_output: 4 kernel_size: 2 stride: 2
    weight_filler { type: "xavier" } } }
layer { name: "sigmoid" type: "Sigmoid" bottom: "up" top: "up" }
layer { name: "tanh" type: "TanH" bottom: "up" top: "tanh" }
layer { name: "drop" type: "Dropout" bottom: "tanh" top: "tanh" }
layer { name: "fc" type: "InnerProduct" bottom: "tanh" top: "fc"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""
SOLVER = """\
net: "net.prototxt" base_lr: 0.01 momentum: 0.9 weight_decay: 0.001 lr_policy: "fixed"
max_iter: 4 snapshot_prefix: "out" random_seed: 7 richness: 64
"""


def gpu_is_present():
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


without_gpu = pytest.mark.skipif(gpu_is_present(), reason="there is a GPU")


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def test_version_names_the_libraries(tmp_path):
    ran = run(CUDA, "version", cwd=tmp_path)
    assert ran.returncode == 0
    assert re.search(r"CUDA: 1[2-9]\.\d+\.\d+ for ", ran.stdout)
    assert re.search(r"cuDNN: 9\.\d+\.\d+\n", ran.stdout)
    assert re.search(r"NCCL: 2\.\d+\.\d+\n", ran.stdout)


def test_driver_is_not_linked():
    """libcuda.so.1 comes with the driver: a library that needs it wouldn't load."""
    for name in ("bin/caffe", "lib/libcaffe.so", "lib/libtwo_stream.so"):
        ran = run("ldd", ROOT / "build/cuda" / name, cwd=ROOT)
        assert ran.returncode == 0
        assert "libcudart.so" in ran.stdout
        assert "libcuda.so" not in ran.stdout and "not found" not in ran.stdout


def test_cpu_training_is_that_of_the_cpu_build(tmp_path):
    """Bit for bit: the same layers are chosen, whatever the build contains."""
    models = []
    for binary in (CPU, CUDA):
        folder = tmp_path / binary.parents[1].name
        folder.mkdir()
        (folder / "net.prototxt").write_text(NET)
        (folder / "solver.prototxt").write_text(SOLVER)
        ran = run(binary, "train", "-solver", "solver.prototxt", cwd=folder)
        assert ran.returncode == 0, ran.stderr[-3000:]
        # Nothing about cuBLAS, cuRAND or drivers: nobody asked for a GPU.
        assert not re.search(r"^[EWF]\d{8} ", ran.stderr, re.M), ran.stderr
        models.append((folder / "out_iter_4.caffemodel").read_bytes())
    assert len(models[0]) > 10000
    assert models[0] == models[1]


@pytest.mark.skipif(not shutil.which("mpirun"), reason="there is no mpirun")
@pytest.mark.parametrize("ranks", [2, 3])
def test_mpi_on_device_memory(ranks, tmp_path):
    """With the stand-in for CUDA, whose device memory any MPI can read."""
    program = ROOT / "build/cuda/bin/host_gpu_tests"
    flags = ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
    command = ["mpirun", *flags, "-np", str(ranks), program]
    flags = ["--gtest_filter=MpiOnDevices.Conforms", "--gtest_color=no"]
    ran = run(*command, *flags, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("[  PASSED  ] 1 test.") == ranks


@without_gpu
def test_asking_for_a_gpu_is_an_error_in_one_line(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    ran = run(CUDA, "train", "-solver", "solver.prototxt", "-gpu", "0", cwd=tmp_path)
    assert ran.returncode == 1
    errors = [line for line in ran.stderr.splitlines() if not re.match(r"I\d{8}", line)]
    assert len(errors) == 1, errors
    assert "no GPU" in errors[0] and "driver" in errors[0]
    assert "leave out -gpu" in errors[0]
