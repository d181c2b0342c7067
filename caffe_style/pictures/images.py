"""Pictures: reading and writing files, resizing, noise, and conversion to and from Caffe's arrays.

A picture is an RGB array (H, W, 3) of uint8.
"""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any, Dict, Optional, Tuple, Union

import numpy as np

from .. import __version__
from ..errors import ImageError, OptionError
from ..system import files
from ..system.files import PathLike
from . import metadata as noted

METADATA_KEY = "caffe_style"
_EXIF_DESCRIPTION, _EXIF_SOFTWARE = 0x010E, 0x0131
_FORMATS: Dict[str, Tuple[str, Dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
}

#: Longest edge in pixels that a format allows.
_LONGEST_EDGE = {"JPEG": 65500, "WEBP": 16383}

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

    with _open(path) as image:
        try:
            image.load()
            pixels = np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
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
    with _open(path) as image:
        try:
            text = image.info.get(METADATA_KEY)
            if text is None:
                # A TIFF's own tags are the EXIF ones.
                tags = getattr(image, "tag_v2", None) or image.getexif()
                text = _of_description(tags.get(_EXIF_DESCRIPTION))
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


def _of_description(description: Any) -> Optional[str]:
    """Return our part of an EXIF description, which any program may have written."""
    opening = '{"%s": ' % METADATA_KEY
    if isinstance(description, str) and description.startswith(opening):
        return description[len(opening) : -1]
    return None


def check_writable(path: PathLike) -> None:
    """Check, before hours of work, that `write_image` can write to a path.

    Raises
    ------
    ImageError
        If the suffix is no supported format, the name is too long, or the folder is missing or not writable.

    Examples
    --------
    >>> check_writable("picture.png")
    >>> check_writable("picture.xyz")
    Traceback (most recent call last):
    ...
    caffe_style.errors.ImageError: picture.xyz: cannot write this type of file; ...
    """
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        known = ", ".join(sorted(_FORMATS))
        raise ImageError(
            "%s: cannot write this type of file; end its name in one of %s" % (path, known)
        )
    try:
        files.check_writable(path)
    except OptionError as error:
        raise ImageError(str(error)) from None


def check_fits(path: PathLike, size: int, metadata: Optional[Dict[str, Any]] = None) -> None:
    """Check that a file's format has room for a picture and its metadata.

    Parameters
    ----------
    path : path
        File with a suffix that `check_writable` accepts.
    size : int
        Long edge of the picture in pixels.
    metadata : dict, optional
        As for `write_image`.

    Raises
    ------
    ImageError
        If the format does not allow this size or this much metadata.
    """
    path = Path(path)
    kind = _FORMATS[path.suffix.lower()][0]
    most = _LONGEST_EDGE.get(kind)
    if most is not None and size > most:
        raise ImageError(
            "%s: %s has room for %d pixels each way, not %d: write a .png or .tif"
            % (path, kind, most, size)
        )
    # Encoding the smallest picture shows whether the metadata fits, and imports what writing needs.
    try:
        _encode(io.BytesIO(), np.zeros((1, 1, 3), np.uint8), path, metadata or {})
    except Exception as error:
        raise ImageError(
            "%s: %s has no room for this run's parameters (%s): write a .png"
            % (path, kind, files.reason(error))
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
            path, lambda temporary: _encode(str(temporary), image, path, metadata or {})
        )
    except Exception as error:  # pillow's plugins raise errors of any kind when there is no room
        raise ImageError("%s: cannot be written (%s)" % (path, files.reason(error))) from error


def _encode(file: Any, image: np.ndarray, path: Path, metadata: Dict[str, Any]) -> None:
    """Write a picture to a file or file name, in the format of the path's suffix."""
    from PIL import Image

    kind, options = _FORMATS[path.suffix.lower()]
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.save(file, kind, **options, **_metadata_options(kind, metadata))


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


def white_noise(height: int, width: int, seed: int, deviation: float = 32) -> np.ndarray:
    """Draw independent Gaussian noise around mid grey, (H, W, 3) uint8.

    Examples
    --------
    >>> white_noise(24, 32, seed=0).shape
    (24, 32, 3)
    """
    return coloured_noise(height, width, 0.0, seed, deviation)


def coloured_noise(
    height: int, width: int, exponent: float, seed: int, deviation: float = 32
) -> np.ndarray:
    """Draw Gaussian noise around mid grey with amplitude spectrum |k|^-exponent, (H, W, 3) uint8.

    Exponent 0 gives white noise, 1 pink noise, as in photographs, and 2 smooth clouds. The three colours are
    independent. Each has this standard deviation in grey levels.

    Examples
    --------
    >>> coloured_noise(24, 32, exponent=1.0, seed=0).shape
    (24, 32, 3)
    """
    noise = np.random.default_rng(seed).standard_normal((3, height, width))
    if exponent:
        rows, columns = np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width)
        frequency = np.hypot(rows, columns)
        frequency[0, 0] = np.inf if exponent > 0 else 0.0
        noise = np.fft.irfft2(np.fft.rfft2(noise) * frequency**-exponent, s=(height, width))
        noise /= noise.std(axis=(1, 2), keepdims=True) + np.finfo(float).tiny
    return (128 + deviation * noise).round().clip(0, 255).astype(np.uint8).transpose(1, 2, 0).copy()


