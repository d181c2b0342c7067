"""Losses on responses: pure functions of arrays, one file a representation.

All are called alike: `loss(features, target, weight=1.0, gradient=None) -> (value, gradient)`, with features
(N, H, W) of one image in either memory layout. `value` is weight * E as a float; weight * dE/dF is added to
`gradient` in place, or to new zeros. float64 input is computed in float64.
"""

from .content import content, target_content
from .gram import gram, target_gram
from .total_variation import total_variation

__all__ = ["content", "gram", "target_content", "target_gram", "total_variation"]
