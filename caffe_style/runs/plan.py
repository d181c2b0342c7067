"""The plan of a run: its sizes from coarse to fine, with the number of iterations and the tiles of each."""

from __future__ import annotations

import math
from typing import List, NamedTuple, Optional, Tuple, Union

import numpy as np

from ..errors import ImageError, OptionError
from ..networks.network import Network
from ..scene.inputs import Inputs, result_shape, style_shapes
from ..settings.style_losses import STYLE_LOSSES
from ..settings.transfer import TransferSettings
from .budget import fit


class Scale(NamedTuple):
    """One size of a run.

    Attributes
    ----------
    size : int
        Long edge in pixels.
    iterations : int
    tile : int or None
        Size of the tiles to evaluate in; None for the whole picture at once.
    """

    size: int
    iterations: int
    tile: Optional[int]


def make_plan(
    network: Network, inputs: Inputs, settings: TransferSettings
) -> Tuple[TransferSettings, List[Scale]]:
    """Plan a run so that each of its sizes fits in memory.

    Returns
    -------
    settings : TransferSettings
        The settings, perhaps with a smaller optimiser.
    plan : list of Scale
        Sizes from coarse to fine.

    Raises
    ------
    OptionError, ResourceError
        If the number of scales is not possible, or the picture does not fit in memory in any way.
    ImageError
        If a picture is too small for the network at a size that was asked for.
    """
    coarsest = STYLE_LOSSES[settings.style_loss].coarsest
    edges = sizes(settings.size, settings.scales, coarsest)
    if settings.scales == "auto":
        edges = edges[-settings.iterations :]
        while len(edges) > 1 and not _can_be_read(network, inputs, settings, edges[0]):
            edges = edges[1:]
    shares = iterations_at(settings.iterations, len(edges))
    plan: List[Scale] = []
    # The largest size is first, since the optimiser with which it fits is used for all sizes.
    for edge, iterations in zip(reversed(edges), reversed(shares)):
        shape = result_shape(inputs, edge)
        styles = style_shapes(inputs, edge, settings.style_scale, settings.style_loss)
        settings, tile = fit(network, shape, settings, styles)
        plan.insert(0, Scale(edge, iterations, tile))
    return settings, plan


def _can_be_read(network: Network, inputs: Inputs, settings: TransferSettings, edge: int) -> bool:
    """Return whether no picture of a run with this long edge is too small for the network."""
    styles = style_shapes(inputs, edge, settings.style_scale, settings.style_loss)
    try:
        for shape in (result_shape(inputs, edge), *styles):
            network.resize(*shape)
    except ImageError:
        return False
    return True


def sizes(size: int, scales: Union[int, str], coarsest: int) -> List[int]:
    """Return long edges from coarse to fine, which grow by a factor of sqrt 2; "auto" begins at `coarsest`.

    Raises
    ------
    OptionError
        If `scales` is neither "auto" nor a number from 1 for which the smallest edge is at least 32 pixels.

    Examples
    --------
    >>> sizes(512, "auto", coarsest=256)
    [256, 362, 512]
    """
    if scales == "auto":
        scales = max(1, 1 + int(2 * math.log2(size / coarsest) + 1e-9))
    most = max(1, 1 + int(2 * math.log2(size / 32))) if size >= 32 else 1
    if not isinstance(scales, int) or not 1 <= scales <= most:
        raise OptionError("scales must be auto or 1 to %d for this size, not %r" % (most, scales))
    return [round(size / math.sqrt(2) ** step) for step in range(scales - 1, -1, -1)]


def iterations_at(iterations: int, scales: int) -> List[int]:
    """Divide iterations among scales in proportion to 1 / edge, at least one each.

    Raises
    ------
    OptionError
        If there are fewer iterations than scales.

    Examples
    --------
    >>> sum(iterations_at(200, 3))
    200
    """
    if iterations < scales:
        raise OptionError(
            "%d scales need at least as many iterations, not %d: choose fewer scales"
            % (scales, iterations)
        )
    parts = [math.sqrt(2) ** (scales - 1 - scale) for scale in range(scales)]
    bounds = np.cumsum([0.0, *parts]) * iterations / sum(parts)
    shared = [max(1, int(b) - int(a)) for a, b in zip(bounds.round(), bounds.round()[1:])]
    shared[0] = max(1, shared[0] + iterations - sum(shared))
    return shared
