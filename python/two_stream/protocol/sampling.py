"""Which positions of a video are tested (section 4.1).

Spatial: 25 frames, step floor((N - 1) / 24). Temporal: 25 stacks of L fields,
step floor((N - L + 1) / 25). Where the step would be 0 the samples are spread
evenly over what there is, instead of being 25 times the same. A clip shorter
than a stack is gone through from 25 places as well: see ``positions``.
"""

from __future__ import annotations

from two_stream.errors import UserError

SHORT_CLIPS = ("loop", "pad", "fail")


def starts(frames: int, length: int, samples: int, temporal: bool) -> list[int]:
    """Returns the first position (0-based) of each sample.

    ``frames`` positions are on disk and a sample takes ``length`` of them. One
    sample is the centre one, as in Caffe's TEST phase. In a clip shorter than
    ``length`` a sample can start anywhere, as the VideoData layer's segments do.
    """
    if frames < 1 or length < 1 or samples < 1:
        raise ValueError("frames, length and samples are positive")
    places = frames - length + 1  # a sample can start at 0 .. places - 1
    if places < 1:
        return [i * frames // samples for i in range(samples)]
    if samples == 1:
        return [places // 2]
    step = places // samples if temporal else (places - 1) // (samples - 1)
    if step > 0:
        return [i * step for i in range(samples)]
    return [i * places // samples for i in range(samples)]


def positions(start: int, length: int, frames: int, short_clip: str) -> list[int]:
    """Returns the positions of one sample.

    Past the end, ``loop`` starts again at the first position and ``pad``
    repeats the last. ``fail`` raises UserError.
    """
    if start + length <= frames:
        return list(range(start, start + length))
    if short_clip == "fail":
        raise UserError(
            f"{frames} frames, but a sample takes {length}; use a longer video, or "
            "--short-clip loop"
        )
    if short_clip == "pad":
        return [min(start + i, frames - 1) for i in range(length)]
    return [(start + i) % frames for i in range(length)]
