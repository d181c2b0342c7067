"""Styles with their weights, and with masks that say where in the result each applies (Gatys et al. 2017)."""

from __future__ import annotations

import os
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from ..errors import ImageError, OptionError
from ..pictures import colors, images
from .starts import PictureLike, name_of, read_picture


class Style(NamedTuple):
    """A style picture with its weight and mask.

    Attributes
    ----------
    picture : path or ndarray (H, W, 3) uint8 RGB
        The style picture.
    weight : float
        Weight relative to the other styles, above 0.
    mask : path or ndarray (H, W, 3) uint8, optional
        Picture laid over the result. It is white where the style applies, and black where it does not. Grey
        values are in between.
    style_mask : path or ndarray (H, W, 3) uint8, optional
        Picture laid over the style picture. It is white where the style is taken from.
    """

    picture: PictureLike
    weight: float = 1.0
    mask: Optional[PictureLike] = None
    style_mask: Optional[PictureLike] = None

    @property
    def parameters(self) -> Union[str, dict, None]:
        """The style as metadata records it."""
        if self.weight == 1 and not self.is_masked:
            return name_of(self.picture)
        noted = {
            "picture": name_of(self.picture),
            "weight": self.weight,
            "mask": name_of(self.mask),
        }
        if self.style_mask is not None:
            noted["style_mask"] = name_of(self.style_mask)
        return noted

    @property
    def is_masked(self) -> bool:
        """Whether the style has a mask."""
        return self.mask is not None or self.style_mask is not None

    def files(self) -> Tuple[Optional[PictureLike], ...]:
        """Return the style picture and the two masks. A mask that the style does not have is None."""
        return self.picture, self.mask, self.style_mask

    def with_files(self, find: Callable) -> Style:
        """Return the style with each of its files replaced by `find(file)`."""
        picture, mask, style_mask = map(find, self.files())
        return self._replace(picture=picture, mask=mask, style_mask=style_mask)


Styles = Union[PictureLike, Style, Sequence[Union[PictureLike, Style]], None]


def as_styles(given: Styles) -> List[Style]:
    """Return one style, several, or none as a list of Style.

    Raises
    ------
    OptionError
        If a weight is not positive.

    Examples
    --------
    >>> [style.weight for style in as_styles(["a.jpg", Style("b.jpg", weight=2.0)])]
    [1.0, 2.0]
    """
    if given is None:
        return []
    single = isinstance(given, (str, os.PathLike, np.ndarray, Style, dict))
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
    """Read a style from the text `FILE[:MASK[:STYLEMASK]][:WEIGHT]`.

    The name of an existing file may contain colons.

    Raises
    ------
    OptionError
        If the text has more parts.

    Examples
    --------
    >>> read_style("painting.jpg:mask.png:0.5")
    Style(picture='painting.jpg', weight=0.5, mask='mask.png', style_mask=None)
    """
    parts: List[str] = []
    rest = text
    while not os.path.exists(rest) and ":" in rest[2:]:
        rest, _, last = rest.rpartition(":")
        parts.insert(0, last)
    weight = _as_number(parts[-1]) if parts else None
    if weight is not None:
        parts.pop()
    if len(parts) > 2 or not rest or "" in parts:
        raise OptionError(
            "style '%s': write FILE, FILE:WEIGHT, FILE:MASK, FILE:MASK:WEIGHT or "
            "FILE:MASK:STYLEMASK:WEIGHT" % text
        )
    return Style(rest, 1.0 if weight is None else weight, *parts)


def _as_number(text: str) -> Optional[float]:
    try:
        return float(text)
    except ValueError:
        return None


def read_mask(mask: Optional[PictureLike], shape: Tuple[int, int]) -> Optional[np.ndarray]:
    """Read a mask as weights (*shape) float32, from 0 to 1. None stays None.

    Raises
    ------
    ImageError
        If the mask is not a picture, or is black everywhere.
    """
    if mask is None:
        return None
    weights = colors.luminance(read_picture(mask)) / 255
    weights = np.clip(images.resize(weights, shape), 0, 1)
    if weights.max() < 0.02:
        raise ImageError("mask %s is black: the style would apply nowhere" % name_of(mask))
    return weights


def shares(styles: Sequence[Style], masks: Sequence[Optional[np.ndarray]]) -> List[float]:
    """Return the fraction of the style weight that each style gets.

    It is the style's weight, times the fraction of the picture in its mask, divided by the largest sum of
    weights at any position. Two styles without masks share the style weight. If the masks of two styles do not
    overlap, each style has the effect that it would have alone.

    Examples
    --------
    >>> shares([Style("a.jpg"), Style("b.jpg", weight=3.0)], [None, None])
    [0.25, 0.75]
    """
    whole = [np.ones((1, 1), np.float32) if mask is None else mask for mask in masks]
    meeting = sum(style.weight * mask for style, mask in zip(styles, whole))
    most = float(np.max(meeting))
    return [style.weight * float(mask.mean()) / most for style, mask in zip(styles, whole)]
