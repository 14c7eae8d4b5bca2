"""Times of training steps, by the clock of the log."""

from __future__ import annotations

import re
from datetime import datetime

from gpu_check.checks import Bench
from gpu_check.machine import CheckFailed, PeakMemory


def seconds_a_step(log: str, first: int) -> tuple[float, int]:
    """Mean seconds of the steps from iteration ``first`` on, and how many there are."""
    pattern = r"^I(\d{8} \d\d:\d\d:\d\d\.\d{6}) .*\] Iteration (\d+) \(.*loss = "
    times = {
        int(iteration): datetime.strptime(time, "%Y%m%d %H:%M:%S.%f")
        for time, iteration in re.findall(pattern, log, re.M)
    }
    last = max(times, default=first)
    if first not in times or last == first:
        raise CheckFailed(f"the log has no iterations from {first} on to time")
    steps = last - first
    return (times[last] - times[first]).total_seconds() / steps, steps


def vgg_rows(bench: Bench) -> list[dict[str, str]]:
    """VGG-16's training on one GPU at several batch sizes, then on all of them."""
    job, net = bench.vgg_job()
    warm, steps = (2, 4) if bench.quick else (5, 25)
    cases = [(1, batch) for batch in ((4,) if bench.quick else (16, 32, 64))]
    if len(bench.gpus) > 1:
        cases.append((len(bench.gpus), 32))
    rows = []
    for ranks, batch in cases:
        name = f"time_{ranks}x{batch}"
        # Without a seed cuDNN's algorithms are chosen by measurement.
        fields = {"max_iter": steps + 1, "base_lr": 0.0001, "random_seed": -1}
        fields["display"] = 1
        solver = job.solver(name, net, batch, snapshot_after_train="false", **fields)
        with PeakMemory(bench.gpus[0] if bench.gpus else None) as memory:
            ran = bench.train(name, solver, *bench.devices(ranks))
        step, measured = seconds_a_step(ran.text, warm)
        rows.append(
            {
                "net": "small" if bench.quick else "temporal VGG-16",
                "ranks x batch": f"{ranks} x {batch}",
                "steps": str(measured),
                "ms a step": f"{1000 * step:.1f}",
                "samples a second": f"{ranks * batch / step:.1f}",
                "GPU 0, MB": str(memory.megabytes or "-"),
            }
        )
    return rows
