"""Measures synchronous SGD on this machine's CPU; everything as ratios in one run.

    python benchmarks/parallel.py [--batch 4] [--steps 3] [--size 224]

Bytes a step with and without Gather (counted by the communicators), step time of 1
and 2 ranks beside stock Caffe with the same samples a step, the share of
communication hidden behind backward, all-reduce times; and what an alpha-beta model
fitted to them says of this machine, and of GPUs under the assumptions it prints.
Prints Markdown, and writes all that was measured to build/benchmarks/parallel.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
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
MPIRUN = ["mpirun", "--bind-to", "none", "-np"]


def build() -> None:
    targets = ["caffe_command", "pycaffe", "stock_solve", "allreduce_probe"]
    subprocess.run(
        ["cmake", "--build", str(BIN.parent), "--target", *targets],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def machine() -> str:
    """Processor, cores, memory, system."""
    info = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", info)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{name[1] if name else platform.processor()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB, {platform.freedesktop_os_release()['PRETTY_NAME']}"
    )


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
    log = run([*MPIRUN, 2, *caffe, gather], each)
    results["2 processes, Gather"] = {"step_s": step_time(log), **communication(log)}
    return results


def measure_all_reduce() -> dict:
    """Fits, by transport and ranks."""
    fits = {}
    for ranks in (2, 4):
        for name, command in (
            ("threads", [BIN / "allreduce_probe", ranks]),
            ("MPI", [*MPIRUN, ranks, BIN / "allreduce_probe"]),
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


def gathered_bytes(batch: int, size: int) -> int:
    """What a rank gives to the Gather: features and labels."""
    return 4 * batch * (512 * (size // 32) ** 2 + 1)


def job(forward: float, exchanged: dict, gather: bool, batch: int, size: int):
    """Backward takes twice as long as forward; buckets as the engine makes them."""
    if not gather:
        return model.Job(forward, 2 * forward, 1e6 * exchanged["all"], 12)
    gradients = 1e6 * exchanged["convolutions"]
    return model.Job(forward, 2 * forward, gradients, 8, gathered_bytes(batch, size))


def check_model(report: dict) -> None:
    """Adds what the fitted model says of the 2 ranks that were measured.

    One rank with all cores and all samples computes as long as two with half each.
    """
    steps, options = report["steps"], report["options"]
    for name, result in steps.items():
        if "sent_mb" not in result:
            continue
        fit = report["all_reduce"]["MPI 2" if "processes" in name else "threads 2"]
        link = model.Link(fit["alpha_us"] * 1e-6, 1e-9 / fit["gb_per_s"])
        local = job(
            steps["1 rank"]["step_s"] / 3,
            report["exchanged_mb_a_step"],
            "Gather" in name,
            options["batch"] // 2,
            options["size"],
        )
        result["step_s_by_model"] = model.step_seconds(local, link, 2)


def predict(exchanged: dict) -> dict:
    """Speed-up over one GPU for 4, 8 and 64 of them, with and without Gather."""
    a = GPU_ASSUMPTIONS
    forward = (
        a["gflop_a_sample_forward"]
        * a["samples_a_rank"]
        / (1000 * a["sustained_tflop_per_s"])
    )
    jobs = {
        name: job(forward, exchanged, gather, a["samples_a_rank"], 224)
        for name, gather in (("without Gather", False), ("with Gather", True))
    }
    table = {}
    for name, link in a["links"].items():
        wires = model.Link(link["alpha_us"] * 1e-6, 1e-9 / link["gb_per_s"])
        table[name] = {
            kind: {n: round(model.speedup(made, wires, n), 1) for n in (4, 8, 64)}
            for kind, made in jobs.items()
        }
    return table


def markdown(report: dict) -> str:
    """All of the report but the single all-reduces' times."""
    options = report["options"]
    lines = [
        f"{report['machine']}; VGG-16 (temporal), {options['batch']} samples a step, "
        f"{options['size']} x {options['size']} pixels:",
        "",
        "| | s / step | x stock | by the model | MB to exchange | MB sent by a rank "
        "| all-reduces, s | of that hidden |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, r in report["steps"].items():
        row = f"| {name} | {r['step_s']:.2f} | {r['of_stock']:.3f} "
        if "sent_mb" in r:
            row += (
                f"| {r['step_s_by_model']:.2f} | {r['exchanged_mb']:g} "
                f"| {r['sent_mb']:g} | {r['all_reduce_s']:.3f} "
                f"| {r['hidden_percent']:.0f} % |"
            )
        lines.append(row if "sent_mb" in r else row + "| | | | | |")
    lines += [
        "",
        "The model: T(N ranks, n bytes) = alpha (N - 1) + 2 (N - 1) / N n beta for an "
        "all-reduce, of which backward hides what it can. Fitted to all-reduces of "
        "1 to 4 KB and 4 to 64 MB here. (On a CPU they take the cores from backward, "
        "which the model leaves out.)",
        "",
        "| transport, ranks | alpha, us | 1 / beta, GB/s | largest error of the fit |",
        "|---|---:|---:|---:|",
    ]
    for name, fit in report["all_reduce"].items():
        lines.append(
            f"| {name} | {fit['alpha_us']:.1f} | {fit['gb_per_s']:.2f} "
            f"| {100 * fit['largest_relative_error']:.0f} % |"
        )
    a = report["gpu_assumptions"]
    lines += [
        "",
        f"Predicted, not measured: samples a second beside one GPU's, with "
        f"{a['samples_a_rank']} samples a GPU, {a['gflop_a_sample_forward']} GFLOP a "
        f"sample forward and twice that backward, {a['sustained_tflop_per_s']} TFLOP/s "
        f"a GPU, all-reduces hidden behind {100 * model.Job.overlap:.0f} % of backward "
        "at most, and the links' alpha and rate as given:",
        "",
        "| link | net | 4 GPUs | 8 GPUs | 64 GPUs |",
        "|---|---|---:|---:|---:|",
    ]
    for link, kinds in report["gpu_speedup_predicted"].items():
        given = a["links"][link]
        for kind, by_ranks in kinds.items():
            cells = " | ".join(f"{by_ranks[n]:g}" for n in (4, 8, 64))
            lines.append(
                f"| {link} ({given['alpha_us']} us, {given['gb_per_s']:g} GB/s) "
                f"| {kind} | {cells} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=4, help="samples a step")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    if options.batch % 2:
        parser.error("--batch must be even")

    build()
    steps = measure_steps(options.batch, options.size, options.steps)
    stock = steps["stock"]["step_s"]
    for result in steps.values():
        result["of_stock"] = result["step_s"] / stock
    gathered = gathered_bytes(options.batch // 2, options.size) / 1e6
    exchanged = {
        "all": steps["2 threads"]["exchanged_mb"],
        "with_gather": steps["2 threads, Gather"]["exchanged_mb"],
    }
    exchanged["convolutions"] = exchanged["with_gather"] - gathered
    report = {
        "options": vars(options),
        "machine": machine(),
        "steps": steps,
        "exchanged_mb_a_step": exchanged,
        "all_reduce": measure_all_reduce(),
        "gpu_assumptions": GPU_ASSUMPTIONS,
        "gpu_speedup_predicted": predict(exchanged),
    }
    check_model(report)
    OUT.mkdir(parents=True, exist_ok=True)
    partial = OUT / "parallel.json.part"
    partial.write_text(json.dumps(report, indent=1))
    partial.replace(OUT / "parallel.json")
    print(markdown(report))


if __name__ == "__main__":
    main()
