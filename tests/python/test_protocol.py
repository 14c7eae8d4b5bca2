"""Positions and crops against slow references, one pixel at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from two_stream.errors import UserError
from two_stream.protocol.oversample import (
    CROPS,
    crop_origin,
    crop_views,
    fit_mean,
    oversample,
)
from two_stream.protocol.sampling import positions, starts


@given(st.integers(1, 400))
def test_spatial_samples_follow_the_paper(frames):
    found = starts(frames, 1, 25, temporal=False)
    step = (frames - 1) // 24
    if step:
        assert found == [step * i for i in range(25)]
    assert len(found) == 25 and 0 <= min(found) and max(found) < frames


@given(st.integers(1, 400), st.integers(1, 20))
def test_temporal_samples_follow_the_paper(fields, length):
    found = starts(fields, length, 25, temporal=True)
    step = (fields - length + 1) // 25
    if step > 0:
        assert found == [step * i for i in range(25)]
    assert len(found) == 25 and min(found) == 0
    assert max(found) <= (fields - length if fields >= length else fields - 1)


@given(st.integers(2, 24), st.booleans())
def test_short_clips_are_spread_evenly_over_all_places(places, temporal):
    found = starts(places + 3, 4, 25, temporal)
    assert set(found) == set(range(places))  # every place, not one 25 times
    counts = np.bincount(found)
    assert counts.max() - counts.min() <= 1
    assert found == sorted(found)


@given(st.integers(2, 40), st.data(), st.sampled_from(["loop", "pad"]))
def test_clips_below_a_stack_are_not_the_same_25_times(frames, data, short_clip):
    length = data.draw(st.integers(frames + 1, 60))
    found = starts(frames, length, 25, temporal=True)
    assert found == [i * frames // 25 for i in range(25)]
    stacks = {tuple(positions(start, length, frames, short_clip)) for start in found}
    assert len(stacks) == min(frames, 25)


def test_one_sample_is_the_centre():
    assert starts(11, 1, 1, temporal=False) == [5]
    assert starts(20, 10, 1, temporal=True) == [5]  # (d - L + 1) / 2
    assert starts(4, 10, 1, temporal=True) == [0]


@given(st.integers(1, 30), st.integers(1, 12), st.data())
def test_positions_of_a_clip_that_is_too_short(frames, length, data):
    start = data.draw(st.integers(0, max(0, frames - length)))
    loop = positions(start, length, frames, "loop")
    pad = positions(start, length, frames, "pad")
    assert loop == [(start + i) % frames for i in range(length)]
    assert pad == [min(start + i, frames - 1) for i in range(length)]
    if length <= frames:
        assert loop == pad == positions(start, length, frames, "fail")
    else:
        with pytest.raises(UserError, match=f"{frames} frames"):
            positions(start, length, frames, "fail")


def slow_view(stack, crop, place, mirrored, mean, flow, scale):
    """One view, pixel by pixel: the definition."""
    channels, height, width = stack.shape
    top, left = {
        0: (0, 0),
        1: (0, width - crop[1]),
        2: (height - crop[0], 0),
        3: (height - crop[0], width - crop[1]),
        4: ((height - crop[0]) // 2, (width - crop[1]) // 2),
    }[place]
    view = np.zeros((channels, *crop))
    for c in range(channels):
        for y in range(crop[0]):
            for x in range(crop[1]):
                at = crop[1] - 1 - x if mirrored else x
                value = float(stack[c, top + y, left + at])
                if mirrored and flow and c % 2 == 0:
                    value = 255 - value
                group = mean[c % len(mean)]
                if group.size == 1:
                    value -= group.item()
                elif group.shape == (height, width):
                    value -= group[top + y, left + at]
                else:
                    value -= group[y, at]
                view[c, y, x] = value * scale
    return view


@pytest.mark.parametrize("crops", CROPS)
@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("kind", ["values", "image", "crop"])
def test_views_equal_a_slow_reference(crops, flow, kind):
    random = np.random.default_rng(crops + 100 * flow)
    size, crop = (9, 13), (6, 5)
    channels = 4 if flow else 3
    stacks = random.integers(0, 256, (2, channels, *size), np.uint8)
    groups = 2 if flow else 3
    shape = {"values": (groups,), "image": (groups, *size), "crop": (groups, *crop)}
    mean = random.uniform(0, 255, shape[kind]).astype(np.float32)
    fitted = fit_mean(mean, channels, size, crop)
    found = oversample(stacks, crop, crops, fitted, flow, 0.5)
    assert found.shape == (2 * crops, channels, *crop) and found.dtype == np.float32
    views = crop_views(crops)
    for s in range(2):
        for v, (place, mirrored) in enumerate(views):
            expected = slow_view(stacks[s], crop, place, mirrored, mean, flow, 0.5)
            np.testing.assert_allclose(found[s * crops + v], expected, atol=1e-4)


def test_mirroring_flow_twice_is_the_identity():
    stack = np.random.default_rng(0).integers(0, 256, (1, 4, 7, 7), np.uint8)
    plain, mirrored = oversample(stack, (7, 7), 2, flow=True)
    again = oversample(mirrored[None].astype(np.uint8), (7, 7), 2, flow=True)[1]
    np.testing.assert_array_equal(again, plain)


def test_views_are_written_in_place():
    stack = np.random.default_rng(1).integers(0, 256, (2, 3, 8, 9), np.uint8)
    out = np.full((25, 3, 6, 6), -1, np.float32)
    oversample(stack, (6, 6), 10, out=out[:20])
    np.testing.assert_array_equal(out[:20], oversample(stack, (6, 6), 10))
    assert (out[20:] == -1).all()


def test_refusals():
    stack = np.zeros((1, 3, 8, 9), np.uint8)
    with pytest.raises(UserError, match="8 x 9 are smaller than the crop of 9 x 9"):
        oversample(stack, (9, 9))
    with pytest.raises(UserError, match="7 crops: choose one of 1, 2, 5, 10"):
        crop_views(7)
    with pytest.raises(UserError, match="2 channels does not repeat over 3"):
        fit_mean(np.zeros(2), 3, (8, 9), (6, 6))
    with pytest.raises(UserError, match="mean is 5 high"):
        fit_mean(np.zeros((3, 5, 5)), 3, (8, 9), (6, 6))


def test_the_centre_of_the_paper_s_frames():
    assert crop_origin(4, 256, 340, (224, 224)) == (16, 58)
