"""Making the terms of an objective from the content picture and the styles."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple, Union

import numpy as np

from .. import losses
from ..errors import OptionError
from ..networks.network import Network
from ..objective.term import Term, single_term
from ..objective.tiled import TiledGram, TiledLocal, TiledTerm
from ..settings.transfer import NORMALISATIONS
from .chains import chained_targets, chained_term
from .guides import guided_targets, self_guided_term
from .neighbours import neighbours_term
from .random_targets import random_term
from .targets import CONTENT, LayerTarget, Reference, layer_sizes, whole_targets
from .tiled_targets import tiled_targets


def make_terms(
    network: Network,
    reference: Reference,
    shape: Tuple[int, int],
    normalisation: str = "relative",
    tile: Optional[int] = None,
) -> List[Union[Term, TiledTerm]]:
    """Make one term for each layer, or for each pair of a layer and a guiding layer, or one for all layers.

    Parameters
    ----------
    network : Network
        Network that computes the targets.
    reference : Reference
        Content or style.
    shape : (int, int)
        Height and width of the result.
    normalisation : str
        One of `NORMALISATIONS`, see `scale`.
    tile : int, optional
        Size of the tiles, for the terms of a `TiledObjective`.

    Raises
    ------
    OptionError
        If the normalisation is unknown, a layer does not respond, a mask leaves nothing of a layer, or the loss
        cannot be computed in tiles.
    """
    sizes = layer_sizes(network, shape, reference.layers, reference.margin)
    if tile is not None:
        targets = tiled_targets(network, reference, sizes, tile)
    elif reference.loss.needs_guides:
        targets = guided_targets(network, reference)
    elif reference.loss.of_pairs:
        targets = chained_targets(network, reference)
    elif reference.loss.joins_layers:
        return [neighbours_term(network, reference, shape)]
    else:
        targets = whole_targets(network, reference, sizes)
    terms = []
    for target in targets:
        weight = target.weight * scale(normalisation, reference, target)
        if tile is None:
            terms.append(_term(reference, target, weight))
        else:
            terms.append(_tiled_term(reference, target, weight, sizes[target.blob]))
    return terms


def _term(reference: Reference, target: LayerTarget, weight: float) -> Term:
    if target.own_guides is not None:
        return self_guided_term(target, weight)
    if target.deeper is not None:
        return chained_term(target, weight)
    if reference.loss.is_random:
        return random_term(reference, target, weight)
    return single_term(
        target.name,
        target.blob,
        reference.function,
        target.value,
        weight,
        takes_gaps=reference.loss.takes_gaps,
    )


def _tiled_term(
    reference: Reference, target: LayerTarget, weight: float, size: Tuple[int, int]
) -> TiledTerm:
    loss, value = reference.loss, target.value
    if loss.tiles == "gram":
        if not isinstance(value, losses.CovariationTarget):
            value = losses.CovariationTarget(value)
        summed = TiledGram(*value, positions=size[0] * size[1], weight=weight)
    else:
        summed = TiledLocal(loss.loss, value, weight, loss.position_power)
    return TiledTerm(target.name, target.blob, summed)


def scale(normalisation: str, reference: Reference, target: LayerTarget) -> float:
    """Return the factor of a layer's loss, apart from its weight.

    Parameters
    ----------
    normalisation : {"relative", "paper", "mean"}
        "relative" divides by the loss of zero responses, so that a weight has the same effect for every layer,
        size and network. "paper" uses the formulas of `caffe_style.losses` unchanged. "mean" uses mean squares,
        over the N M responses for content and the N^2 entries of G / (N M) for style, as Johnson's program
        does.
    reference : Reference
        Content or style.
    target : LayerTarget
        Target on one layer.

    Raises
    ------
    OptionError
        If the normalisation is unknown, or is "relative" and the layer does not respond.
    """
    if normalisation == "paper":
        return 1.0
    if normalisation == "mean":
        return _mean_factor(reference, target)
    if normalisation != "relative":
        raise OptionError(
            "unknown normalisation '%s': choose one of %s"
            % (normalisation, ", ".join(NORMALISATIONS))
        )
    if reference.regions is None:
        silent = reference.function(_zeros_like(target.features), target.value)[0]
    else:
        grams, _, shares, shift = target.value
        silent = losses.gram_distance(np.full_like(grams, shift**2), grams, 1, shares=shares)[0]
    if not silent > 0:
        raise OptionError(
            "%s layer %s does not respond to the picture: leave it out"
            % (reference.label, target.blob)
        )
    return 1.0 / silent


def _mean_factor(reference: Reference, target: LayerTarget) -> float:
    """Return the factor that turns a loss into a mean square, in place of its factor in the formula."""
    if reference.loss is CONTENT:
        return 2.0 / target.features.size
    if reference.loss.is_random:
        return 2.0
    if reference.loss.of_pairs:
        return 4.0 / (len(target.features[0]) * len(target.features[1]))
    return 4.0 / len(target.features) ** 2


def _zeros_like(features: Any) -> Any:
    return (
        tuple(map(np.zeros_like, features))
        if isinstance(features, tuple)
        else np.zeros_like(features)
    )


def variation_term(
    network: Network,
    weight: float,
    reference: np.ndarray,
    shape: Tuple[int, int],
    normalisation: str = "relative",
    wrapped: bool = False,
) -> List[Term]:
    """Make the term of total variation; a relative weight divides by the variation of `reference` (H, W, 3).

    `wrapped` is for a seamless picture, whose opposite sides are neighbours.
    """
    if not weight:
        return []
    if normalisation == "relative":
        blob = network.to_blob(reference)[0]
        mean_variation = losses.total_variation(blob)[0] / blob.size
        weight /= max(mean_variation, 1e-12) * 3 * shape[0] * shape[1]
    blob_name = network.input_blob
    return [single_term("variation", blob_name, losses.total_variation, wrapped, weight)]


def matting_term(
    network: Network, weight: float, photograph: np.ndarray, normalisation: str = "relative"
) -> List[Term]:
    """Make the term of the matting Laplacian of `photograph` (H, W, 3) uint8.

    A relative weight divides by the energy of noise with the photograph's contrast. Otherwise the picture's
    values count from 0 to 1, as in Luan et al. (2017).
    """
    if not weight:
        return []
    target = losses.target_matting(photograph)
    if normalisation == "relative":
        weight /= max(target.trace * 3 * float(photograph.var()), 1e-12)
    else:
        weight /= 255.0**2
    return [single_term("photoreal", network.input_blob, losses.matting, target, weight)]
