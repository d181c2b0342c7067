"""Reading input pictures, and making the picture to start from (the paper's section 4)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional, Sequence, Tuple

import numpy as np

from ..errors import ImageError, OptionError
from ..networks.network import SMALLEST_SIDE
from ..networks.zoo import IMAGENET_MEAN
from ..pictures import images
from ..settings.kinds import PictureLike
from ..settings.named import name_of

INITS = "noise[:STD], coloured:EXPONENT, mean:STD, content, style, mix:PART or a file"


def read_picture(picture: Optional[PictureLike]) -> Optional[np.ndarray]:
    """Read a picture given as a path, or check one given as an array. None stays None.

    Raises
    ------
    ImageError
        If it is not a picture (H, W, 3) uint8 of at least SMALLEST_SIDE pixels each way.

    Examples
    --------
    >>> import numpy as np
    >>> read_picture(np.zeros((32, 32, 3), np.uint8)).shape
    (32, 32, 3)
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


#: Starts that are no picture's file. Numbers follow some of them, after a colon.
WORDS = ("noise", "coloured", "mean", "content", "style", "mix")


def is_picture(init: PictureLike) -> bool:
    """Return whether a start is a picture or file, not a word such as "noise" or "mix:0.5".

    Examples
    --------
    >>> is_picture("mix:0.5"), is_picture("portrait.jpg")
    (False, True)
    """
    if isinstance(init, np.ndarray):
        return True
    kind = str(init).partition(":")[0]
    return kind not in WORDS and (os.path.exists(str(init)) or bool(Path(init).suffix))


def has_noise(init: PictureLike) -> bool:
    """Return whether a start has noise: it is noise or one colour, or is mixed with noise.

    Examples
    --------
    >>> has_noise("mix:0.5"), has_noise("content")
    (True, False)
    """
    return is_empty(init) or _word(init) == "mix"


def is_empty(init: PictureLike) -> bool:
    """Return whether a start is noise or one colour, so that even coarse forms are not there yet.

    Examples
    --------
    >>> is_empty("noise:25.5"), is_empty("mix:0.5")
    (True, False)
    """
    return _word(init) in ("noise", "coloured", "mean")


def _word(init: PictureLike) -> Optional[str]:
    """Return the word of a start without its number, or None for a picture or file."""
    return None if is_picture(init) else str(init).partition(":")[0]


def start_picture(
    init: PictureLike,
    content: Optional[np.ndarray],
    style: Optional[np.ndarray],
    shape: Tuple[int, int],
    seed: int,
    mean: Sequence[float] = IMAGENET_MEAN,
) -> np.ndarray:
    """Make the picture to start from.

    Parameters
    ----------
    init : str or path or ndarray (H, W, 3) uint8
        A file, a picture, or one of these words: "noise" or "noise:STD" (white noise around mid grey, with
        standard deviation 32 or STD grey levels), "mean:STD" (white noise around the network's mean),
        "coloured:EXPONENT" (noise with amplitude spectrum |k|^-EXPONENT; photographs have about 1), "content",
        "style", "mix:PART" (the content with this fraction of white noise, 0 to 1).
    content, style : ndarray (H, W, 3) uint8, or None
        Pictures for "content", "style" and "mix".
    shape : (int, int)
        Height and width of the result. Pictures of another size are resized.
    seed : int
        Seed of the noise.
    mean : sequence of 3 floats
        Mean of the network, in BGR order.

    Returns
    -------
    ndarray, (*shape, 3) uint8
        float32 for "mean:STD", where the noise may be finer than a grey level.

    Raises
    ------
    OptionError, ImageError
        If the word is unknown, a number is out of range, or a picture is missing.

    Examples
    --------
    >>> start_picture("noise:16", None, None, (24, 32), seed=0).shape
    (24, 32, 3)
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


def enlarge_seamless(picture: np.ndarray, shape: Tuple[int, int]) -> np.ndarray:
    """Enlarge a seamless picture, whose opposite sides are neighbours, so that they remain neighbours.

    Parameters
    ----------
    picture : ndarray, (H, W, 3) uint8 RGB
    shape : (int, int)
        Height and width of the result.

    Returns
    -------
    ndarray, (*shape, 3) uint8

    Examples
    --------
    >>> enlarge_seamless(np.zeros((32, 40, 3), np.uint8), (48, 60)).shape
    (48, 60, 3)
    """
    from PIL import Image

    # A Lanczos filter reaches three pixels far.
    around = 4
    height, width = picture.shape[:2]
    wrapped = np.pad(picture, [(around, around), (around, around), (0, 0)], "wrap")
    box = (around, around, around + width, around + height)
    return np.array(Image.fromarray(wrapped).resize(shape[::-1], Image.LANCZOS, box))


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
