"""Flow in pixels to 8-bit images and back."""

from __future__ import annotations

import numpy as np


def quantize(flow: np.ndarray, bound: float) -> np.ndarray:
    """round(255 (v + bound) / (2 bound)), clipped to [0, 255].

    `flow` is float, any shape, in pixels; the answer is uint8 of that shape.
    No motion becomes 128. Raises ValueError where the flow is not a number.
    """
    if np.isnan(flow).any():
        raise ValueError("the flow has values that are not numbers")
    levels = np.rint((flow.astype(np.float64) + bound) * (255.0 / (2.0 * bound)))
    return np.clip(levels, 0, 255).astype(np.uint8)


def dequantize(image: np.ndarray, bound: float) -> np.ndarray:
    """The flow in pixels that an 8-bit image stands for, float32.

    Off from the flow that was quantized by at most bound / 255 pixels, where
    that was within +-bound.
    """
    return (image.astype(np.float32) * (2.0 * bound / 255.0) - bound).astype(np.float32)
