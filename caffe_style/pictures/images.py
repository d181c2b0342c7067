"""Pictures: reading and writing files, resizing, noise, and conversion to and from Caffe's arrays.

A picture is an RGB array (H, W, 3) of uint8.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional, Tuple, Union

import numpy as np

from ..errors import ImageError
from ..system import files
from ..system.files import PathLike
from . import metadata as noted
from .decoding import open_picture, to_rgb
from .encoding import (
    EXIF_DESCRIPTION,
    METADATA_KEY,
    check_fits,
    check_writable,
    encode,
    of_description,
)
from .noise import coloured_noise, mix, white_noise

__all__ = [
    "check_fits",
    "check_writable",
    "coloured_noise",
    "fitted_size",
    "from_caffe",
    "mix",
    "read_image",
    "read_metadata",
    "resize",
    "to_caffe",
    "white_noise",
    "write_image",
]

Size = Union[int, Tuple[int, int]]


def read_image(path: PathLike) -> np.ndarray:
    """Read a picture from a file.

    The camera's rotation is applied, and transparent areas become white. Grey, palette, CMYK, 16-bit and
    floating-point pictures are converted to 8-bit RGB over their full range. From an animation the first frame
    is read.

    Parameters
    ----------
    path : path
        File in any format that pillow reads.

    Returns
    -------
    ndarray, (H, W, 3) uint8
        RGB.

    Raises
    ------
    ImageError
        If the file is missing, is no complete picture, or has more pixels than pillow decodes (twice
        `PIL.Image.MAX_IMAGE_PIXELS`, by default 179 million).

    Examples
    --------
    >>> import numpy as np
    >>> write_image("black.png", np.zeros((8, 12, 3), np.uint8))
    >>> read_image("black.png").shape
    (8, 12, 3)
    """
    from PIL import ImageOps

    with open_picture(path) as image:
        try:
            image.load()
            pixels = np.asarray(to_rgb(ImageOps.exif_transpose(image)))
        except MemoryError:
            raise ImageError("%s: too large for this machine's memory" % path) from None
        except Exception as error:  # pillow's plugins raise errors of any kind for broken files
            raise ImageError(
                "%s: not a complete picture (%s)" % (path, files.reason(error))
            ) from error
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise ImageError("%s: a picture without pixels" % path)
    return pixels.copy()  # pillow's array is read-only


def read_metadata(path: PathLike) -> Dict[str, Any]:
    """Read the metadata that `write_image` wrote into a picture.

    Parameters
    ----------
    path : path
        Picture file.

    Returns
    -------
    dict
        Plain values; empty if the picture has no metadata of ours.

    Raises
    ------
    ImageError
        If the file is missing, is not a complete picture, or its metadata is broken.
    """
    with open_picture(path) as image:
        try:
            text = image.info.get(METADATA_KEY)
            if text is None:
                # A TIFF's own tags are the EXIF ones.
                tags = getattr(image, "tag_v2", None) or image.getexif()
                text = of_description(tags.get(EXIF_DESCRIPTION))
        except Exception as error:  # as in `read_image`
            raise ImageError(
                "%s: not a complete picture (%s)" % (path, files.reason(error))
            ) from error
    if not isinstance(text, str):
        return {}
    try:
        return noted.parse_json(text)
    except ValueError as error:
        raise ImageError(
            "%s: its parameters are broken (%s)" % (path, files.reason(error))
        ) from None


def write_image(
    path: PathLike, image: np.ndarray, metadata: Optional[Dict[str, Any]] = None
) -> None:
    """Write a picture as PNG, JPEG, WebP or TIFF, according to the file's suffix.

    The file gets its name only when it is complete.

    Parameters
    ----------
    path : path
        File to write, in an existing folder. An existing file is replaced.
    image : ndarray, (H, W, 3) uint8
        RGB picture.
    metadata : dict, optional
        Values that JSON can hold. They are stored in the file, in a text chunk `caffe_style` of a PNG or in the
        EXIF description of other formats. `read_metadata` reads them.

    Raises
    ------
    ImageError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> write_image("grey.png", np.full((8, 12, 3), 128, np.uint8), {"seed": 7})
    >>> read_image("grey.png").shape
    (8, 12, 3)
    >>> read_metadata("grey.png")
    {'seed': 7}
    """
    path = Path(path)
    check_writable(path)
    try:
        files.replace_file(
            path, lambda temporary: encode(str(temporary), image, path, metadata or {})
        )
    except Exception as error:  # pillow's plugins raise errors of any kind when there is no room
        raise ImageError("%s: cannot be written (%s)" % (path, files.reason(error))) from error


def resize(image: np.ndarray, size: Size) -> np.ndarray:
    """Resize a picture with an anti-aliasing Lanczos filter.

    Parameters
    ----------
    image : ndarray, (H, W, 3) uint8, or (H, W) or (H, W, C) float32
        Picture to resize.
    size : int or (int, int)
        Long edge in pixels, which keeps the proportions, or height and width.

    Returns
    -------
    ndarray of the same type
        Resized picture, or `image` itself if it has this size already.

    Examples
    --------
    >>> import numpy as np
    >>> resize(np.zeros((30, 60, 3), np.uint8), 20).shape
    (10, 20, 3)
    """
    from PIL import Image

    height, width = fitted_size(image.shape[:2], size) if isinstance(size, int) else size
    if (height, width) == image.shape[:2]:
        return image
    if image.dtype != np.uint8 and image.ndim == 3:
        return np.stack([resize(plane, (height, width)) for plane in np.moveaxis(image, 2, 0)], 2)
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.array(picture.resize((width, height), Image.LANCZOS))


def fitted_size(shape: Tuple[int, int], long_edge: int) -> Tuple[int, int]:
    """Return height and width in the proportions of `shape` (H, W), with the given long edge in pixels.

    Examples
    --------
    >>> fitted_size((300, 400), long_edge=200)
    (150, 200)
    """
    scale = long_edge / max(shape)
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def to_caffe(image: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Convert an RGB picture (H, W, 3) to Caffe's array (1, 3, H, W) float32, BGR, mean-free.

    The picture has values from 0 to 255 and any type. The mean (3,) is in BGR order. The result is a view of
    channels-last memory.

    Examples
    --------
    >>> import numpy as np
    >>> red = np.array([[[255, 0, 0]]], np.uint8)
    >>> to_caffe(red, np.array([104.0, 117.0, 123.0])).ravel().tolist()
    [-104.0, -117.0, 132.0]
    """
    bgr = image[:, :, ::-1].astype(np.float32, order="C")
    bgr -= np.asarray(mean, np.float32)
    return bgr[np.newaxis].transpose(0, 3, 1, 2)


def from_caffe(array: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Convert Caffe's array (1, 3, H, W), BGR, mean-free, to an RGB picture (H, W, 3) uint8.

    Values are rounded, and clipped to 0..255.

    Examples
    --------
    >>> import numpy as np
    >>> mean = np.array([104.0, 117.0, 123.0])
    >>> from_caffe(np.zeros((1, 3, 1, 1), np.float32), mean).tolist()
    [[[123, 117, 104]]]
    """
    bgr = array[0].transpose(1, 2, 0) + np.asarray(mean, np.float32)
    return np.ascontiguousarray(bgr.round().clip(0, 255).astype(np.uint8)[:, :, ::-1])
