"""Flow algorithms and quantisation."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from synthetic_video import panned
from two_stream_prep.errors import UserError
from two_stream_prep.flow import (
    ALGORITHMS,
    DIS,
    TVL1,
    Farneback,
    dequantize,
    make_algorithm,
    quantize,
)


def level_by_fractions(value: float, bound: float) -> int:
    """round(255 (v + b) / 2b), clipped, in exact arithmetic."""
    exact = Fraction(255) * (Fraction(value) + Fraction(bound)) / (2 * Fraction(bound))
    return int(min(max(round(exact), 0), 255))


@pytest.mark.parametrize("bound", [20.0, 15.0, 1.0, 7.3])
def test_quantize_is_the_formula(bound):
    random = np.random.default_rng(int(bound * 10))
    flow = random.uniform(-1.5 * bound, 1.5 * bound, (9, 14, 2)).astype(np.float32)
    flow[0, :5, 0] = [0.0, bound, -bound, 10 * bound, -10 * bound]
    flow[1, :2, 1] = [np.inf, -np.inf]
    levels = quantize(flow, bound)
    assert levels.dtype == np.uint8 and levels.shape == flow.shape
    for index in np.ndindex(flow.shape):
        if np.isfinite(flow[index]):
            assert levels[index] == level_by_fractions(float(flow[index]), bound), index
    assert list(levels[0, :5, 0]) == [128, 255, 0, 255, 0]
    assert list(levels[1, :2, 1]) == [255, 0]


def test_quantize_refuses_what_is_not_a_number():
    flow = np.zeros((3, 3, 2), np.float32)
    flow[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match="not numbers"):
        quantize(flow, 20.0)


def test_dequantize_inverts_within_half_a_level():
    flow = np.random.default_rng(1).uniform(-20, 20, (50, 50)).astype(np.float32)
    error = np.abs(dequantize(quantize(flow, 20.0), 20.0) - flow)
    assert error.max() <= 20.0 / 255 + 1e-5
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(quantize(dequantize(levels, 20.0), 20.0), levels)


@pytest.mark.parametrize(
    "algorithm", [TVL1(), DIS(), Farneback()], ids=lambda a: a.name
)
@pytest.mark.parametrize("motion", [(3, 0), (-2, 1), (0, -3)])
def test_recovers_known_motion(algorithm, motion):
    frames = panned(2, (96, 72), motion)
    first, second = (cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames)
    flow = algorithm.build()(first, second)
    assert flow.dtype == np.float32 and flow.shape == (72, 96, 2)
    inner = flow[10:-10, 10:-10]
    error = np.linalg.norm(inner - np.array(motion, np.float32), axis=-1)
    assert np.median(error) < 0.15
    assert np.mean(error < 0.5) > 0.9


def test_tvl1_is_the_papers():
    assert TVL1().parameters() == {
        "tau": 0.25,
        "lambda": 0.15,
        "theta": 0.3,
        "scales": 5,
        "scale_step": 0.8,
        "warps": 5,
        "epsilon": 0.01,
        "iterations": 300,
        "outer_iterations": 1,
        "median_filter": 1,
    }


def test_every_tvl1_parameter_reaches_the_solver():
    """One that moves the answer for each, so none can be left unset."""
    first, second = (f[..., 0].copy() for f in panned(2, (64, 48), (4, 1), seed=3))
    usual = TVL1().build()(first, second)
    changed = {
        "tau": 0.1,
        "lambda_": 0.02,
        "theta": 0.8,
        "scales": 1,
        "scale_step": 0.5,
        "warps": 1,
        "epsilon": 0.5,
        "iterations": 3,
        "median_filter": 5,
    }
    for name, value in changed.items():
        flow = TVL1(**{name: value}).build()(first, second)
        assert not np.array_equal(flow, usual), name
    few = TVL1(iterations=3).build()(first, second)
    again = TVL1(iterations=3, outer_iterations=20).build()(first, second)
    assert not np.array_equal(few, again)


def test_make_algorithm_reads_text():
    made = make_algorithm("tvl1", {"lambda": "0.05", "scales": "3"})
    assert made == TVL1(lambda_=0.05, scales=3)
    assert make_algorithm("dis", {"preset": "fast"}) == DIS(preset="fast")
    assert make_algorithm("farneback") == Farneback()
    assert set(ALGORITHMS) == {"tvl1", "dis", "farneback"}


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("brox", {}, "no flow algorithm 'brox'; choose one of tvl1, dis, farneback"),
        ("tvl1", {"lamda": "1"}, "tvl1 has no parameter 'lamda'; it has tau, lambda"),
        ("tvl1", {"scales": "2.5"}, "scales must be an integer, not '2.5'"),
        ("tvl1", {"lambda": "x"}, "lambda must be a number, not 'x'"),
        ("tvl1", {"lambda": "-1"}, "lambda must be positive, not -1.0"),
        ("tvl1", {"tau": "nan"}, "tau must be positive, not nan"),
        ("tvl1", {"median_filter": "4"}, "median_filter must be 1, 3 or 5"),
        ("dis", {"preset": "slow"}, "one of ultrafast, fast, medium, not 'slow'"),
        ("farneback", {"polynomial_size": "6"}, "polynomial_size must be 5 or 7"),
    ],
)
def test_make_algorithm_says_what_is_wrong(name, parameters, message):
    with pytest.raises(UserError, match=message):
        make_algorithm(name, parameters)
