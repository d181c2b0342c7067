"""Gram matrices of shifted responses F + s (Novak & Nikulin 2016b, arXiv:1605.04603, section 3.3).

Rectified responses are sparse, and so are their Gram matrices: a pair of feature maps of which one is mostly
silent has an entry near 0 in every picture. After a shift by minus the mean response, silence counts as well.
"""

from __future__ import annotations

from typing import Any, Optional

from ..backends import arrays, maps


def response_sums(features: Any, guides: Optional[Any] = None) -> Any:
    """Compute sum_x F(x), (N,), or for each guide sum_x C_k(x) F(x), (K, N).

    Examples
    --------
    >>> import numpy as np
    >>> response_sums(np.ones((2, 3, 3))).tolist()
    [9.0, 9.0]
    """
    if guides is None:
        double = features.sum((1, 2), dtype=arrays.namespace(features).float64)
        sums = arrays.empty(double.shape, features)
        sums[...] = double
        return sums
    matrix = arrays.as_matrix(maps.dense(features))
    return arrays.matmul(guides.reshape(len(guides), -1), matrix.T)


def add_shift(grams: Any, sums: Any, total: Any, shift: float) -> None:
    """Turn Gram matrices of F into those of F + s, in place.

    (F + s)(F + s)^T = F F^T + s (r 1^T + 1 r^T) + s^2 S for r = sum_x F(x) and S = sum_x 1, so that no shifted
    copy of the responses is made. With guides, each x counts C_k(x) times.

    Parameters
    ----------
    grams : array, (N, N) or (K, N, N)
        Gram matrices G. They are changed.
    sums : array, (N,) or (K, N)
        r, from `response_sums`.
    total : float, or array of (K,)
        S.
    shift : float
        s.

    Examples
    --------
    >>> import numpy as np
    >>> grams = np.array([[9.0]])
    >>> add_shift(grams, sums=np.array([3.0]), total=1.0, shift=-3.0)
    >>> grams.tolist()
    [[0.0]]
    """
    grams += shift * (sums[..., None] + sums[..., None, :])
    grams += shift**2 * (total if len(grams.shape) == 2 else total[:, None, None])
