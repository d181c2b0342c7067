"""Pictures that go in: what they must be, and the one to start from (the paper's section 4)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional, Sequence, Tuple

import numpy as np

from ..errors import ImageError, OptionError
from ..networks.network import SMALLEST_SIDE
from ..networks.zoo import IMAGENET_MEAN
from ..pictures import images
from ..settings.kinds import PictureLike, name_of

INITS = "noise[:STD], coloured:EXPONENT, mean:STD, content, style, mix:PART or a file"


def read_picture(picture: Optional[PictureLike]) -> Optional[np.ndarray]:
    """Read a picture given as a path, or check one given as an array; None stays None.

    Raises
    ------
    ImageError
        If it is no (H, W, 3) uint8 picture of at least SMALLEST_SIDE pixels each way.
    """
    if picture is None:
        return None
    name = name_of(picture)
    image = picture if isinstance(picture, np.ndarray) else images.read_image(picture)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ImageError("%s must be an array (H, W, 3) of uint8" % name)
    if min(image.shape[:2]) < SMALLEST_SIDE:
        raise ImageError(
            "%s is %d x %d pixels, too small: at least %d each way"
            % (name, image.shape[1], image.shape[0], SMALLEST_SIDE)
        )
    return image


def is_picture(init: PictureLike) -> bool:
    """Whether a start is a picture or file, not a word such as "noise" or "mix:0.5"."""
    if isinstance(init, np.ndarray):
        return True
    kind = str(init).partition(":")[0]
    known = kind in ("noise", "coloured", "mean", "content", "style", "mix")
    return not known and (os.path.exists(str(init)) or bool(Path(init).suffix))


def start_picture(
    init: PictureLike,
    content: Optional[np.ndarray],
    style: Optional[np.ndarray],
    shape: Tuple[int, int],
    seed: int,
    mean: Sequence[float] = IMAGENET_MEAN,
) -> np.ndarray:
    """Make the first picture.

    Parameters
    ----------
    init : str or path or ndarray (H, W, 3) uint8
        "noise" or "noise:STD" (white, around mid grey, of standard deviation 32 or as given), "mean:STD"
        (white, around the network's mean), "coloured:EXPONENT" (amplitude spectrum |k|^-EXPONENT; 1 is what
        photographs have), "content", "style", "mix:PART" (content with this part of white noise, 0 to 1), a
        file or a picture.
    content, style : ndarray (H, W, 3) uint8, or None
    shape : (int, int)
        Height and width; what has another size is resized.
    seed : int
        Of the noise.
    mean : sequence of 3 floats
        The network's, in BGR order.

    Returns
    -------
    ndarray, (*shape, 3) uint8
        float32 for "mean:STD", which may be finer than a grey level.

    Raises
    ------
    OptionError, ImageError
        For an unknown word, a number out of range, a picture that is not there.
    """
    if isinstance(init, np.ndarray):
        return images.resize(read_picture(init), shape)
    kind, colon, number = str(init).partition(":")
    if init == "noise":
        return images.white_noise(*shape, seed)
    if colon and kind == "noise":
        return images.white_noise(*shape, seed, _number(init, number, 0.0, 255.0))
    if colon and kind == "mean":
        deviation = _number(init, number, 0.0, 255.0)
        noise = np.random.default_rng(seed).standard_normal((*shape, 3))
        return (np.asarray(mean)[::-1] + deviation * noise).astype(np.float32)
    if colon and kind == "coloured":
        return images.coloured_noise(*shape, _number(init, number, -4.0, 4.0), seed)
    if colon and kind == "mix":
        part = _number(init, number, 0.0, 1.0)
        noise = images.white_noise(*shape, seed)
        return images.mix(images.resize(_needed(content, init, "content"), shape), noise, part)
    if init in ("content", "style"):
        image = _needed(content if init == "content" else style, init, init)
    elif is_picture(init):
        image = read_picture(init)
    else:
        raise OptionError("unknown init '%s': choose %s" % (init, INITS))
    return images.resize(image, shape)


def _needed(image: Optional[np.ndarray], init: PictureLike, which: str) -> np.ndarray:
    if image is None:
        raise OptionError("init '%s' needs a %s picture" % (init, which))
    return image


def _number(init: PictureLike, text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not least <= value <= most:
        raise OptionError(
            "init '%s': '%s' must be a number from %g to %g" % (init, text, least, most)
        )
    return value