def mix(a: np.ndarray, b: np.ndarray, weight: float) -> np.ndarray:
    """Mix two pictures of one size: (1 - weight) a + weight b, uint8.

    Examples
    --------
    >>> import numpy as np
    >>> mix(np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 200, np.uint8), 0.25).tolist()
    [[[50, 50, 50]]]
    """
    mixed = (1 - weight) * a.astype(np.float32) + weight * b.astype(np.float32)
    return mixed.round().clip(0, 255).astype(np.uint8)


def _open(path: PathLike) -> Any:
    """Open a file with pillow, which reads the header only. Any error becomes an ImageError of one line."""
    from PIL import Image, UnidentifiedImageError

    path = Path(path)
    try:
        files.check_regular(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(str(path))
    except FileNotFoundError:
        problem = "no such file"
    except IsADirectoryError:
        problem = "is a folder, not a picture"
    except UnidentifiedImageError:
        known = "not a picture in a format that pillow reads"
        problem = known if path.stat().st_size else "the file is empty"
    except Image.DecompressionBombError:
        limit = 2 * Image.MAX_IMAGE_PIXELS // 10**6
        problem = "more than %d megapixels; make it smaller first" % limit
    except Exception as error:  # broken headers raise errors of any kind
        problem = "cannot be read (%s)" % files.reason(error)
    raise ImageError("%s: %s" % (path, problem))


def _to_rgb(image: Any) -> Any:
    """Convert a picture in any of pillow's modes to RGB."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_to_8_bit(np.asarray(image))).convert("RGB")
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _to_8_bit(values: np.ndarray) -> np.ndarray:
    """Scale 16-bit and floating-point grey values to 0..255 by the first full range that holds them."""
    ranges = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (65535.0,)
    values = np.nan_to_num(values.astype(np.float64)).clip(0, None)
    full = next((full for full in ranges if values.max() <= full), values.max())
    return (values * (255 / full)).round().astype(np.uint8)


def _metadata_options(kind: str, metadata: Dict[str, Any]) -> Dict[str, Any]:
    """Return what to pass to pillow's save so that the file holds the metadata."""
    from PIL import Image, PngImagePlugin

    software = "caffe_style %s" % __version__
    text = json.dumps(metadata, default=str)
    if kind == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt(METADATA_KEY, text)
        chunks.add_text("Software", software)
        return {"pnginfo": chunks}
    # Any program may write a description. The key identifies ours.
    tags = {_EXIF_DESCRIPTION: '{"%s": %s}' % (METADATA_KEY, text), _EXIF_SOFTWARE: software}
    if kind == "TIFF":
        return {"tiffinfo": tags}
    exif = Image.Exif()
    exif.update(tags)
    return {"exif": exif.tobytes()}
