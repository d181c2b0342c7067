"""The input pictures of a transfer, read once for all sizes."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..errors import OptionError
from ..pictures import images
from ..settings.style_losses import STYLE_LOSSES, maskable
from .regions import Regions
from .starts import PictureLike, read_picture
from .styles import Style


class Inputs(NamedTuple):
    """The input pictures of a transfer.

    Attributes
    ----------
    content : ndarray, (H, W, 3) uint8 RGB, or None
    styles : list of Style
        Styles with their pictures as arrays. Masks may still be paths.
    regions : list of Regions, or None
        Kinds of content that each style has in common with the content picture.
    """

    content: Optional[np.ndarray]
    styles: List[Style]
    regions: Optional[List[Optional[Regions]]] = None


def read_inputs(
    content: Optional[PictureLike], styles: Sequence[Style], style_loss: str, colors: str
) -> Inputs:
    """Read the pictures, and check that they suit the style loss and the choice of colours.

    Raises
    ------
    ImageError, OptionError
    """
    loss = STYLE_LOSSES[style_loss]
    inputs = Inputs(
        read_picture(content),
        [style._replace(picture=read_picture(style.picture)) for style in styles],
    )
    if colors != "style" and (inputs.content is None or not styles):
        raise OptionError("colors '%s' needs a content and a style picture" % colors)
    if loss.needs_guides and inputs.content is None:
        raise OptionError("the %s loss needs a content picture: it guides the style" % style_loss)
    if not loss.takes_masks and any(style.is_masked for style in styles):
        raise OptionError(
            "masks work with the style losses %s only, not with %s" % (maskable(), style_loss)
        )
    return inputs


def style_shapes(
    inputs: Inputs, size: int, style_scale: float, style_loss: str
) -> List[Tuple[int, int]]:
    """Return height and width of each style as the network reads it, for a result with this long edge."""
    if STYLE_LOSSES[style_loss].needs_equal_size:
        return [result_shape(inputs, size)] * len(inputs.styles)
    edge = round(size * style_scale)
    return [images.fitted_size(style.picture.shape[:2], edge) for style in inputs.styles]


def result_shape(inputs: Inputs, size: int) -> Tuple[int, int]:
    """Return height and width of a result with this long edge, in the content's or the style's proportions.

    Examples
    --------
    >>> import numpy as np
    >>> result_shape(Inputs(np.zeros((300, 600, 3), np.uint8), []), size=512)
    (256, 512)
    """
    reference = inputs.styles[0].picture if inputs.content is None else inputs.content
    return images.fitted_size(reference.shape[:2], size)
