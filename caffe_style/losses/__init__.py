"""Losses on responses: pure functions of arrays, one file a representation.

All are called alike: `loss(features, target, weight=1.0, gradient=None) -> (value, gradient)`, with features
(N, H, W) of one image in either memory layout. `value` is weight * E as a float; weight * dE/dF is added to
`gradient` in place, or to new zeros. float64 input is computed in float64.
"""

from typing import Callable, Dict, NamedTuple

from .activation import activation
from .content import content, target_content
from .covariation import CovariationTarget, covariation, target_covariation
from .gram import gram, gram_sum, target_gram, target_gram_sum
from .guides import add_guides_gradient, guide_basis, make_guides
from .pixelwise import pixelwise, target_pixelwise
from .spatial import spatial, spatial_plain, target_spatial, target_spatial_plain
from .spatial_pairs import spatial_pairs, target_spatial_pairs
from .total_variation import total_variation
from .windowed import target_windowed, windowed


class StyleLoss(NamedTuple):
    """A style representation.

    Attributes
    ----------
    make_target : callable
        `make_target(features) -> target` of the style image's responses.
    loss : callable
        `loss(features, target, weight, gradient) -> (value, gradient)`.
    needs_equal_size : bool
        Whether the style image must have the size of the picture that is made.
    needs_guides : bool
        Whether `make_target` also takes the style image's and the picture's guides.
    """

    make_target: Callable
    loss: Callable
    needs_equal_size: bool
    needs_guides: bool = False


STYLE_LOSSES: Dict[str, StyleLoss] = {
    "gram": StyleLoss(target_gram, gram, False),
    "gram-sum": StyleLoss(target_gram_sum, gram_sum, False),
    "spatial": StyleLoss(target_spatial, spatial, True),
    "spatial-pairs": StyleLoss(target_spatial_pairs, spatial_pairs, True),
    "pixelwise": StyleLoss(target_pixelwise, pixelwise, True),
    "windowed": StyleLoss(target_windowed, windowed, True),
    "covariation": StyleLoss(target_covariation, covariation, False, needs_guides=True),
}

__all__ = [
    "STYLE_LOSSES",
    "CovariationTarget",
    "StyleLoss",
    "activation",
    "add_guides_gradient",
    "content",
    "covariation",
    "gram",
    "gram_sum",
    "guide_basis",
    "make_guides",
    "pixelwise",
    "spatial",
    "spatial_pairs",
    "spatial_plain",
    "target_content",
    "target_covariation",
    "target_gram",
    "target_gram_sum",
    "target_pixelwise",
    "target_spatial",
    "target_spatial_pairs",
    "target_spatial_plain",
    "target_windowed",
    "total_variation",
    "windowed",
]
