"""Targets of the losses, computed from the responses to one tile of a picture at a time."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Tuple

import numpy as np

from .. import losses
from ..backends import arrays
from ..errors import OptionError
from ..networks.margin import Frame
from ..networks.network import Network
from ..objective.cutting import cut, responses
from ..settings.style_losses import STYLE_LOSSES, StyleLoss
from .regions import layer_guides, region_target, shrinking
from .targets import LayerTarget, Reference, Size, layer_sizes


def check_tiles(loss: StyleLoss) -> None:
    """Raise OptionError if a loss cannot be computed in tiles."""
    if loss.tiles is None:
        tileable = " and ".join(name for name, row in STYLE_LOSSES.items() if row.tiles)
        raise OptionError(
            "the %s loss needs the whole picture at once: only %s work in tiles"
            % (loss.name, tileable)
        )


def tiled_targets(
    network: Network, reference: Reference, sizes: Mapping[str, Size], tile: int
) -> Iterator[LayerTarget]:
    """Yield the target of each layer, from the responses to one tile of the picture at a time.

    Parameters
    ----------
    network : Network
        Network that computes the responses.
    reference : Reference
        Content or style.
    sizes : mapping of str to (int, int)
        Height and width of the layers' responses to the result.
    tile : int
        Largest side of a tile in pixels.

    Raises
    ------
    OptionError
        If the loss needs the whole picture, or the tiles are too small.
    """
    check_tiles(reference.loss)
    blobs = list(reference.layers)
    frame = Frame(network, reference.image.shape[:2], reference.margin)
    pieces = cut(network, frame, tile, blobs)
    cores = responses(network, frame.pad(network.to_blob(reference.image)), pieces, blobs)
    if reference.loss.tiles == "gram":
        values = _mean_grams(network, reference, cores, sizes)
        # The loss of zero responses does not depend on the number of positions, so one position is enough.
        shaped = {
            blob: np.zeros((network.net.blobs[blob].shape[1], 1, 1), np.float32) for blob in values
        }
    else:
        values = shaped = _joined(cores, sizes)
    for blob in blobs:
        name = "%s %s" % (reference.label, blob)
        yield LayerTarget(name, blob, values[blob], shaped[blob], reference.layers[blob])


def _mean_grams(
    network: Network,
    reference: Reference,
    cores: Iterator[Tuple[str, Any, Any]],
    sizes: Mapping[str, Size],
) -> Dict[str, Any]:
    """Return the mean Gram matrix of each layer, or its target of covariation, summed over the tiles."""
    regions = reference.regions
    names = {blob: "%s %s" % (reference.label, blob) for blob in reference.layers}
    guides, radius = {}, {}
    if regions is not None:
        shape = reference.image.shape[:2]
        shapes = layer_sizes(network, shape, reference.layers, reference.margin)
        radius = {blob: shrinking(network, blob, regions) for blob in shapes}
        guides = {
            blob: layer_guides(regions.style, shape, radius[blob], names[blob])
            for blob, shape in shapes.items()
        }
    sums: Dict[str, List[Any]] = {}
    for blob, place, core in cores:
        weights = None
        if regions is not None:
            weights = arrays.beside(guides[blob][(slice(None), *place)], core)
        found = [arrays.to_numpy(losses.gram_matrices(core, weights)).astype(np.float64)]
        if reference.shift:
            found += [
                arrays.to_numpy(losses.response_sums(core, each)).astype(np.float64)
                for each in (weights, None)
            ]
        found.append(arrays.count(core[0]))
        sums[blob] = [a + b for a, b in zip(sums.get(blob, [0] * len(found)), found)]
    targets = {}
    for blob, (grams, *responses_to, positions) in sums.items():
        shift = 0.0
        if reference.shift:
            of_kinds, of_all = responses_to
            shift = -float(of_all.mean()) / positions
            # Guides have a mean of 1.
            losses.add_shift(grams, of_kinds, np.full(len(of_kinds), positions), shift)
        grams = (grams / positions).astype(np.float32)
        if regions is not None:
            grams = region_target(grams, regions, sizes[blob], radius[blob], names[blob], shift)
        elif reference.shift:
            grams = losses.CovariationTarget(grams, shift=shift)
        targets[blob] = grams
    return targets


def _joined(
    cores: Iterator[Tuple[str, Any, Any]], sizes: Mapping[str, Size]
) -> Dict[str, np.ndarray]:
    joined: Dict[str, np.ndarray] = {}
    for blob, place, core in cores:
        if blob not in joined:
            # Channels last, like the network's responses in memory.
            joined[blob] = np.empty((*sizes[blob], len(core)), np.float32).transpose(2, 0, 1)
        joined[blob][(slice(None), *place)] = arrays.to_numpy(core)
    return joined
