"""Targets of the losses: computed from the responses to a picture, at once or tile by tile."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from .. import losses
from ..backends import arrays
from ..errors import OptionError
from ..networks.margin import Frame, Margin
from ..networks.network import Network
from ..objective.cutting import cut, responses
from ..settings.style_losses import STYLE_LOSSES, StyleLoss
from .regions import Regions, layer_guides, region_target, shrinking

#: The content loss, described like a style loss.
CONTENT = StyleLoss("content", "content", needs_equal_size=True, tiles="local", position_power=0)

Size = Tuple[int, int]


class Guides(NamedTuple):
    """How to make the guides, which say where each kind of content is.

    Attributes
    ----------
    content : ndarray, (H, W, 3) uint8 RGB
        Content picture at the result's size.
    layers : mapping of str to float
        Content layers that guide. Their weights divide the weight of each style layer.
    source : {"content", "own"}
        Whether the guides come from the content picture and are fixed, or from the result's own responses.
    count : int
        Number of kinds of content.
    seed : int
        Seed of the factorisation that finds them.
    margin : Margin
        Margin within which the network reads the content picture.
    """

    content: np.ndarray
    layers: Mapping[str, float]
    source: str = "content"
    count: int = 8
    seed: int = 0
    margin: Margin = Margin()


class Reference(NamedTuple):
    """A picture that the result is to resemble.

    Attributes
    ----------
    label : str
        Beginning of the names of its terms: "content", "style", "style 2".
    image : ndarray, (H, W, 3) uint8 RGB
        The picture.
    loss : StyleLoss
        Loss that compares the two; `CONTENT` for the content.
    layers : mapping of str to float
        Weight of each layer.
    regions : Regions, optional
        Kinds of content that the result and the picture have in common.
    guides : Guides, optional
        Guides for a loss that needs them.
    margin : Margin
        Margin within which the network reads the picture.
    """

    label: str
    image: np.ndarray
    loss: StyleLoss
    layers: Mapping[str, float]
    regions: Optional[Regions] = None
    guides: Optional[Guides] = None
    margin: Margin = Margin()


class LayerTarget(NamedTuple):
    """The target of the loss on one layer.

    Attributes
    ----------
    name : str
        Name of the term.
    blob : str
        Name of the layer.
    value : any
        Target of the loss.
    features : ndarray, (N, H, W)
        Responses of a shape that the loss can compare with the target.
    weight : float
        Weight of the layer.
    own_guides : (str, ndarray), optional
        Blob whose responses give the result's own guides, and the basis (K, L) that combines them.
    """

    name: str
    blob: str
    value: Any
    features: np.ndarray
    weight: float
    own_guides: Optional[Tuple[str, np.ndarray]] = None


def whole_targets(
    network: Network, reference: Reference, sizes: Mapping[str, Size]
) -> Iterator[LayerTarget]:
    """Yield the target of each layer, from the responses to the picture.

    Parameters are those of `tiled_targets`.
    """
    regions = reference.regions
    found = network.features(reference.image, reference.layers, reference.margin)
    for blob, features in found.items():
        name = "%s %s" % (reference.label, blob)
        if regions is None:
            value = reference.loss.make_target(features)
        else:
            radius = shrinking(network, blob, regions)
            guides = layer_guides(regions.style, features.shape[1:], radius, name)
            grams = losses.target_covariation(features, guides).grams
            value = region_target(grams, regions, sizes[blob], radius, name)
        yield LayerTarget(name, blob, value, features, reference.layers[blob])


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
    """Return the mean Gram matrix of each layer, or its target with regions, summed over the tiles."""
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
    totals: Dict[str, Any] = {}
    positions: Dict[str, int] = {}
    for blob, place, core in cores:
        weights = None
        if regions is not None:
            weights = arrays.beside(guides[blob][(slice(None), *place)], core)
        gram = arrays.to_numpy(losses.gram_matrices(core, weights)).astype(np.float64)
        totals[blob] = totals.get(blob, 0) + gram
        positions[blob] = positions.get(blob, 0) + arrays.count(core[0])
    means = {blob: (totals[blob] / positions[blob]).astype(np.float32) for blob in totals}
    if regions is None:
        return means
    return {
        blob: region_target(grams, regions, sizes[blob], radius[blob], names[blob])
        for blob, grams in means.items()
    }


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


def layer_sizes(
    network: Network, shape: Size, blobs: Mapping[str, Any], margin: Margin
) -> Dict[str, Size]:
    """Return height and width of the layers' own responses to a picture of this height and width."""
    frame = Frame(network, shape, margin)
    return {blob: frame.size(blob) for blob in blobs}
