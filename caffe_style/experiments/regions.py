"""Showing the regions of a transfer: which parts of the style picture each part of the content gets."""

from __future__ import annotations

from typing import Any, List

import numpy as np

from ..errors import OptionError
from ..networks.network import Network
from ..pictures import images
from ..pictures.sheets import Cell, contact_sheet
from ..scene.found_regions import check_regions, with_regions
from ..scene.inputs import read_inputs
from ..scene.scene import make_scene
from ..scene.starts import PictureLike
from ..scene.styles import Styles, as_styles
from ..settings.base import takes
from ..settings.transfer import TransferSettings

#: Width of a picture on the sheet, in pixels.
_SIDE = 384


@takes(TransferSettings)
def show_regions(
    content: PictureLike, style: Styles, network: Network, **settings: Any
) -> np.ndarray:
    """Draw both pictures with their kinds of content. Each kind has its own colour.

    Parameters
    ----------
    content, style, network, **settings
        As in `caffe_style.transfer`. The settings have regions or segments, or a style has masks.

    Returns
    -------
    ndarray, (H, W, 3) uint8
        A sheet with a row for each style: content, its kinds, style, its kinds.

    Raises
    ------
    CaffeStyleError
        If a picture or a setting is bad, or there is nothing to show.

    Examples
    --------
    >>> import numpy as np
    >>> import caffe_style as cs
    >>> picture = np.zeros((48, 48, 3), np.uint8)
    >>> picture[:24] = (90, 140, 250)
    >>> sheet = cs.show_regions(picture, picture, cs.open_network("strokenet"), size=48, regions=2)
    >>> sheet.dtype.name
    'uint8'
    """
    return region_sheet(content, style, network, TransferSettings.of(settings))


def region_sheet(
    content: PictureLike, style: Styles, network: Network, settings: TransferSettings
) -> np.ndarray:
    """Draw the sheet of `show_regions` for settings in a `TransferSettings`."""
    asked = settings.for_model(network)
    inputs = read_inputs(content, as_styles(style), asked.style_loss, asked.colors)
    check_regions(inputs, asked)
    if not (asked.kinds or asked.segments or any(one.is_masked for one in inputs.styles)):
        raise OptionError("there are no regions to show: set regions or segments, or give masks")
    inputs = with_regions(network, inputs, asked)
    scene = make_scene(inputs, _SIDE, 1.0, asked.style_loss, "style")
    cells: List[Cell] = []
    for one in scene.styles:
        if one.regions is None:
            cells += [Cell("content", scene.content), Cell("only one kind", None)]
            cells += [Cell(one.label, one.image), Cell("only one kind", None)]
            continue
        for name, picture, guides in (
            ("content", scene.content, one.regions.content),
            (one.label, one.image, one.regions.style),
        ):
            parts = guides.mean(axis=(1, 2))
            said = ", ".join("%d %%" % round(100 * part) for part in parts)
            cells += [Cell(name, picture), Cell(said, _colored(guides, picture))]
    return contact_sheet("Equal colours mark the same kind of content", cells, 4, _SIDE)


def _colored(guides: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Give each kind (K, H, W) a hue, over the picture's light and shade."""
    from skimage.color import hsv2rgb

    from ..pictures.colors import luminance

    # With steps of the golden ratio, any number of hues differ clearly.
    hues = np.arange(len(guides)) * 0.618 % 1
    palette = hsv2rgb(np.stack([hues, np.full(len(hues), 0.8), np.ones(len(hues))], axis=1))
    shape = picture.shape[:2]
    planes = [np.clip(images.resize(guide, shape), 0, 1) for guide in guides]
    light = 0.5 + 0.5 * luminance(picture)[:, :, np.newaxis] / 255
    colored = np.tensordot(np.stack(planes, axis=2), palette, 1) * light
    return (255 * np.clip(colored, 0, 1)).astype(np.uint8)
