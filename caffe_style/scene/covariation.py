"""Style that goes with content: the covariation loss in an objective (the paper's section 9)."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping

import numpy as np

from .. import losses
from ..backends import arrays, estimate
from ..errors import OptionError, ResourceError
from ..losses.covariation import CovariationTarget
from ..networks.network import Network
from ..objective.objective import Arrays, Term, single_term
from .terms import scale

GUIDES = ("content", "own")


def covariation_terms(
    network: Network,
    content: np.ndarray,
    style: np.ndarray,
    content_layers: Mapping[str, float],
    style_layers: Mapping[str, float],
    weight: float,
    normalisation: str = "relative",
    guides: str = "content",
    guide_count: int = 8,
    seed: int = 0,
) -> List[Term]:
    """One term for each style layer and content layer.

    Parameters
    ----------
    network : Network
    content, style : ndarray (H, W, 3) uint8 RGB
        The content image has the result's size.
    content_layers : mapping of str to float
        They guide; their weights share out a style layer's.
    style_layers : mapping of str to float
    weight : float
        Of the sum of terms.
    normalisation : str
        As in `terms.style_terms`.
    guides : {"content", "own"}
        Where in the picture which kind of content is: fixed, by the content image's responses, or by the
        picture's own, which then change with it.
    guide_count : int
        Kinds of content told apart.
    seed : int
        Of the factorisation that finds the guides.

    Raises
    ------
    OptionError
        Without content layers, for unknown guides, for more guides than a content layer has feature maps.
    ResourceError
        If the weighted Gram matrices would not fit in memory.
    """
    content_layers = {blob: share for blob, share in content_layers.items() if share}
    style_layers = {blob: share for blob, share in style_layers.items() if share * weight}
    if not style_layers:
        return []
    if not content_layers:
        raise OptionError("the covariation loss needs content layers: they guide the style")
    if guides not in GUIDES:
        raise OptionError("unknown guides '%s': choose one of %s" % (guides, ", ".join(GUIDES)))
    _check(network, content_layers, style_layers, guide_count)
    blobs = list(content_layers) + list(style_layers)
    painted = network.features(style, blobs)
    pictured = network.features(content, blobs)
    terms = []
    for guide, part in content_layers.items():
        basis = losses.guide_basis(pictured[guide], guide_count, seed)
        for blob, share in style_layers.items():
            size = pictured[blob].shape[1:]
            fixed = losses.make_guides(pictured[guide], basis, size)
            painted_guides = losses.make_guides(painted[guide], basis, painted[blob].shape[1:])
            target = losses.target_covariation(painted[blob], painted_guides, fixed)
            total = weight * share * part / sum(content_layers.values())
            total *= scale(normalisation, "style", blob, pictured[blob], target, losses.covariation)
            name = "style %s by %s" % (blob, guide)
            if guides == "content":
                terms.append(single_term(name, blob, losses.covariation, target, total))
            else:
                own = CovariationTarget(target.grams)
                terms.append(Term(name, (blob, guide), _own(own, basis, total)))
    return terms


def _own(target: Any, basis: np.ndarray, weight: float) -> Callable[[Arrays, Arrays], float]:
    def evaluate(features: Arrays, gradients: Arrays) -> float:
        nonlocal target, basis
        target, basis = arrays.beside(target, features[0]), arrays.beside(basis, features[0])
        guides = losses.make_guides(features[1], basis, features[0].shape[1:])
        slope = arrays.zeros_like(guides)
        value, _ = losses.covariation(features[0], target, weight, gradients[0], guides, slope)
        losses.add_guides_gradient(gradients[1], slope, basis)
        return value

    return evaluate


def _check(network: Network, content_layers: Any, style_layers: Any, count: int) -> None:
    channels = {blob: network.net.blobs[blob].shape[1] for blob in content_layers}
    for blob, most in channels.items():
        if not 1 <= count <= most:
            raise OptionError(
                "%d guides from %s: there can be 1 to %d, its feature maps" % (count, blob, most)
            )
    # A target each, and the working copies of one layer at a time.
    squares = [network.net.blobs[blob].shape[1] ** 2 for blob in style_layers]
    needed = 4 * count * (len(content_layers) * sum(squares) + 3 * max(squares))
    available = estimate.available_bytes()
    if available is not None and needed > available:
        raise ResourceError(
            "%d guides take %s of Gram matrices, %s is free: take fewer guides or style layers"
            % (count, estimate.as_text(needed), estimate.as_text(available))
        )
