"""Measures synchronous SGD on this machine's CPU; everything as ratios in one run.

    python benchmarks/parallel.py [--batch 4] [--steps 3] [--size 224]

Bytes a step with and without Gather (counted by the communicators), step time of 1
and 2 ranks beside stock Caffe with the same samples a step, the share of
communication hidden behind backward, all-reduce times; and what an alpha-beta model
fitted to them says of this machine, and of GPUs under the assumptions it prints.
Writes build/benchmarks/parallel.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / "build/cpu/bin"
OUT = ROOT / "build/benchmarks"
sys.path[:0] = [str(ROOT / "build/cpu/python"), str(ROOT / "benchmarks")]

import parallel_model as model  # noqa: E402
from caffe.proto import caffe_pb2  # noqa: E402
from google.protobuf import text_format  # noqa: E402

CHANNELS = 20  # temporal: 10 flow fields


def environment(threads: int) -> dict:
    return {
        **os.environ,
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
    }


def write_job(name: str, gather: bool, batch: int, size: int, steps: int) -> Path:
    """VGG-16 of models/ on constant input: no file is read while the clock runs."""
    kind = "temporal_vgg16_gather" if gather else "temporal_vgg16"
    net = caffe_pb2.NetParameter()
    text_format.Parse((ROOT / f"models/{kind}_train_val.prototxt").read_text(), net)
    layers = []
    for layer in net.layer:
        if layer.type == "VideoData":
            if any(rule.phase == caffe_pb2.TEST for rule in layer.include):
                continue
            data = caffe_pb2.LayerParameter(name=layer.name, type="DummyData")
            data.top.extend(layer.top)
            for shape in ([batch, CHANNELS, size, size], [batch]):
                data.dummy_data_param.shape.add().dim.extend(shape)
            layer = data
        elif any(rule.phase == caffe_pb2.TEST for rule in layer.include):
            continue
        layers.append(layer)
    del net.layer[:]
    net.layer.extend(layers)
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.prototxt").write_text(text_format.MessageToString(net))
    solver = folder / "solver.prototxt"
    solver.write_text(
        f'net: "{folder}/net.prototxt"\nbase_lr: 0\nlr_policy: "fixed"\n'
        f"momentum: 0.9\nmax_iter: {steps}\ndisplay: 1\nrandom_seed: 1\n"
        "snapshot_after_train: false\nsolver_mode: CPU\n"
    )
    return solver


def run(command: list, threads: int) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        env=environment(threads),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-3000:]}")
    return done.stdout + done.stderr


def step_time(log: str) -> float:
    """The fastest step but the first, which allocates."""
    times = [float(t) for t in re.findall(r"iter/s, (\S+)s/1 iters", log)]
    return min(times[2:])


def communication(log: str) -> dict:
    found = re.search(
        r"Communication, .*: (\S+) MB to be exchanged, (\S+) MB sent .* take (\S+) s, "
        r"of which (\S+) % hidden",
        log,
    )
    names = ("exchanged_mb", "sent_mb", "all_reduce_s", "hidden_percent")
    return dict(zip(names, map(float, found.groups()), strict=True))


def measure_steps(batch: int, size: int, steps: int) -> dict:
    """Stock Caffe, ours on 1 rank and on 2, the same samples a step and cores.

    Two rounds, the faster of each: other programs on the machine come and go.
    """
    rounds = [measure_round(batch, size, steps) for _ in range(2)]
    return {
        name: min((r[name] for r in rounds), key=lambda x: x["step_s"])
        for name in rounds[0]
    }


def measure_round(batch: int, size: int, steps: int) -> dict:
    cores = os.cpu_count() or 1
    results = {}
    whole = write_job("one", False, batch, size, steps + 2)
    half = write_job("two", False, batch // 2, size, steps + 2)
    gather = write_job("two_gather", True, batch // 2, size, steps + 2)
    caffe = [BIN / "caffe", "train", "-solver"]
    results["stock"] = {"step_s": step_time(run([BIN / "stock_solve", whole], cores))}
    results["1 rank"] = {"step_s": step_time(run([*caffe, whole], cores))}
    each = max(1, cores // 2)
    for name, solver in (("2 threads", half), ("2 threads, Gather", gather)):
        log = run([*caffe, solver, "-workers", 2], each)
        results[name] = {"step_s": step_time(log), **communication(log)}
    log = run(["mpirun", "-np", 2, *caffe, gather], each)
    results["2 processes, Gather"] = {"step_s": step_time(log), **communication(log)}
    return results


def measure_all_reduce() -> dict:
    """Fits, by transport and ranks."""
    fits = {}
    for ranks in (2, 4):
        for name, command in (
            ("threads", [BIN / "allreduce_probe", ranks]),
            ("MPI", ["mpirun", "-np", ranks, BIN / "allreduce_probe"]),
        ):
            lines = run(command, 1).split("\n")
            times = [tuple(map(float, x.split())) for x in lines if x.count(" ") == 1]
            # The start-up time, and lengths of buckets, which no cache holds.
            times = [(n, t) for n, t in times if n <= 4096 or n >= 4e6]
            link = model.fit(ranks, times)
            worst = max(abs(link.all_reduce(ranks, n) / t - 1) for n, t in times)
            fits[f"{name} {ranks}"] = {
                "alpha_us": link.alpha * 1e6,
                "gb_per_s": 1e-9 / link.beta,
                "largest_relative_error": worst,
                "times": times,
            }
    return fits


# Assumed, since there is no GPU here: VGG-16 takes 31 GFLOP a sample forward and twice
# that backward; a GPU sustains 40 TFLOP/s; links reach 80 % of their nominal rate.
GPU_ASSUMPTIONS = {
    "gflop_a_sample_forward": 31,
    "sustained_tflop_per_s": 40,
    "samples_a_rank": 64,
    "links": {
        "PCIe 4.0 x16": {"alpha_us": 10, "gb_per_s": 0.8 * 32},
        "NVLink 4": {"alpha_us": 5, "gb_per_s": 0.8 * 450},
        "100 Gb/s network": {"alpha_us": 20, "gb_per_s": 0.8 * 12.5},
    },
}


def predict(exchanged: dict) -> dict:
    """Speed-up over one GPU for 4, 8 and 64 of them, with and without Gather."""
    a = GPU_ASSUMPTIONS
    features = 512 * 7 * 7 * 4 * a["samples_a_rank"]
    forward = (
        a["gflop_a_sample_forward"]
        * a["samples_a_rank"]
        / (1000 * a["sustained_tflop_per_s"])
    )
    bytes_of = {name: megabytes * 1e6 for name, megabytes in exchanged.items()}
    jobs = {
        "without Gather": model.Job(forward, 2 * forward, bytes_of["all"], 12),
        "with Gather": model.Job(
            forward, 2 * forward, bytes_of["convolutions"], 8, features
        ),
    }
    table = {}
    for name, link in a["links"].items():
        wires = model.Link(link["alpha_us"] * 1e-6, 1e-9 / link["gb_per_s"])
        table[name] = {
            kind: {n: round(model.speedup(job, wires, n), 1) for n in (4, 8, 64)}
            for kind, job in jobs.items()
        }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=4, help="samples a step")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    if options.batch % 2:
        parser.error("--batch must be even")

    steps = measure_steps(options.batch, options.size, options.steps)
    stock = steps["stock"]["step_s"]
    for result in steps.values():
        result["of_stock"] = result["step_s"] / stock
    local = options.batch // 2
    gathered = (512 * 7 * 7 + 1) * 4 * local / 1e6  # features and labels of a pass
    exchanged = {
        "all": steps["2 threads"]["exchanged_mb"],
        "with_gather": steps["2 threads, Gather"]["exchanged_mb"],
    }
    exchanged["convolutions"] = exchanged["with_gather"] - gathered
    report = {
        "options": vars(options),
        "cores": os.cpu_count(),
        "steps": steps,
        "exchanged_mb_a_step": exchanged,
        "all_reduce": measure_all_reduce(),
        "gpu_assumptions": GPU_ASSUMPTIONS,
        "gpu_speedup_predicted": predict(exchanged),
    }
    path = OUT / "parallel.json"
    path.write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
