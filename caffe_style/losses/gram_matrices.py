"""Gram matrices of responses, optionally weighted by guides, and their distance to a target.

The losses `gram` and `covariation` consist of these three functions. For an image in tiles the matrices are
summed over the tiles before they are compared, and then each tile gets its gradient.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..backends import arrays

BLOCK = 1 << 19
"""Elements of F in one block; a matrix product works on K times as many."""


def gram_matrices(features: Any, guides: Optional[Any] = None) -> Any:
    """Compute the Gram matrix G = F F^T, or one for each guide, G_k = sum_x C_k(x) F(x) F(x)^T.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F.
    guides : array, (K, H, W), optional
        Weights C_k(x) of the positions x.

    Returns
    -------
    array, (N, N), or (K, N, N) with guides

    Examples
    --------
    >>> import numpy as np
    >>> gram_matrices(np.ones((2, 3, 3))).tolist()
    [[9.0, 9.0], [9.0, 9.0]]
    >>> gram_matrices(np.ones((2, 3, 3)), guides=np.ones((4, 3, 3))).shape
    (4, 2, 2)
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
    """Compute E = 1/(4 K N^2 M^2) sum_k ||G_k - A_k||^2, the distance of K Gram matrices; K = 1 without guides.

    Parameters
    ----------
    grams : array, (N, N) or (K, N, N)
        Gram matrices G, summed over the image. They are overwritten.
    target : array, (N, N) or (K, N, N)
        Mean Gram matrices A / M.
    positions : int
        Number M of positions in the image.
    weight : float
        Factor of the value and of `scale`.

    Returns
    -------
    value : float
        weight * E.
    differences : array, like `grams`
        G - A.
    scale : float
        The gradient weight * dE/dF(x) is the sum over k of scale * (G_k - A_k) F(x) C_k(x).

    Examples
    --------
    >>> import numpy as np
    >>> grams = gram_matrices(np.ones((2, 3, 3)))
    >>> value, differences, scale = gram_distance(grams, np.zeros((2, 2)), 9, weight=1.0)
    >>> value
    0.25
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
    gradient : array, (N, H, W)
        Changed in place.
    features : array, (N, H, W)
        Responses F.
    differences : array, (N, N), or (K, N, N) with guides
        From `gram_distance`.
    scale : float
        From `gram_distance`.
    guides : array, (K, H, W), optional
        The guides given to `gram_matrices`.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.ones((2, 3, 3))
    >>> grams = gram_matrices(features)
    >>> value, differences, scale = gram_distance(grams, np.zeros((2, 2)), 9, weight=1.0)
    >>> gradient = np.zeros_like(features)
    >>> add_gram_gradient(gradient, features, differences, scale)
    >>> bool(np.allclose(gradient, 1 / 18))
    True
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
    """Return C_k(x) F(x) at m positions x as (m, K * N), so that one matrix product serves all guides."""
    block = matrix[:, part].T
    guided = arrays.empty((len(block), len(guides), len(matrix)), matrix)
    arrays.namespace(matrix).multiply(block[:, None], guides[:, part].T[:, :, None], out=guided)
    return guided.reshape(len(block), -1)
