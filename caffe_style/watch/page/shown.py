"""Pictures as a page shows them."""

from __future__ import annotations

import io

import numpy as np

#: Longest edge of a shown picture in pixels, so that sending it does not take longer than making it.
LONGEST_SHOWN = 1600


def as_jpeg(image: np.ndarray, longest: int = LONGEST_SHOWN) -> bytes:
    """Return a picture (H, W, 3) uint8 RGB as JPEG, with a long edge of at most `longest` pixels.

    Examples
    --------
    >>> as_jpeg(np.zeros((20, 30, 3), np.uint8))[:2].hex()
    'ffd8'
    """
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((longest, longest))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()
