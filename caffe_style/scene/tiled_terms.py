"""The scene's objective in tiles: targets are gathered tile by tile, too."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

import numpy as np

from .. import losses
from ..backends import arrays
from ..errors import OptionError
from ..networks.network import Network
from ..objective.objective import Term
from ..objective.tiled import (
    TiledGram,
    TiledLocal,
    TiledObjective,
    TiledTerm,
    core_gram,
    cut,
    responses,
)
from ..settings.transfer import TransferSettings
from .scene import Scene
from .styles import layer_mask
from .terms import scale

#: Style losses that are a sum over positions, or that a sum over positions determines.
TILEABLE = ("gram", "pixelwise")


def tiled_objective(
    network: Network, scene: Scene, settings: TransferSettings, tile: int, variation: Sequence[Term]
) -> TiledObjective:
    """As `objectives.scene_objective` does for the whole.

    Raises
    ------
    OptionError
        For a style loss that is not `TILEABLE`, for weights that are all zero.
    """
    if settings.style_loss not in TILEABLE:
        raise OptionError(
            "the %s loss needs the whole picture at once: in tiles there are %s"
            % (settings.style_loss, " and ".join(TILEABLE))
        )
    layers = _weighted(settings.style_layers, settings.style_weight)
    terms = []
    if settings.style_loss == "gram":
        terms += _gram_terms(network, scene, layers, settings.normalisation, tile)
    else:
        loss = losses.pixelwise
        for style in scene.styles:
            shares = {blob: weight * style.share for blob, weight in layers.items()}
            image = style.image, settings.normalisation, tile
            terms += _local_terms(network, *image, style.label, shares, loss, 2)
    if scene.content is not None:
        layers = _weighted(settings.content_layers, settings.content_weight)
        image = scene.content, settings.normalisation, tile
        terms += _local_terms(network, *image, "content", layers, losses.content, 0)
    if not terms:
        raise OptionError("content and style weights are all zero: there is nothing to optimise")
    return TiledObjective(network, scene.shape, tile, terms, variation)


def _weighted(layers: Dict[str, float], weight: float) -> Dict[str, float]:
    return {blob: value * weight for blob, value in layers.items() if value * weight}


def _layer_shapes(
    network: Network, shape: Tuple[int, int], blobs: Sequence[str]
) -> Dict[str, Tuple[int, int]]:
    """Height and width of the whole picture's responses."""
    network.resize(*shape)
    return {blob: tuple(network.net.blobs[blob].shape)[2:] for blob in blobs}


def _gram_terms(
    network: Network, scene: Scene, layers: Dict[str, float], normalisation: str, tile: int
) -> List[TiledTerm]:
    terms = []
    shapes = _layer_shapes(network, scene.shape, list(layers))
    for style in scene.styles if layers else []:
        tiles, fields = cut(network, style.image.shape[:2], tile, list(layers))
        image = network.to_blob(style.image)
        totals: Dict[str, np.ndarray] = {}
        positions = dict.fromkeys(layers, 0)
        for blob, place, core in responses(network, image, tiles, fields, list(layers)):
            totals[blob] = totals.get(blob, 0) + core_gram(core, None, place)
            positions[blob] += arrays.count(core[0])
        for blob, weight in layers.items():
            name = "%s %s" % (style.label, blob)
            target = (totals[blob] / positions[blob]).astype(np.float32)
            mask = None if style.mask is None else layer_mask(style.mask, shapes[blob], name)
            # Without responses the loss is the same for any number of positions.
            silent = np.zeros((len(target), 1, 1), np.float32)
            factor = scale(normalisation, "style", blob, silent, target, losses.gram)
            count = shapes[blob][0] * shapes[blob][1]
            loss = TiledGram(target, count, weight * style.share * factor, mask)
            terms.append(TiledTerm(name, blob, loss))
    return terms


def _local_terms(
    network: Network,
    picture: np.ndarray,
    normalisation: str,
    tile: int,
    label: str,
    layers: Dict[str, float],
    loss: object,
    mean_over: int,
) -> List[TiledTerm]:
    """Terms whose target is the picture's responses, position by position."""
    if not layers:
        return []
    tiles, fields = cut(network, picture.shape[:2], tile, list(layers))
    shapes = _layer_shapes(network, picture.shape[:2], list(layers))
    targets: Dict[str, np.ndarray] = {}
    for blob, place, core in responses(
        network, network.to_blob(picture), tiles, fields, list(layers)
    ):
        if blob not in targets:
            # Channels last, as the responses lie in memory.
            targets[blob] = np.empty((*shapes[blob], len(core)), np.float32).transpose(2, 0, 1)
        targets[blob][(slice(None), *place)] = arrays.to_numpy(core)
    kind = "content" if label == "content" else "style"
    terms = []
    for blob, target in targets.items():
        factor = scale(normalisation, kind, blob, target, target, loss)
        local = TiledLocal(loss, target, layers[blob] * factor, mean_over)
        terms.append(TiledTerm("%s %s" % (label, blob), blob, local))
    return terms
