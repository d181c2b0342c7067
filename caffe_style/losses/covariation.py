"""Covariation of style and content: a Gram matrix for each kind (Nikulin & Novak 2016, section 9)."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

from ..backends import arrays, maps
from .gram_matrices import BLOCK, add_gram_gradient, gram_distance, gram_matrices


class CovariationTarget(NamedTuple):
    """The target of `covariation`.

    Attributes
    ----------
    grams : array, (K, N, N), or (N, N) without guides
        Gram matrices of the style image, weighted by its own guides and averaged over its positions.
    guides : array, (K, H, W), or None
        Fixed guides of the result, taken from the content image. None if each call passes its own.
    shares : tuple of K floats, or None
        Weight of each kind of content. None for 1 / K each.
    shift : float
        Shift of all responses, see `gram_matrices`.
    """

    grams: Any
    guides: Optional[Any] = None
    shares: Optional[Tuple[float, ...]] = None
    shift: float = 0.0


def target_covariation(
    features: Any,
    style_guides: Optional[Any],
    guides: Optional[Any] = None,
    shares: Optional[Tuple[float, ...]] = None,
    shift: float = 0.0,
) -> CovariationTarget:
    """Make the target of `covariation` from the responses to a style image.

    Parameters
    ----------
    features : array, (N, H', W')
        Responses to the style image, which may have any size.
    style_guides : array, (K, H', W'), or None
        Guides of the style image. None for a single Gram matrix of all positions, without guides.
    guides : array, (K, H, W), optional
        Fixed guides of the result, made from the content image (see `make_guides`). Without them, each call of
        `covariation` must pass its own.
    shares : tuple of K floats, optional
        Weight of each kind of content, 1 / K each by default.
    shift : float
        Shift of all responses, see `gram_matrices`.

    Returns
    -------
    CovariationTarget

    Examples
    --------
    >>> import numpy as np
    >>> target = target_covariation(np.ones((3, 2, 2)), style_guides=np.ones((1, 2, 2)))
    >>> target.grams.shape
    (1, 3, 3)
    """
    grams = gram_matrices(features, style_guides, shift)
    grams /= arrays.count(features[0])
    return CovariationTarget(grams, guides, shares, shift)


def covariation(
    features: Any,
    target: CovariationTarget,
    weight: float = 1.0,
    gradient: Optional[Any] = None,
    guides: Optional[Any] = None,
    guides_gradient: Optional[Any] = None,
) -> Tuple[float, Any]:
    """Compute E = 1/(4 N^2 M^2) sum_k m_k ||G_k - A_k||^2 with G_k = sum_x C_k(x) F(x) F(x)^T.

    The guide C_k(x) says how much of the k-th kind of content there is at position x. The paper uses every
    feature map of a content layer as a guide. A few combinations of them (`caffe_style.losses.guides`) cost
    much less. A single guide that is 1 everywhere gives the Gram loss. As in `gram`, A_k is M times the
    target's mean Gram matrix. The shares m_k are 1 / K by default. The gradients are

        dE/dF(x) = 1/(N^2 M^2) sum_k m_k C_k(x) (G_k - A_k) F(x)
        dE/dC_k(x) = m_k/(2 N^2 M^2) F(x)^T (G_k - A_k) F(x)

    Regions (`caffe_style.scene.regions`) have guides with mean 1, so that G_k / M is the mean of F F^T over the
    k-th kind. Their shares are the fractions of the picture that the kinds take.

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
        Guides of this image, where they depend on its own responses. By default those of the target.
    guides_gradient : array, (K, H, W), optional
        weight * dE/dC is added to it in place.

    Returns
    -------
    value : float
        weight * E.
    gradient : array, (N, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> guides = np.array([[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]]])
    >>> target = target_covariation(np.ones((3, 2, 2)), guides, guides)
    >>> value, gradient = covariation(np.ones((3, 2, 2)), target)
    >>> value
    0.0
    """
    if gradient is None:
        gradient = arrays.zeros_like(features)
    if guides is None:
        guides = target.guides
    positions = arrays.count(features[0])
    value, differences, scale = gram_distance(
        gram_matrices(features, guides, target.shift),
        target.grams,
        positions,
        weight,
        target.shares,
    )
    add_gram_gradient(gradient, features, differences, scale, guides, target.shift)
    if guides_gradient is not None:
        _add_guides_slope(guides_gradient, features, differences, 0.5 * scale)
    return value, gradient


def _add_guides_slope(slope: Any, features: Any, differences: Any, scale: float) -> None:
    """Add scale * F(x)^T D_k F(x) to the guides' gradient (K, H, W)."""
    channels, xp = len(features), arrays.namespace(features)
    columns = differences.swapaxes(0, 1).reshape(channels, -1)
    for band in maps.bands(features, BLOCK):
        matrix = arrays.as_matrix(maps.dense(features[:, band]))
        products = arrays.matmul(matrix.T, columns, alpha=scale)
        products = products.reshape(-1, len(differences), channels)
        found = xp.einsum("im,mki->km", matrix, products)
        slope[:, band] += found.reshape(slope[:, band].shape)
