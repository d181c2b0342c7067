"""From a scene to the objective that a picture of it minimises."""

from __future__ import annotations

from typing import Any, List, Optional

from ..errors import OptionError
from ..losses import STYLE_LOSSES
from ..networks.network import Network
from ..objective.objective import Objective, Term
from ..settings.transfer import TransferSettings
from .covariation import covariation_terms
from .scene import ScaledStyle, Scene
from .terms import content_terms, masked_style_terms, style_terms, variation_term
from .tiled_terms import tiled_objective


def scene_objective(
    network: Network, scene: Scene, settings: TransferSettings, tile: Optional[int]
) -> Any:
    """Content, styles and total variation as one function of the image.

    Parameters
    ----------
    network : Network
    scene : Scene
    settings : TransferSettings
    tile : int or None
        Evaluate in tiles of this size.

    Returns
    -------
    Objective or TiledObjective

    Raises
    ------
    OptionError
        When nothing has a weight, or a loss has no meaning in tiles.
    """
    normalisation = settings.normalisation
    reference = scene.content if scene.content is not None else scene.styles[0].image
    variation = variation_term(network, settings.tv_weight, reference, scene.shape, normalisation)
    if tile is not None:
        return tiled_objective(network, scene, settings, tile, variation)
    terms: List[Term] = []
    for style in scene.styles:
        terms += _style_terms(network, scene, style, settings)
    if scene.content is not None:
        layers, weight = settings.content_layers, settings.content_weight
        terms += content_terms(network, scene.content, layers, weight, normalisation)
    if not terms:
        raise OptionError("content and style weights are all zero: there is nothing to optimise")
    return Objective(network.net, network.input_blob, terms + variation)


def _style_terms(
    network: Network, scene: Scene, style: ScaledStyle, settings: TransferSettings
) -> List[Term]:
    layers, weight = settings.style_layers, settings.style_weight * style.share
    if STYLE_LOSSES[settings.style_loss].needs_guides:
        terms = covariation_terms(
            network,
            scene.content,
            style.image,
            settings.content_layers,
            layers,
            weight,
            settings.normalisation,
            settings.guides,
            settings.guide_count,
            settings.seed,
        )
    elif style.mask is not None:
        terms = masked_style_terms(
            network, style.image, style.mask, layers, weight, settings.normalisation
        )
    else:
        terms = style_terms(
            network, style.image, layers, weight, settings.normalisation, settings.style_loss
        )
    return [term._replace(name=term.name.replace("style", style.label, 1)) for term in terms]
