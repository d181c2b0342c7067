"""Losses on responses: pure functions of arrays, with one file for each representation of style or content.

All losses have the same signature: `loss(features, target, weight=1.0, gradient=None) -> (value, gradient)`.
`features` are the responses (N, H, W) to one image, in either memory layout. `value` is weight * E, a number
(see `backends.numbers`). weight * dE/dF is added to `gradient` in place, or to new zeros. float64 input is
computed in float64. For `chained`, features and gradient are pairs, of two layers.

May import backends, settings and errors.
"""

from ..settings.style_losses import STYLE_LOSSES, StyleLoss
from .activation import activation
from .chained import ChainedTarget, chained, target_chained
from .content import content, target_content
from .covariation import CovariationTarget, covariation, target_covariation
from .gram import gram, gram_sum, target_gram, target_gram_sum
from .gram_matrices import add_gram_gradient, gram_distance, gram_matrices
from .guides import add_guides_gradient, guide_basis, make_guides
from .hypercolumns import add_hypercolumns_gradient, make_hypercolumns
from .matting import MattingTarget, matting, target_matting
from .moments import Moments, moments, target_moments
from .neighbours import NeighboursTarget, nearest, neighbours, target_neighbours
from .pixelwise import pixelwise, target_pixelwise
from .shift import add_shift, response_sums
from .spatial import spatial, spatial_plain, target_spatial, target_spatial_plain
from .spatial_pairs import spatial_pairs, target_spatial_pairs
from .total_variation import total_variation
from .wasserstein import Projections, redrawn_wasserstein, target_wasserstein, wasserstein
from .windowed import target_windowed, windowed

__all__ = [
    "STYLE_LOSSES",
    "ChainedTarget",
    "CovariationTarget",
    "MattingTarget",
    "Moments",
    "Projections",
    "NeighboursTarget",
    "StyleLoss",
    "activation",
    "add_gram_gradient",
    "add_guides_gradient",
    "add_shift",
    "chained",
    "add_hypercolumns_gradient",
    "content",
    "covariation",
    "gram",
    "gram_distance",
    "gram_matrices",
    "gram_sum",
    "guide_basis",
    "make_guides",
    "make_hypercolumns",
    "matting",
    "moments",
    "nearest",
    "neighbours",
    "pixelwise",
    "redrawn_wasserstein",
    "response_sums",
    "spatial",
    "spatial_pairs",
    "spatial_plain",
    "target_chained",
    "target_content",
    "target_covariation",
    "target_gram",
    "target_gram_sum",
    "target_matting",
    "target_moments",
    "target_neighbours",
    "target_pixelwise",
    "target_spatial",
    "target_spatial_pairs",
    "target_spatial_plain",
    "target_wasserstein",
    "target_windowed",
    "total_variation",
    "wasserstein",
    "windowed",
]
