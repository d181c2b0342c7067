"""Targets and terms of the covariation loss (the paper's section 9)."""

from __future__ import annotations

from typing import Any, Iterator

from .. import losses
from ..backends import arrays, estimate
from ..errors import OptionError, ResourceError
from ..losses.covariation import CovariationTarget
from ..networks.network import Network
from ..objective.term import Arrays, Term
from .targets import LayerTarget, Reference

SOURCES = ("content", "own")


def guided_targets(network: Network, reference: Reference) -> Iterator[LayerTarget]:
    """Yield one target for each pair of a style layer and a content layer.

    Raises
    ------
    OptionError
        If there are no content layers, the guides are unknown, or there are more guides than a content layer
        has feature maps.
    ResourceError
        If the weighted Gram matrices would not fit in memory.
    """
    content, layers, source, count, seed, margin = reference.guides
    layers = {blob: share for blob, share in layers.items() if share}
    if not layers:
        raise OptionError("the covariation loss needs content layers: they guide the style")
    if source not in SOURCES:
        raise OptionError("unknown guides '%s': choose one of %s" % (source, ", ".join(SOURCES)))
    _check(network, layers, reference.layers, count)
    blobs = list(layers) + list(reference.layers)
    painted = network.features(reference.image, blobs, reference.margin)
    pictured = network.features(content, blobs, margin)
    for guide, part in layers.items():
        basis = losses.guide_basis(pictured[guide], count, seed)
        for blob, share in reference.layers.items():
            fixed, painted_guides = (
                losses.make_guides(found[guide], basis, found[blob].shape[1:])
                for found in (pictured, painted)
            )
            yield LayerTarget(
                "%s %s by %s" % (reference.label, blob, guide),
                blob,
                reference.loss.make_target(painted[blob], painted_guides, fixed),
                pictured[blob],
                share * part / sum(layers.values()),
                None if source == "content" else (guide, basis),
            )


def self_guided_term(target: LayerTarget, weight: float) -> Term:
    """Make a covariation term guided by the result's own responses, with the gradient through the guides."""
    guide, basis = target.own_guides
    grams = CovariationTarget(target.value.grams)

    def evaluate(features: Arrays, gradients: Arrays) -> Any:
        nonlocal grams, basis
        grams, basis = arrays.beside(grams, features[0]), arrays.beside(basis, features[0])
        guides = losses.make_guides(features[1], basis, features[0].shape[1:])
        slope = arrays.zeros_like(guides)
        value, _ = losses.covariation(features[0], grams, weight, gradients[0], guides, slope)
        losses.add_guides_gradient(gradients[1], slope, basis)
        return value

    return Term(target.name, (target.blob, guide), evaluate)


def _check(network: Network, content_layers: Any, style_layers: Any, count: int) -> None:
    channels = {blob: network.net.blobs[blob].shape[1] for blob in content_layers}
    for blob, most in channels.items():
        if not 1 <= count <= most:
            raise OptionError(
                "%d guides from %s: choose 1 to %d, its feature maps" % (count, blob, most)
            )
    # One target for each pair of layers, and the working copies of one layer at a time.
    squares = [network.net.blobs[blob].shape[1] ** 2 for blob in style_layers]
    needed = 4 * count * (len(content_layers) * sum(squares) + 3 * max(squares))
    available = estimate.available_bytes()
    if available is not None and needed > available:
        raise ResourceError(
            "%d guides need %s for Gram matrices, %s is free: choose fewer guides or style layers"
            % (count, estimate.as_text(needed), estimate.as_text(available))
        )
