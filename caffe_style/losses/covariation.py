"""Style that goes with content: a Gram matrix for each kind of content (Nikulin & Novak 2016, section 9)."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

from ..backends import arrays

BLOCK = 1 << 19
"""Elements of F worked on at a time: K times as many make one matrix product."""


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
    matrix = arrays.as_matrix(features)
    grams = _weighted_grams(matrix, style_guides.reshape(len(style_guides), -1))
    grams /= matrix.shape[1]
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
    f, g = arrays.as_matrix(features), arrays.as_matrix(gradient)
    guides = guides.reshape(len(guides), -1)
    channels, positions = f.shape
    scale = weight / (len(guides) * float(channels * positions) ** 2)
    differences = _weighted_grams(f, guides)
    differences -= positions * target.grams
    rows = differences.reshape(-1, channels)
    for part in arrays.blocks(f, BLOCK):
        arrays.matmul(_guided(f, guides, part), rows, out=g[:, part].T, alpha=scale, beta=1.0)
    if guides_gradient is not None:
        _add_guides_slope(guides_gradient.reshape(guides.shape), f, differences, 0.5 * scale)
    return 0.25 * scale * arrays.square_sum(differences), gradient


def _guided(matrix: Any, guides: Any, part: slice) -> Any:
    """C_k(x) F(x) at some positions x, (m, K * N): side by side, so that one product does for all guides."""
    block = matrix[:, part].T
    guided = arrays.empty((len(block), len(guides), len(matrix)), matrix)
    arrays.namespace(matrix).multiply(block[:, None], guides[:, part].T[:, :, None], out=guided)
    return guided.reshape(len(block), -1)


def _weighted_grams(matrix: Any, guides: Any) -> Any:
    """Compute sum_x C_k(x) F(x) F(x)^T, (K, N, N), of F (N, M) and C (K, M)."""
    channels = len(matrix)
    grams = arrays.empty((channels, len(guides) * channels), matrix)
    grams[...] = 0
    for part in arrays.blocks(matrix, BLOCK):
        arrays.matmul(matrix[:, part], _guided(matrix, guides, part), out=grams, beta=1.0)
    return arrays.contiguous(grams.reshape(channels, -1, channels).swapaxes(0, 1))


def _add_guides_slope(slope: Any, matrix: Any, differences: Any, scale: float) -> None:
    """Add scale * F(x)^T D_k F(x) to the guides' gradient (K, M)."""
    channels = len(matrix)
    columns = differences.swapaxes(0, 1).reshape(channels, -1)
    for part in arrays.blocks(matrix, BLOCK):
        products = arrays.matmul(matrix[:, part].T, columns, alpha=scale)
        products = products.reshape(-1, len(differences), channels)
        xp = arrays.namespace(matrix)
        slope[:, part] += xp.einsum("im,mki->km", matrix[:, part], products)
