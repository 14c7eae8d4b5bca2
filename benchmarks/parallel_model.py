"""An alpha-beta model of synchronous SGD's step, and its fit to measurements.

An all-reduce of n bytes over N ranks takes

    T(N, n) = alpha (N - 1) + 2 (N - 1) / N  n  beta

alpha: seconds a message, beta: seconds a byte sent. Each rank exchanges its block
with every other one, twice, as our host transports do; a ring has the same second
term. A step is compute, plus the all-reduces that backward does not hide, plus the
all-gathers of a Gather layer, which nothing hides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Link:
    """How ranks are connected."""

    alpha: float  # seconds
    beta: float  # seconds a byte

    def all_reduce(self, ranks: int, n: float) -> float:
        if ranks == 1:
            return 0.0
        return self.alpha * (ranks - 1) + 2 * (ranks - 1) / ranks * n * self.beta

    def all_gather(self, ranks: int, n: float) -> float:
        """Each rank gives n bytes."""
        return (ranks - 1) * (self.alpha + n * self.beta)


def fit(ranks: int, times: Sequence[tuple[float, float]]) -> Link:
    """Link from (bytes, seconds) of all-reduces; least squares of relative errors."""
    n, seconds = np.array(times, float).T
    terms = np.stack([np.full_like(n, ranks - 1.0), 2 * (ranks - 1) / ranks * n], 1)
    weighted = terms / seconds[:, None]
    # Neither can be negative: drop what would be.
    found = np.linalg.lstsq(weighted, np.ones_like(n), rcond=None)[0]
    if found[0] < 0:
        found = [0.0, float(weighted[:, 1].sum() / (weighted[:, 1] ** 2).sum())]
    return Link(float(found[0]), float(found[1]))


@dataclass(frozen=True)
class Job:
    """One rank's step."""

    forward: float  # seconds
    backward: float
    gradient_bytes: float  # all-reduced
    buckets: int  # in how many calls
    gathered_bytes: float = 0.0  # that a rank gives to a Gather

    # Share of backward during which all-reduces can run: the first bucket is ready
    # only when the layers behind it are done, the last when all are.
    overlap: float = 0.9


def step_seconds(job: Job, link: Link, ranks: int) -> float:
    if ranks == 1:
        return job.forward + job.backward
    reduce = job.buckets * link.all_reduce(ranks, job.gradient_bytes / job.buckets)
    last = reduce / job.buckets  # starts when backward ends
    exposed = max(last, reduce - job.overlap * job.backward)
    gather = link.all_gather(ranks, job.gathered_bytes) if job.gathered_bytes else 0
    return job.forward + gather + job.backward + exposed


def speedup(job: Job, link: Link, ranks: int) -> float:
    """Samples a second beside one rank's, each with the same batch."""
    return ranks * step_seconds(job, link, 1) / step_seconds(job, link, ranks)
