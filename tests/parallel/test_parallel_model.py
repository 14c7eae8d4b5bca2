"""The alpha-beta model of benchmarks/."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import parallel_model as model  # noqa: E402


@pytest.mark.parametrize("ranks", [2, 5])
def test_fit_finds_the_link_that_made_the_times(ranks):
    random = np.random.default_rng(1)
    link = model.Link(alpha=3e-5, beta=2e-10)
    sizes = 4.0 ** np.arange(4, 14)
    noise = 1 + 0.01 * random.standard_normal(len(sizes))
    times = [
        (n, link.all_reduce(ranks, n) * e) for n, e in zip(sizes, noise, strict=True)
    ]
    found = model.fit(ranks, times)
    assert found.alpha == pytest.approx(link.alpha, rel=0.03)
    assert found.beta == pytest.approx(link.beta, rel=0.03)


def test_speed_up_is_bounded_and_falls_with_worse_links():
    job = model.Job(0.1, 0.2, 5e8, 12)
    for ranks in (2, 8, 64):
        good, bad = model.Link(1e-6, 1e-12), model.Link(1e-4, 1e-9)
        assert model.speedup(job, good, ranks) == pytest.approx(ranks, rel=0.02)
        assert 0 < model.speedup(job, bad, ranks) < model.speedup(job, good, ranks)
    assert model.speedup(job, bad, 1) == 1


def test_hidden_all_reduces_cost_the_last_bucket_only():
    link = model.Link(0, 1e-9)
    job = model.Job(0.1, 1.0, 4e8, 4)
    alone = model.step_seconds(job, link, 1)
    # 0.4 s of all-reduces behind 1 s of backward.
    assert model.step_seconds(job, link, 2) == pytest.approx(alone + 0.1)
