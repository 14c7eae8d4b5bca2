"""Means to subtract: values, Caffe's .binaryproto, or MATLAB's .mat.

A .mat file, as the paper's authors published them, holds ``image_mean`` as
height x width x channels, BGR or x, y, x, y, ...; as height x width it is the mean
of all channels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from two_stream.data.patterns import FLOW
from two_stream.errors import UserError
from two_stream.files import atomic_path
from two_stream.locate import load_proto

# The means of the paper's models: ImageNet's BGR, and no motion.
_USUAL = {"rgb": (104.0, 117.0, 123.0), "flow": (128.0,)}


def usual_mean(modality: str, grayscale: bool = False) -> np.ndarray:
    """Returns the mean of the paper's models for a modality."""
    values = _USUAL[modality]
    if grayscale and modality != FLOW:
        values = (float(np.mean(values)),)
    return np.array(values, np.float32)


def parse_mean(text: str) -> np.ndarray:
    """Reads ``104,117,123``, ``none`` or a file's name.

    Returns values (C) or an image (C x H x W), float32. Raises UserError.
    """
    if text == "none":
        return np.zeros(1, np.float32)
    try:
        values = np.array([float(word) for word in text.split(",")], np.float32)
    except ValueError:
        return read_mean(text)
    if not np.isfinite(values).all():
        raise UserError(f"{text}: a mean is finite")
    return values


def read_mean(path: str | Path) -> np.ndarray:
    """Reads a mean image, C x H x W; raises UserError."""
    if not Path(path).is_file():
        raise UserError(f"{path}: no such mean file; values are written as 104,117,123")
    if str(path).endswith(".mat"):
        return _read_mat(path)
    from google.protobuf.message import DecodeError

    blob = load_proto().BlobProto()
    try:
        blob.ParseFromString(Path(path).read_bytes())
    except DecodeError:
        blob.Clear()
    if not blob.data:
        raise UserError(f"{path}: not a mean of Caffe's (.binaryproto) or a .mat")
    shape = blob.shape.dim or (blob.channels, blob.height, blob.width)
    return np.array(blob.data, np.float32).reshape(tuple(shape)[-3:])


def _read_mat(path: str | Path) -> np.ndarray:
    from scipy.io import loadmat

    try:
        arrays = loadmat(str(path))
    except (ValueError, NotImplementedError, OSError) as error:
        raise UserError(f"{path}: cannot read it ({error})") from None
    found = [arrays["image_mean"]] if "image_mean" in arrays else arrays.values()
    images = [np.atleast_3d(array) for array in found if np.ndim(array) >= 2]
    images = [image for image in images if image.ndim == 3]
    if len(images) != 1:
        raise UserError(
            f"{path}: has {len(images)} images; the mean must be called image_mean"
        )
    return np.ascontiguousarray(images[0].transpose(2, 0, 1), np.float32)


def write_mean(path: str | Path, image: np.ndarray) -> None:
    """Writes a mean image, C x H x W, as a .binaryproto."""
    blob = load_proto().BlobProto(data=np.ravel(image).tolist())
    blob.shape.dim.extend(image.shape)
    with atomic_path(path) as temporary:
        temporary.write_bytes(blob.SerializeToString())
