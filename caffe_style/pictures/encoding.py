"""Encoding 8-bit RGB pictures with their metadata in files, and the limits of each format."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import numpy as np

from .. import __version__
from ..errors import ImageError, OptionError
from ..system import files
from ..system.files import PathLike

METADATA_KEY = "caffe_style"


EXIF_DESCRIPTION, _EXIF_SOFTWARE = 0x010E, 0x0131

#: Name and options of the file format of each suffix.
FORMATS: Dict[str, Tuple[str, Dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
}


#: Longest edge in pixels that a format allows.
_LONGEST_EDGE = {"JPEG": 65500, "WEBP": 16383}


def of_description(description: Any) -> Optional[str]:
    """Return our metadata in an EXIF description, or None if another program wrote the description."""
    opening = '{"%s": ' % METADATA_KEY
    if isinstance(description, str) and description.startswith(opening):
        return description[len(opening) : -1]
    return None


def check_writable(path: PathLike) -> None:
    """Check, before hours of work, that `write_image` can write to a path.

    Raises
    ------
    ImageError
        If the suffix is not a supported format, the name is too long, or the folder is missing or not writable.

    Examples
    --------
    >>> check_writable("picture.png")
    >>> check_writable("picture.xyz")
    Traceback (most recent call last):
    ...
    caffe_style.errors.ImageError: picture.xyz: cannot write this type of file; ...
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        known = ", ".join(sorted(FORMATS))
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
    kind = FORMATS[path.suffix.lower()][0]
    most = _LONGEST_EDGE.get(kind)
    if most is not None and size > most:
        raise ImageError(
            "%s: %s has room for %d pixels each way, not %d: write a .png or .tif"
            % (path, kind, most, size)
        )
    # Encoding the smallest picture shows whether the metadata fits, and imports what writing needs.
    try:
        encode(io.BytesIO(), np.zeros((1, 1, 3), np.uint8), path, metadata or {})
    except Exception as error:
        raise ImageError(
            "%s: %s has no room for this run's parameters (%s): write a .png"
            % (path, kind, files.reason(error))
        ) from None


def encode(file: Any, image: np.ndarray, path: Path, metadata: Dict[str, Any]) -> None:
    """Write a picture to a file or file name, in the format of the path's suffix."""
    from PIL import Image

    kind, options = FORMATS[path.suffix.lower()]
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.save(file, kind, **options, **_metadata_options(kind, metadata))


def _metadata_options(kind: str, metadata: Dict[str, Any]) -> Dict[str, Any]:
    """Return the arguments of pillow's `save` that store the metadata."""
    from PIL import Image, PngImagePlugin

    software = "caffe_style %s" % __version__
    text = json.dumps(metadata, default=str)
    if kind == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt(METADATA_KEY, text)
        chunks.add_text("Software", software)
        return {"pnginfo": chunks}
    # Any program may write a description. The key identifies ours.
    tags = {EXIF_DESCRIPTION: '{"%s": %s}' % (METADATA_KEY, text), _EXIF_SOFTWARE: software}
    if kind == "TIFF":
        return {"tiffinfo": tags}
    exif = Image.Exif()
    exif.update(tags)
    return {"exif": exif.tobytes()}
