"""Targets and terms of the chained loss, on neighbouring style layers."""

from __future__ import annotations

from typing import Any, Iterator

from .. import losses
from ..backends import arrays
from ..errors import OptionError
from ..networks.network import Network
from ..objective.term import Arrays, Term
from .targets import LayerTarget, Reference, mean_shift


def chained_targets(network: Network, reference: Reference) -> Iterator[LayerTarget]:
    """Yield one target for each two neighbouring style layers, in the order of the network.

    The weight of a pair is the mean of its layers' weights.

    Raises
    ------
    OptionError
        If there is only one style layer.
    """
    blobs = [blob for blob in network.net.blobs if blob in reference.layers]
    if len(blobs) < 2:
        raise OptionError(
            "the %s loss compares neighbouring style layers: name at least two"
            % reference.loss.name
        )
    found = network.features(reference.image, blobs, reference.margin)
    for below, above in zip(blobs, blobs[1:]):
        features = found[below], found[above]
        shifts = tuple(map(mean_shift, features)) if reference.shift else (0.0, 0.0)
        yield LayerTarget(
            "%s %s and %s" % (reference.label, below, above),
            below,
            losses.target_chained(features, shifts),
            features,
            (reference.layers[below] + reference.layers[above]) / 2,
            deeper=above,
        )


def chained_term(target: LayerTarget, weight: float) -> Term:
    """Make the term of two neighbouring layers."""
    value = target.value

    def evaluate(features: Arrays, gradients: Arrays) -> Any:
        nonlocal value
        value = arrays.beside(value, features[0])
        return losses.chained(features, value, weight, gradients)[0]

    return Term(target.name, (target.blob, target.deeper), evaluate)
