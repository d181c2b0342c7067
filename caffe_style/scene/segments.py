"""Segmentations drawn by hand: coloured pictures over the content and the style picture."""

from __future__ import annotations

import logging
from typing import Sequence

import numpy as np

from ..errors import OptionError
from ..pictures import images
from ..settings.kinds import PictureLike
from ..settings.named import name_of
from .regions import Regions, matched_regions
from .starts import read_picture

#: Long edge in pixels at which a segmentation is kept.
LONG_EDGE = 1024
#: Most colours that two segmentations may share. A drawing with soft edges, or a JPEG, has thousands.
MOST = 25


def segmented(segmentations: Sequence[PictureLike], pictures: Sequence[np.ndarray]) -> Regions:
    """Make regions from two segmentations, in which equal colours mark the same kind of content.

    A colour that only one of them has is not a kind. Its places get the kind of the nearest place that has one,
    and a warning names the colour.

    Parameters
    ----------
    segmentations : sequence of 2 paths or ndarrays (H, W, 3) uint8
        Segmentations of the content and of the style picture. They are resized to the pictures' size.
    pictures : sequence of 2 ndarrays (H, W, 3) uint8
        Content and style picture.

    Raises
    ------
    ImageError, OptionError
        If a segmentation is not a picture, or if the two have no colour or too many colours in common.
    """
    maps = [_codes(read_picture(given), seen) for given, seen in zip(segmentations, pictures)]
    found = [np.unique(one) for one in maps]
    shared = np.intersect1d(*found)
    names = [name_of(given) for given in segmentations]
    if not len(shared):
        raise OptionError(
            "%s and %s have no colour in common: paint each kind in the same colour" % (*names,)
        )
    if len(shared) > MOST:
        raise OptionError(
            "%s and %s have %d colours in common, more than %d: paint each kind in one flat colour, as PNG"
            % (*names, len(shared), MOST)
        )
    for name, colors in zip(names, found):
        _say(name, np.setdiff1d(colors, shared))
    return matched_regions(*(_guides(one, shared) for one in maps))


def _codes(segmentation: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Return the colours as numbers 0xRRGGBB, resized to the picture's proportions without mixing colours."""
    height, width = images.fitted_size(picture.shape[:2], min(LONG_EDGE, max(picture.shape[:2])))
    rows = (np.arange(height) + 0.5) * segmentation.shape[0] / height
    columns = (np.arange(width) + 0.5) * segmentation.shape[1] / width
    seen = segmentation[rows.astype(int)][:, columns.astype(int)].astype(np.int64)
    return seen @ np.array([1 << 16, 1 << 8, 1])


def _say(name: str, colors: np.ndarray) -> None:
    if len(colors):
        shown = ", ".join("#%06x" % code for code in colors[:5]) + (
            ", ..." if len(colors) > 5 else ""
        )
        logging.getLogger("caffe_style").warning(
            "only %s has %s: these places get the nearest other kind", name, shown
        )


def _guides(codes: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Return one map of ones and zeros for each shared colour, (K, H, W) float32."""
    from scipy.ndimage import distance_transform_edt

    alone = ~np.isin(codes, shared)
    if alone.any():
        nearest = distance_transform_edt(alone, return_distances=False, return_indices=True)
        codes = codes[tuple(nearest)]
    return (codes == shared[:, np.newaxis, np.newaxis]).astype(np.float32)
