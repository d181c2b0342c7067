"""Terms whose target has random numbers, which are drawn anew during a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends import arrays
from ..objective.term import Arrays, Term
from .targets import LayerTarget, Reference


def random_term(reference: Reference, target: LayerTarget, weight: float) -> Term:
    """Make the term of a loss with a random target.

    What is drawn depends only on the reference's seed and on the iteration, so that a run can be repeated, and
    continued from any iteration.
    """
    value = target.value

    def evaluate(features: Arrays, gradients: Arrays) -> Any:
        nonlocal value
        value = arrays.beside(value, features[0])
        return reference.loss.loss(features[0], value, weight, gradients[0])[0]

    def renew(iteration: int) -> None:
        nonlocal value
        random = np.random.default_rng([reference.seed, iteration])
        value = reference.loss.redrawn(value, random)

    return Term(target.name, (target.blob,), evaluate, renew=renew)
