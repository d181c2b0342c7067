"""Decoding picture files to 8-bit RGB."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ImageError
from ..system import files
from ..system.files import PathLike


def open_picture(path: PathLike) -> Any:
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


def to_rgb(image: Any) -> Any:
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
