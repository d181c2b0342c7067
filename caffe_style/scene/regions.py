"""Regions: the places of each kind of content in the result and in a style picture.

Kinds that were found by `kinds`, segmentations and masks are all converted to `Regions`. The covariation loss
compares the Gram matrix of each kind in the result with that of the same kind in the style picture.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Optional, Tuple

import numpy as np

from ..errors import OptionError
from ..losses.covariation import CovariationTarget
from ..networks.network import Network
from ..objective.receptive import receptive_fields
from ..pictures import images

#: Share of a place below which it does not belong to a kind.
REST = 0.05
#: Smallest part of a region that is left when it shrinks. Its Gram matrix is a mean, so a small part is enough.
#: With a half left, the sky over a line of trees has responses to trees.
KEPT = 0.2


class Regions(NamedTuple):
    """The kinds of content that the result and a style picture have in common.

    Attributes
    ----------
    content, style : ndarray, (K, H, W) float32
        Guides: the share of each place in each kind, 0 to 1. The two pictures may differ in size.
    shares : tuple of K floats
        Weight of each kind. They sum to 1.
    hard : bool
        Whether each place belongs to one kind. Regions then shrink at deep layers, where responses at the
        border of a region also depend on the next region. Masks do not shrink.
    """

    content: np.ndarray
    style: np.ndarray
    shares: Tuple[float, ...]
    hard: bool = True


def matched_regions(content: np.ndarray, style: np.ndarray) -> Regions:
    """Make regions from guides (K, H, W). The share of a kind is its fraction of the content picture."""
    mass = content.mean(axis=(1, 2), dtype=np.float64)
    return Regions(content, style, tuple((mass / mass.sum()).tolist()))


def masked_regions(
    mask: Optional[np.ndarray], style_mask: Optional[np.ndarray]
) -> Optional[Regions]:
    """Make the single region of a style with masks (H, W). A picture without a mask is taken as a whole."""
    if mask is None and style_mask is None:
        return None
    whole = np.ones((1, 1, 1), np.float32)
    content, style = (whole if one is None else one[np.newaxis] for one in (mask, style_mask))
    return Regions(content, style, (1.0,), hard=False)


def shrinking(network: Network, blob: str, regions: Regions) -> Optional[int]:
    """Return the number of positions by which the style's regions shrink at a layer, or None for masks.

    It is half of the receptive field, rounded up, so that hardly any response depends on the next region.
    """
    if not regions.hard:
        return None
    try:
        field = receptive_fields(network.param, network.input_blob, network.last_layer([blob]))[
            blob
        ]
    except OptionError:
        return 0  # if a layer depends on the whole picture, nothing would be left
    return math.ceil((field.before + field.after + 1 - field.jump) / (2 * field.jump))


def layer_guides(
    guides: np.ndarray, size: Tuple[int, int], radius: Optional[int], what: str
) -> np.ndarray:
    """Resize guides to a layer, shrink each region, and scale each guide to a mean of 1.

    Parameters
    ----------
    guides : ndarray, (K, H, W) float32
    size : (int, int)
        Height and width of the layer's responses.
    radius : int or None
        Number of positions by which a region shrinks. It is reduced if too little of the region would be left.
        None for a mask.
    what : str
        Name of the term, for the error message.

    Returns
    -------
    ndarray, (K, *size) float32

    Raises
    ------
    OptionError
        If nothing of a region is left at this resolution.

    Examples
    --------
    >>> import numpy as np
    >>> halves = np.zeros((2, 4, 8), np.float32)
    >>> halves[0, :, :4] = halves[1, :, 4:] = 1
    >>> layer_guides(halves, (4, 8), radius=2, what="style conv1")[0, 0].tolist()
    [4.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    found = np.empty((len(guides), *size), np.float32)
    for number, guide in enumerate(guides):
        guide = np.clip(images.resize(guide, size), 0, None)
        if radius is not None:
            # Resizing leaves small shares of other kinds, which would take as much time as whole places.
            guide = np.where(guide < REST, 0, np.minimum(guide, 1))
        mean = guide.mean(dtype=np.float64)
        if not mean > 1e-4:
            raise OptionError(
                "%s: the mask leaves too little of the picture for this layer" % what
                if radius is None
                else "%s: a region is too small for this layer: paint it larger, or in another's colour"
                % what
            )
        guide = _shrunk(guide, radius or 0, KEPT * mean)
        found[number] = guide / np.float32(guide.mean(dtype=np.float64))
    return found


def _shrunk(guide: np.ndarray, radius: int, least: float) -> np.ndarray:
    from scipy.ndimage import minimum_filter

    while radius:
        inner = minimum_filter(guide, 2 * radius + 1, mode="nearest")
        if inner.mean(dtype=np.float64) >= least:
            return inner
        radius //= 2
    return guide


def region_target(
    grams: Any,
    regions: Regions,
    size: Tuple[int, int],
    radius: Optional[int],
    what: str,
    shift: float = 0.0,
) -> CovariationTarget:
    """Make the target of a layer from the style's mean Gram matrices (K, N, N), one for each kind.

    The result's regions shrink by half as much as the style's, by `radius`: more of the result is painted.
    """
    inner = None if radius is None else radius // 2
    guides = layer_guides(regions.content, size, inner, what)
    return CovariationTarget(grams, guides, regions.shares, shift)
