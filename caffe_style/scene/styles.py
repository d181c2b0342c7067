"""Several styles: their weights, and masks that say where in the picture each belongs (Gatys et al. 2017)."""

from __future__ import annotations

import os
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from ..errors import ImageError, OptionError
from ..pictures import colors, images
from .starts import PictureLike, name_of, read_picture


class Style(NamedTuple):
    """A picture that gives style.

    Attributes
    ----------
    picture : path or ndarray (H, W, 3) uint8 RGB
    weight : float
        Its part, in proportion to the other styles'.
    mask : path or ndarray (H, W, 3) uint8, optional
        Laid over the content picture: white where the style belongs, black where not, grey in between.
    """

    picture: PictureLike
    weight: float = 1.0
    mask: Optional[PictureLike] = None

    @property
    def parameters(self) -> Union[str, dict, None]:
        """What metadata says of it."""
        if self.weight == 1 and self.mask is None:
            return name_of(self.picture)
        return {
            "picture": name_of(self.picture),
            "weight": self.weight,
            "mask": name_of(self.mask),
        }


Styles = Union[PictureLike, Style, Sequence[Union[PictureLike, Style]], None]


def as_styles(given: Styles) -> List[Style]:
    """A list of Style, of a single one, of several, of none.

    Raises
    ------
    OptionError
        For a weight that is not positive.
    """
    if given is None:
        return []
    single = isinstance(given, (str, os.PathLike, np.ndarray, Style))
    styles = [
        style if isinstance(style, Style) else _from_parameters(style)
        for style in ([given] if single else given)
    ]
    for style in styles:
        if not 0 < style.weight < float("inf"):
            raise OptionError(
                "style %s: the weight must be a positive number, not %r"
                % (name_of(style.picture), style.weight)
            )
    return styles


def _from_parameters(given: Union[PictureLike, dict]) -> Style:
    return Style(**given) if isinstance(given, dict) else Style(given)


def read_style(text: str) -> Style:
    """`FILE[:MASK][:WEIGHT]` as a Style; a file's own colons may stay, if it exists.

    Raises
    ------
    OptionError
        For more parts than that.
    """
    parts: List[str] = []
    rest = text
    while not os.path.exists(rest) and ":" in rest[2:]:
        rest, _, last = rest.rpartition(":")
        parts.insert(0, last)
    weight = _as_number(parts[-1]) if parts else None
    if weight is not None:
        parts.pop()
    if len(parts) > 1 or not rest or "" in parts:
        raise OptionError(
            "style '%s': write FILE, FILE:MASK, FILE:WEIGHT or FILE:MASK:WEIGHT" % text
        )
    return Style(rest, 1.0 if weight is None else weight, parts[0] if parts else None)


def _as_number(text: str) -> Optional[float]:
    try:
        return float(text)
    except ValueError:
        return None


def read_mask(mask: Optional[PictureLike], shape: Tuple[int, int]) -> Optional[np.ndarray]:
    """A mask as weights (*shape) float32, 0 to 1; None stays None.

    Raises
    ------
    ImageError
        If it is no picture, or black all over.
    """
    if mask is None:
        return None
    weights = colors.luminance(read_picture(mask)) / 255
    weights = np.clip(images.resize(weights, shape), 0, 1)
    if weights.max() < 0.02:
        raise ImageError("mask %s is black: the style belongs nowhere" % name_of(mask))
    return weights


def shares(styles: Sequence[Style], masks: Sequence[Optional[np.ndarray]]) -> List[float]:
    """How much of the style weight each style gets.

    A style's part is its weight times the part of the picture that its mask leaves, divided by the largest sum
    of weights that meet at one position. So two styles without masks share, and two with masks that do not
    overlap act on their areas as one would alone.
    """
    whole = [np.ones((1, 1), np.float32) if mask is None else mask for mask in masks]
    meeting = sum(style.weight * mask for style, mask in zip(styles, whole))
    most = float(np.max(meeting))
    return [style.weight * float(mask.mean()) / most for style, mask in zip(styles, whole)]


def layer_mask(mask: np.ndarray, shape: Tuple[int, int], what: str) -> np.ndarray:
    """A mask at a layer's resolution, (*shape) float32, 1 on average.

    Raises
    ------
    OptionError
        When nothing of it is left there.
    """
    small = np.clip(images.resize(mask, shape), 0, None)
    mean = float(small.mean())
    if not mean > 1e-4:
        raise OptionError("%s: the mask leaves too little of the picture for this layer" % what)
    return small / np.float32(mean)
