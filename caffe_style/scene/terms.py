"""From a picture that the result is to resemble to the terms of an objective."""

from __future__ import annotations

from typing import List, Optional, Tuple, Union

import numpy as np

from .. import losses
from ..errors import OptionError
from ..networks.network import Network
from ..objective.objective import Term, single_term
from ..objective.tiled import TiledGram, TiledLocal, TiledTerm
from ..settings.style_losses import StyleLoss
from .guides import guided_targets, masked, self_guided_term
from .styles import layer_mask
from .targets import CONTENT, LayerTarget, Reference, layer_sizes, tiled_targets, whole_targets

#: How a loss is scaled before its weight multiplies it: see `scale`.
NORMALISATIONS = ("relative", "paper", "mean")


def make_terms(
    network: Network,
    reference: Reference,
    shape: Tuple[int, int],
    normalisation: str = "relative",
    tile: Optional[int] = None,
) -> List[Union[Term, TiledTerm]]:
    """One term for each layer; with guides, for each layer and guiding layer.

    Parameters
    ----------
    network : Network
    reference : Reference
        The content picture, or a style.
    shape : (int, int)
        Height and width of the result.
    normalisation : str
        One of `NORMALISATIONS`: see `scale`.
    tile : int, optional
        For a `TiledObjective` with tiles of this size.

    Raises
    ------
    OptionError
        For an unknown normalisation, a layer that does not respond, a mask that leaves nothing of a layer, a
        loss that has no meaning in tiles.
    """
    sizes = layer_sizes(network, shape, reference.layers)
    if tile is not None:
        targets = tiled_targets(network, reference, sizes, tile)
    elif reference.loss.needs_guides:
        targets = guided_targets(network, reference)
    else:
        targets = whole_targets(network, reference)
    terms = []
    for target in targets:
        size, mask = sizes[target.blob], None
        if reference.mask is not None:
            mask = layer_mask(reference.mask, size, target.name)
        weight = target.weight * scale(normalisation, reference, target)
        if tile is None:
            terms.append(_term(reference.loss, target, weight, mask))
        else:
            terms.append(_tiled_term(reference.loss, target, weight, mask, size))
    return terms


def _term(loss: StyleLoss, target: LayerTarget, weight: float, mask: Optional[np.ndarray]) -> Term:
    if target.own_guides is not None:
        return self_guided_term(target, weight)
    function, value = loss.loss, target.value
    if mask is not None:
        function, value = losses.covariation, masked(value, mask)
    return single_term(target.name, target.blob, function, value, weight)


def _tiled_term(
    loss: StyleLoss,
    target: LayerTarget,
    weight: float,
    mask: Optional[np.ndarray],
    size: Tuple[int, int],
) -> TiledTerm:
    if loss.tiles == "gram":
        summed = TiledGram(target.value, size[0] * size[1], weight, mask)
    else:
        summed = TiledLocal(loss.loss, target.value, weight, loss.position_power)
    return TiledTerm(target.name, target.blob, summed)


def scale(normalisation: str, reference: Reference, target: LayerTarget) -> float:
    """What a layer's loss is multiplied by, beside its weight.

    Parameters
    ----------
    normalisation : {"relative", "paper", "mean"}
        "relative" divides by the loss of an image that makes no response: weights then mean the same whatever
        the layer, the size and the network. "paper": the formulas of `caffe_style.losses` as they stand.
        "mean": mean squares, of the N M responses for content and of the N^2 entries of G / (N M) for style,
        with G / (N M) as Johnson's program scales Gram matrices.
    reference : Reference
    target : LayerTarget

    Raises
    ------
    OptionError
        For an unknown normalisation, or a relative weight where the layer does not respond.
    """
    if normalisation == "paper":
        return 1.0
    if normalisation == "mean":
        # The paper's 1/2 and 1 / (4 N^2 M^2) taken back.
        if reference.loss is CONTENT:
            return 2.0 / target.features.size
        return 4.0 / len(target.features) ** 2
    if normalisation != "relative":
        raise OptionError(
            "unknown normalisation '%s': choose one of %s"
            % (normalisation, ", ".join(NORMALISATIONS))
        )
    silent = reference.loss.loss(np.zeros_like(target.features), target.value)[0]
    if not silent > 0:
        raise OptionError(
            "%s layer %s does not respond to the picture: leave it out"
            % (reference.label, target.blob)
        )
    return 1.0 / silent


def variation_term(
    network: Network,
    weight: float,
    reference: np.ndarray,
    shape: Tuple[int, int],
    normalisation: str = "relative",
) -> List[Term]:
    """Total variation of an image (*shape, 3); its relative weight is by that of `reference` (H, W, 3)."""
    if not weight:
        return []
    if normalisation == "relative":
        blob = network.to_blob(reference)[0]
        mean_variation = losses.total_variation(blob)[0] / blob.size
        weight /= max(mean_variation, 1e-12) * 3 * shape[0] * shape[1]
    blob_name = network.input_blob
    return [single_term("variation", blob_name, losses.total_variation, None, weight)]
