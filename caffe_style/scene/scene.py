"""The scene: content, styles and masks as an optimisation of one size needs them."""

from __future__ import annotations

import logging
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..errors import OptionError
from ..losses import STYLE_LOSSES
from ..pictures import colors as palette
from ..pictures import images
from .starts import read_picture
from .styles import Style, read_mask, shares

COLORS = ("style", "content", "match")


class ScaledStyle(NamedTuple):
    """A style at one size.

    Attributes
    ----------
    label : str
        Begins the names of its terms: "style", or "style 2" where there are several.
    image : ndarray, (H', W', 3) uint8 RGB
    share : float
        Its part of the style weight.
    mask : ndarray, (H, W) float32, or None
        Over the picture that is made.
    """

    label: str
    image: np.ndarray
    share: float
    mask: Optional[np.ndarray]


class Scene(NamedTuple):
    """What a picture of one size is made from.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the result.
    content : ndarray, (*shape, 3) uint8 RGB, or None
        As the network is to see it.
    styles : list of ScaledStyle
    colored : ndarray, (*shape, 3) uint8 RGB, or None
        The picture whose colours the result takes, if it is made without any.
    """

    shape: Tuple[int, int]
    content: Optional[np.ndarray]
    styles: List[ScaledStyle]
    colored: Optional[np.ndarray]

    def finish(self, image: np.ndarray) -> np.ndarray:
        """The picture with its colours; of another size than the scene's it is resized."""
        image = images.resize(image, self.shape)
        return image if self.colored is None else palette.with_colors_of(image, self.colored)


class Pictures(NamedTuple):
    """The pictures as they were given, read once for all sizes."""

    content: Optional[np.ndarray]
    styles: List[Style]


def read_pictures(
    content: object, styles: Sequence[Style], style_loss: str, colors: str
) -> Pictures:
    """Read them, and check that they serve the style loss and the wish for colours.

    Raises
    ------
    ImageError, OptionError
    """
    if style_loss not in STYLE_LOSSES:
        raise OptionError(
            "unknown style loss '%s': choose one of %s" % (style_loss, ", ".join(STYLE_LOSSES))
        )
    if colors not in COLORS:
        raise OptionError("unknown colors '%s': choose one of %s" % (colors, ", ".join(COLORS)))
    pictures = Pictures(
        read_picture(content),
        [style._replace(picture=read_picture(style.picture)) for style in styles],
    )
    if colors != "style" and (pictures.content is None or not styles):
        raise OptionError("colors '%s' needs a content and a style picture" % colors)
    if STYLE_LOSSES[style_loss].needs_guides and pictures.content is None:
        raise OptionError("the %s loss needs a content picture: it guides the style" % style_loss)
    if style_loss != "gram" and any(style.mask is not None for style in styles):
        raise OptionError(
            "masks guide Gram matrices: they go with the gram loss, not %s" % style_loss
        )
    return pictures


def result_shape(pictures: Pictures, size: int) -> Tuple[int, int]:
    """Height and width of a result with this long edge: the content's proportions, or the style's."""
    reference = pictures.styles[0].picture if pictures.content is None else pictures.content
    return images.fitted_size(reference.shape[:2], size)


def make_scene(
    pictures: Pictures, size: int, style_scale: float, style_loss: str, colors: str
) -> Scene:
    """Bring everything to one size.

    Parameters
    ----------
    pictures : Pictures
    size : int
        Long edge of the result.
    style_scale : float
        Size of the style pictures relative to it.
    style_loss : str
        Whether styles must have the result's size, as the paper does for losses that compare positions.
    colors : {"style", "content", "match"}
        The style's own; the content's, by working on luminance alone; or the style's pictures in the content's
        colours.
    """
    shape = result_shape(pictures, size)
    content = None if pictures.content is None else images.resize(pictures.content, shape)
    masks = [read_mask(style.mask, shape) for style in pictures.styles]
    styles = []
    for number, (style, mask, share) in enumerate(
        zip(pictures.styles, masks, shares(pictures.styles, masks)), 1
    ):
        image = images.resize(style.picture, round(size * style_scale))
        if STYLE_LOSSES[style_loss].needs_equal_size and image.shape[:2] != shape:
            logging.getLogger("caffe_style").info(
                "the %s loss compares positions: the style picture is resized to %d x %d",
                style_loss,
                shape[1],
                shape[0],
            )
            image = images.resize(image, shape)
        if colors == "content":
            image = palette.grey_like(image, content)
        elif colors == "match":
            image = palette.match_colors(image, content)
        label = "style" if len(masks) == 1 else "style %d" % number
        styles.append(ScaledStyle(label, image, share, mask))
    if colors == "content":
        return Scene(shape, palette.grey(content), styles, content)
    return Scene(shape, content, styles, None)
