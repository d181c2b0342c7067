"""Style that goes with content: a Gram matrix for each kind of content (Nikulin & Novak 2016, section 9)."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

from ..backends import arrays
from .gram_matrices import BLOCK, add_gram_gradient, gram_distance, gram_matrices


class CovariationTarget(NamedTuple):
    """What `covariation` compares with.

    Attributes
    ----------
    grams : array, (K, N, N)
        The style image's Gram matrices weighted by its own guides, as means over its positions.
    guides : array, (K, H, W), or None
        The picture's guides if they are fixed, taken from the content image.
    """

    grams: Any
    guides: Optional[Any] = None


def target_covariation(
    features: Any, style_guides: Any, guides: Optional[Any] = None
) -> CovariationTarget:
    """Make the target from a style image's responses (N, H', W') and guides (K, H', W'), both of any size.

    `guides` (K, H, W) are those of the picture to be made, as `caffe_style.losses.guides` makes them from the
    content image; without, each call of `covariation` brings its own.
    """
    grams = gram_matrices(features, style_guides)
    grams /= arrays.count(features[0])
    return CovariationTarget(grams, guides)


def covariation(
    features: Any,
    target: CovariationTarget,
    weight: float = 1.0,
    gradient: Optional[Any] = None,
    guides: Optional[Any] = None,
    guides_gradient: Optional[Any] = None,
) -> Tuple[float, Any]:
    """Covariation loss E = 1/(4 K N^2 M^2) sum_k ||G_k - A_k||^2, G_k = sum_x C_k(x) F(x) F(x)^T.

    C_k is the k-th of K guides: how much of a kind of content there is at x. The paper takes every response of
    a content layer for a guide; a few combinations of them (`caffe_style.losses.guides`) make it affordable.
    A single guide that is 1 everywhere gives the Gram loss. As there, A_k is M times the target's mean.

        dE/dF(x) = 1/(K N^2 M^2) sum_k C_k(x) (G_k - A_k) F(x)
        dE/dC_k(x) = 1/(2 K N^2 M^2) F(x)^T (G_k - A_k) F(x)

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W.
    target : CovariationTarget
    weight : float
        Factor of value and gradients.
    gradient : array, (N, H, W), optional
        weight * dE/dF is added to it in place.
    guides : array, (K, H, W), optional
        The guides of this picture, where they are its own responses; else the target's.
    guides_gradient : array, (K, H, W), optional
        weight * dE/dC is added to it in place.

    Returns
    -------
    value : float
        weight * E.
    gradient : array, (N, H, W)
    """
    if gradient is None:
        gradient = arrays.zeros_like(features)
    if guides is None:
        guides = target.guides
    positions = arrays.count(features[0])
    value, differences, scale = gram_distance(
        gram_matrices(features, guides), target.grams, positions, weight
    )
    add_gram_gradient(gradient, features, differences, scale, guides)
    if guides_gradient is not None:
        slope = guides_gradient.reshape(len(guides), -1)
        _add_guides_slope(slope, arrays.as_matrix(features), differences, 0.5 * scale)
    return value, gradient


def _add_guides_slope(slope: Any, matrix: Any, differences: Any, scale: float) -> None:
    """Add scale * F(x)^T D_k F(x) to the guides' gradient (K, M)."""
    channels = len(matrix)
    columns = differences.swapaxes(0, 1).reshape(channels, -1)
    for part in arrays.blocks(matrix, BLOCK):
        products = arrays.matmul(matrix[:, part].T, columns, alpha=scale)
        products = products.reshape(-1, len(differences), channels)
        xp = arrays.namespace(matrix)
        slope[:, part] += xp.einsum("im,mki->km", matrix[:, part], products)
