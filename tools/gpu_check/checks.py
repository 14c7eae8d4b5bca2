"""The checks. Each takes a Bench and returns a detail, or raises CheckFailed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gpu_check.job import SMALL, Job, Size, training_net, update_error, with_gather
from gpu_check.machine import CheckFailed, Gpu, Ran, Runner

ROOT = Path(__file__).resolve().parents[2]
# How far steps on a GPU may be from those on a CPU, or on other ranks, as a share
# of the way they went. Rounding alone, without TF32, is a millionth; but a ReLU or
# a maximum that it tips over puts a gradient elsewhere, and one of a channel's few
# hundred is a share of some thousandths. What is wrong is wrong by far more.
SAME_STEPS = 1e-2


class NotRun(Exception):
    """A check that can't be run here; the text says why."""


@dataclass
class Bench:
    """What the checks work with. Without GPUs it is a rehearsal on the CPU."""

    runner: Runner
    folder: Path
    gpus: list[Gpu]
    nccl: tuple[int, ...]  # version built in; empty: none
    mpi: bool  # built in, and there is an mpirun
    quick: bool

    def devices(self, ranks: int) -> list[object]:
        """Arguments of ``caffe train`` for so many ranks, on the GPUs present."""
        if not self.gpus:
            return ["-workers", ranks]
        return ["-gpu", ",".join(str(i % len(self.gpus)) for i in range(ranks))]

    def small_job(self) -> Job:
        return Job(self.folder / "small", Size(clips=12, frames=8, height=40, width=48))

    def vgg_job(self) -> tuple[Job, str]:
        """The temporal VGG-16 on frames of the paper's size; small ones if quick."""
        if self.quick:
            return self.small_job(), SMALL
        size = Size(clips=16, frames=12, height=256, width=340)
        net = training_net(ROOT / "models/temporal_vgg16_train_val.prototxt")
        return Job(self.folder / "vgg16", size), net

    def several_on_a_gpu(self) -> dict[str, str]:
        """The environment in which NCCL takes several ranks on one GPU."""
        return {"NCCL_MULTI_RANK_GPU_ENABLE": "1"} if self.nccl >= (2, 30) else {}

    def train(
        self,
        log: str,
        solver: Path,
        *arguments: object,
        processes: int = 1,
        **environment: str,
    ) -> Ran:
        """Runs `caffe train`, by mpirun if there are to be several processes."""
        ran = self.runner.run(
            log,
            "caffe",
            "train",
            "-solver",
            solver,
            *arguments,
            processes=processes,
            **environment,
        )
        if ran.code:
            raise CheckFailed(f"{log}: {last_words(ran.text)}")
        return ran


def last_words(text: str) -> str:
    """The line that says what went wrong."""
    lines = [line for line in text.splitlines() if line.strip()] or ["(no output)"]
    told = [line for line in lines if re.match(r"error: |F\d{8} ", line)]
    return (told or lines)[-1].strip()[:300]


def tests_of(log: str) -> tuple[list[str], list[str]]:
    """Names of the tests that passed and failed, from GoogleTest's output."""
    passed = re.findall(r"^\[ +OK \] ([^ (]+)", log, re.M)
    failed = re.findall(r"^\[ +FAILED +\] ([^ ,(]+)(?=.*\(\d+ ms\))", log, re.M)
    return passed, failed


def require_tests(ran: Ran, passed: list[str], failed: list[str]) -> str:
    if failed:
        raise CheckFailed(
            f"{len(failed)} of {len(passed) + len(failed)} failed: "
            + ", ".join(failed[:20])
        )
    if ran.code or not passed:
        raise CheckFailed(f"ended with {ran.code}: {last_words(ran.text)}")
    return f"{len(passed)} tests"


def device_query(bench: Bench) -> str:
    if not bench.gpus:
        raise NotRun("needs a GPU")
    ran = bench.runner.run("device_query", "caffe", "device_query", "-gpu", "all")
    names = re.findall(r"Name: +(.*)", ran.text)
    if ran.code or len(names) != len(bench.gpus):
        raise CheckFailed(last_words(ran.text))
    return ", ".join(names)


def caffe_tests(bench: Bench) -> str:
    """All of Caffe's tests, on the CPU and the GPU: its layers, ours in its place."""
    if not bench.gpus:
        raise NotRun("needs a GPU")
    ran = bench.runner.run(
        "caffe_tests", "caffe_tests", cwd=bench.runner.build / "caffe-src"
    )
    return require_tests(ran, *tests_of(ran.text))


def gradient_checks(bench: Bench) -> str:
    """Those of Caffe's tests that compare gradients with differences, on the GPU."""
    if not bench.gpus:
        raise NotRun("needs a GPU")
    # Types 2 and 3 of a test are float and double on the GPU.
    ran = bench.runner.run(
        "gradient_checks",
        "caffe_tests",
        "--gtest_filter=*/2.*Gradient*:*/3.*Gradient*:*CuDNN*Gradient*",
        cwd=bench.runner.build / "caffe-src",
    )
    return require_tests(ran, *tests_of(ran.text))


