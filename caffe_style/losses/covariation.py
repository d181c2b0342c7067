"""Style that goes with content: a Gram matrix for each kind of content (Nikulin & Novak 2016, section 9)."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

import numpy as np

from .. import arrays


class CovariationTarget(NamedTuple):
    """What `covariation` compares with.

    Attributes
    ----------
    grams : ndarray, (K, N, N)
        The style image's Gram matrices weighted by its own guides, as means over its positions.
    guides : ndarray, (K, H, W), or None
        The picture's guides if they are fixed, taken from the content image.
    """

    grams: np.ndarray
    guides: Optional[np.ndarray] = None


def target_covariation(
    features: np.ndarray, style_guides: np.ndarray, guides: Optional[np.ndarray] = None
) -> CovariationTarget:
    """Make the target from a style image's responses (N, H', W') and guides (K, H', W'), both of any size.

    `guides` (K, H, W) are those of the picture to be made, as `caffe_style.losses.guides` makes them from the
    content image; without, each call of `covariation` brings its own.
    """
    matrix = arrays.as_matrix(features)
    grams = _weighted_grams(matrix, style_guides.reshape(len(style_guides), -1))
    grams /= matrix.shape[1]
    return CovariationTarget(grams, guides)


def covariation(
    features: np.ndarray,
    target: CovariationTarget,
    weight: float = 1.0,
    gradient: Optional[np.ndarray] = None,
    guides: Optional[np.ndarray] = None,
    guides_gradient: Optional[np.ndarray] = None,
) -> Tuple[float, np.ndarray]:
    """Covariation loss E = 1/(4 K N^2 M^2) sum_k ||G_k - A_k||^2, G_k = sum_x C_k(x) F(x) F(x)^T.

    C_k is the k-th of K guides: how much of a kind of content there is at x. The paper takes every response of
    a content layer for a guide; a few combinations of them (`caffe_style.losses.guides`) make it affordable.
    A single guide that is 1 everywhere gives the Gram loss. As there, A_k is M times the target's mean.

        dE/dF(x) = 1/(K N^2 M^2) sum_k C_k(x) (G_k - A_k) F(x)
        dE/dC_k(x) = 1/(2 K N^2 M^2) F(x)^T (G_k - A_k) F(x)

    Parameters
    ----------
    features : ndarray, (N, H, W)
        Responses F, M = H * W.
    target : CovariationTarget
    weight : float
        Factor of value and gradients.
    gradient : ndarray, (N, H, W), optional
        weight * dE/dF is added to it in place.
    guides : ndarray, (K, H, W), optional
        The guides of this picture, where they are its own responses; else the target's.
    guides_gradient : ndarray, (K, H, W), optional
        weight * dE/dC is added to it in place.

    Returns
    -------
    value : float
        weight * E.
    gradient : ndarray, (N, H, W)
    """
    if gradient is None:
        gradient = np.zeros_like(features)
    if guides is None:
        guides = target.guides
    f, g = arrays.as_matrix(features), arrays.as_matrix(gradient)
    guides = guides.reshape(len(guides), -1)
    channels, positions = f.shape
    scale = weight / (len(guides) * float(channels * positions) ** 2)
    differences = _weighted_grams(f, guides)
    differences -= positions * target.grams
    guide_slope = None if guides_gradient is None else guides_gradient.reshape(guides.shape)
    for part in arrays.blocks(f):
        for k, difference in enumerate(differences):
            product = difference @ f[:, part]
            if guide_slope is not None:
                products = np.einsum("im,im->m", f[:, part], product)
                guide_slope[k, part] += 0.5 * scale * products
            product *= scale * guides[k, part]
            g[:, part] += product
    return 0.25 * scale * arrays.square_sum(differences), gradient


def _weighted_grams(matrix: np.ndarray, guides: np.ndarray) -> np.ndarray:
    """Compute sum_x C_k(x) F(x) F(x)^T, (K, N, N), of F (N, M) and C (K, M)."""
    grams = np.zeros((len(guides), len(matrix), len(matrix)), matrix.dtype)
    for part in arrays.blocks(matrix):
        block = matrix[:, part]
        for gram, guide in zip(grams, guides):
            gram += (block * guide[part]) @ block.T
    return grams
