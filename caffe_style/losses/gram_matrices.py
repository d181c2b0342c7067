"""Gram matrices of responses, of all positions alike or weighted by guides, and their distance to a target.

The losses `gram` and `covariation` are these three steps. For a picture in tiles the matrices are summed over
the tiles before they are compared, and then each tile gets its gradient.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..backends import arrays

BLOCK = 1 << 19
"""Elements of F worked on at a time: K times as many make one matrix product."""


def gram_matrices(features: Any, guides: Optional[Any] = None) -> Any:
    """Gram matrix G = F F^T of responses, or one for each guide, G_k = sum_x C_k(x) F(x) F(x)^T.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F.
    guides : array, (K, H, W), optional
        C: how much each position counts.

    Returns
    -------
    array, (N, N), or (K, N, N) with guides
    """
    matrix = arrays.as_matrix(features)
    if guides is None:
        return arrays.gram(matrix)
    guides = guides.reshape(len(guides), -1)
    channels = len(matrix)
    grams = arrays.empty((channels, len(guides) * channels), matrix)
    grams[...] = 0
    for part in arrays.blocks(matrix, BLOCK):
        arrays.matmul(matrix[:, part], _guided(matrix, guides, part), out=grams, beta=1.0)
    return arrays.contiguous(grams.reshape(channels, -1, channels).swapaxes(0, 1))


def gram_distance(
    grams: Any, target: Any, positions: int, weight: float = 1.0
) -> Tuple[float, Any, float]:
    """Distance E = 1/(4 K N^2 M^2) sum_k ||G_k - A_k||^2 of Gram matrices, K = 1 without guides.

    Parameters
    ----------
    grams : array, (N, N) or (K, N, N)
        G, summed over the picture; it is overwritten.
    target : array, (N, N) or (K, N, N)
        A / M, means over positions.
    positions : int
        M, of the picture.
    weight : float

    Returns
    -------
    value : float
        weight * E.
    differences : array, like `grams`
        G - A.
    scale : float
        scale * (G_k - A_k) F(x) C_k(x), summed over k, is the gradient weight * dE/dF(x).
    """
    channels = grams.shape[-1]
    count = arrays.count(grams) // channels**2
    scale = weight / (count * (channels * positions) ** 2)
    grams -= positions * target
    return 0.25 * scale * arrays.square_sum(grams), grams, scale


def add_gram_gradient(
    gradient: Any, features: Any, differences: Any, scale: float, guides: Optional[Any] = None
) -> None:
    """Add the gradient of `gram_distance` to `gradient` (N, H, W).

    Parameters
    ----------
    gradient, features : array, (N, H, W)
    differences : array, (N, N), or (K, N, N) with guides
    scale : float
    guides : array, (K, H, W), optional
    """
    f, g = arrays.as_matrix(features), arrays.as_matrix(gradient)
    if guides is None:
        arrays.matmul(differences, f, out=g, alpha=scale, beta=1.0)
        return
    guides = guides.reshape(len(guides), -1)
    rows = differences.reshape(-1, len(f))
    for part in arrays.blocks(f, BLOCK):
        arrays.matmul(_guided(f, guides, part), rows, out=g[:, part].T, alpha=scale, beta=1.0)


def _guided(matrix: Any, guides: Any, part: slice) -> Any:
    """C_k(x) F(x) at some positions x, (m, K * N): side by side, so that one product does for all guides."""
    block = matrix[:, part].T
    guided = arrays.empty((len(block), len(guides), len(matrix)), matrix)
    arrays.namespace(matrix).multiply(block[:, None], guides[:, part].T[:, :, None], out=guided)
    return guided.reshape(len(block), -1)