def our_tests(bench: Bench) -> str:
    """Ours, among them the cuDNN convolution, and the transports, on the GPUs."""
    if not bench.gpus:
        raise NotRun("needs a GPU")
    ran = bench.runner.run(
        "two_stream_tests", "two_stream_tests", **bench.several_on_a_gpu()
    )
    passed, failed = tests_of(ran.text)
    skipped = len(re.findall(r"^\[ +SKIPPED +\] (?!\d)", ran.text, re.M))
    return f"{require_tests(ran, passed, failed)}, {skipped} skipped"


def same_steps(
    bench: Bench, name: str, job: Job, net: str, batch: int, **fields
) -> str:
    """The same steps on the CPU and on the GPU."""
    steps = fields["max_iter"]
    started = job.solver("start", net, batch, **{**fields, "max_iter": 0})
    solver = job.solver("cpu", net, batch, **fields)
    bench.train(f"{name}_start", started)
    bench.train(f"{name}_cpu", solver)
    solver = job.solver("gpu", net, batch, **fields)
    bench.train(f"{name}_gpu", solver, *bench.devices(1))
    error = update_error(
        job.params("start", 0), job.params("gpu", steps), job.params("cpu", steps)
    )
    if not error < SAME_STEPS:
        raise CheckFailed(f"updates differ by {error:.1e}, more than {SAME_STEPS:.0e}")
    return f"{steps} steps of batch {batch}: updates differ by {error:.1e}"


def small_steps(bench: Bench) -> str:
    return same_steps(
        bench, "small", bench.small_job(), SMALL, 8, max_iter=5, base_lr=0.01
    )


def vgg_steps(bench: Bench) -> str:
    job, net = bench.vgg_job()
    return same_steps(bench, "vgg16", job, net, 2, max_iter=2, base_lr=0.001)


def transports(bench: Bench, ranks: int) -> list[tuple[str, dict[str, str]]]:
    """Transports to try for so many ranks, with the environment that each needs."""
    if not bench.gpus:
        return [("auto", {})]
    if ranks <= len(bench.gpus):
        return [("nccl", {}), ("staged", {})] if bench.nccl else [("staged", {})]
    if several := bench.several_on_a_gpu():
        return [("nccl", several), ("staged", {})]
    return [("staged", {})]


def ranks_check(ranks: int):
    """A check that so many ranks train as one does, with and without Gather.

    They are threads of one process, and then processes of one rank each.
    """

    def check(bench: Bench) -> str:
        job, batch, steps = bench.small_job(), 8, 5
        fields = {"max_iter": steps, "base_lr": 0.01, "clip_gradients": 2.0}
        bench.train(
            "ranks_start",
            job.solver("start", SMALL, batch, **{**fields, "max_iter": 0}),
        )
        start, tried = job.params("start", 0), []
        for kind, net in (("plain", SMALL), ("gather", with_gather(SMALL))):
            name = f"{kind}_1"
            bench.train(name, job.solver(name, net, batch, **fields), *bench.devices(1))
            alone = job.params(name, steps)
            ways = [
                (transport, environment, processes)
                for transport, environment in transports(bench, ranks)
                for processes in ((1, ranks) if bench.mpi else (1,))
            ]
            for transport, environment, processes in ways:
                way = transport if processes == 1 else f"{transport} with MPI"
                name = f"{kind}_{ranks}_{way.replace(' ', '_')}"
                solver = job.solver(name, net, batch // ranks, **fields)
                options = ["-transport", transport, "-check_sync", 1, "-timeout", 60]
                bench.train(
                    name,
                    solver,
                    *(bench.devices(ranks) if bench.gpus or processes == 1 else []),
                    *options,
                    processes=processes,
                    **environment,
                )
                error = update_error(start, job.params(name, steps), alone)
                if not error < SAME_STEPS:
                    raise CheckFailed(f"{name}: updates differ by {error:.1e}")
                tried.append(f"{kind}, {way}: {error:.1e}")
        where = f"{min(ranks, len(bench.gpus))} GPUs" if bench.gpus else "the CPU"
        return f"on {where}; updates differ from one rank's by " + "; ".join(tried)

    return check


CHECKS = {
    "device query": device_query,
    "Caffe's tests": caffe_tests,
    "gradient checks": gradient_checks,
    "our tests": our_tests,
    "small net, GPU steps = CPU steps": small_steps,
    "VGG-16, GPU steps = CPU steps": vgg_steps,
    "2 ranks = 1 rank": ranks_check(2),
    "4 ranks = 1 rank": ranks_check(4),
}
