"""What layers read from files: lists, arrays, pictures."""

from __future__ import annotations

import io
from typing import Any, Optional

import numpy as np

from .base import Layer


def read_list(layer: Layer, source: str) -> str:
    """The text of a list of files; fails as `layer` where it cannot be read or is empty."""
    try:
        with open(source, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
    except OSError as error:
        layer.fail("cannot read the list %s: %s" % (source, error.strerror or error))
    if not text.split():
        layer.fail("the list %s is empty" % source)
    return text


def read_binaryproto(layer: Layer, path: str) -> np.ndarray:
    """The float32 array of a BlobProto in a file; fails as `layer` where there is none."""
    from ..io import blobproto_to_array
    from ..proto import caffe_pb2

    proto = caffe_pb2.BlobProto()
    try:
        with open(path, "rb") as stream:
            proto.ParseFromString(stream.read())
    except Exception as error:  # protobuf's own, of no common base
        layer.fail("cannot read the array %s: %s" % (path, error))
    return np.asarray(blobproto_to_array(proto), np.float32)


def decode_picture(content: bytes, color: Optional[bool] = None) -> np.ndarray:
    """A picture as Caffe has it.

    Parameters
    ----------
    content : bytes
        A file of any format that Pillow reads.
    color : bool, optional
        Three channels or one; by default as many as it has (four with transparency).

    Returns
    -------
    ndarray, (channels, height, width), uint8; BGR

    Raises
    ------
    ValueError
        Where it is no picture, or one of more than 8 bits a value.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.mode[0] in "IF":
                raise ValueError("its values have more than 8 bits")
            if color is None:
                bands = picture.getbands()
                grey = len(bands) == 1 and picture.mode != "P"
                mode = "L" if grey else "RGBA" if "A" in bands else "RGB"
            else:
                mode = "RGB" if color else "L"
            pixels = np.asarray(picture.convert(mode))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError("it is no picture that can be used (%s)" % error) from None
    if mode == "L":
        return pixels[np.newaxis]
    order = [2, 1, 0, 3][: pixels.shape[2]]
    return np.moveaxis(pixels[:, :, order], 2, 0)


def resize_picture(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (channels, H, W) uint8 bilinearly, as OpenCV: not smoothed before it shrinks."""
    result: Any = picture.astype(np.float32)
    for axis, size in ((1, height), (2, width)):
        last = picture.shape[axis] - 1
        position = (np.arange(size, dtype=np.float32) + 0.5) * ((last + 1) / size) - 0.5
        position = position.clip(0, last)
        low = position.astype(int)
        part = (position - low).reshape((-1, 1) if axis == 1 else -1)
        high = np.minimum(low + 1, last)
        result = result.take(low, axis) * (1 - part) + result.take(high, axis) * part
    return np.floor(result + 0.5).astype(np.uint8)
