"""Style position by position: a Gram matrix of each pixel's responses (Nikulin & Novak 2016, section 9)."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..backends import arrays, numbers
from ..backends.parallel import side_by_side
from .content import target_content


def target_pixelwise(features: Any) -> Any:
    """Copy the responses P (N, H, W) to the style image, which must have the size of the result.

    Examples
    --------
    >>> import numpy as np
    >>> target_pixelwise(np.ones((2, 3, 3), np.float32)).shape
    (2, 3, 3)
    """
    return target_content(features)


def pixelwise(
    features: Any,
    target: Any,
    weight: float = 1.0,
    gradient: Optional[Any] = None,
) -> Tuple[float, Any]:
    """Compute the pixelwise loss E = 1/(4 N^2 M^2) sum_x ||F(x) F(x)^T - P(x) P(x)^T||^2.

    At each position both matrices have rank one, so N products suffice for their N^2 entries. With f = F(x),
    p = P(x) and d = f - p

        ||f f^T - p p^T||^2 = |f|^4 - 2 (f.p)^2 + |p|^4
                            = 2 |f|^2 |d|^2 + |d|^4 - 4 |d|^2 (f.d) + 2 (f.d)^2
        gradient 4 (f f^T - p p^T) f = 4 (|f|^2 d + (f.d) p)

    Written with d, the formulas have no large terms that cancel when f is near p.

    Parameters
    ----------
    features : ndarray, (N, H, W)
        Responses F, M = H * W.
    target : ndarray, (N, H, W)
        Responses P, from `target_pixelwise`.
    weight : float
        Factor of value and gradient.
    gradient : ndarray, (N, H, W), optional
        weight * dE/dF is added to it in place.

    Returns
    -------
    value : float
        weight * E.
    gradient : ndarray, (N, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = pixelwise(np.ones((2, 3, 3)), target_pixelwise(np.zeros((2, 3, 3))))
    >>> round(value, 6)
    0.027778
    """
    xp = arrays.namespace(features)
    if gradient is None:
        gradient = xp.zeros_like(features)
    matrices = [arrays.as_matrix(x) for x in (features, target, gradient)]
    channels, positions = matrices[0].shape
    scale = weight / (channels * positions) ** 2

    def one_block(part: slice) -> Any:
        f, p, g = (matrix[:, part] for matrix in matrices)
        d = f - p
        power = xp.einsum("im,im->m", f, f)
        overlap = xp.einsum("im,im->m", f, d)
        distance = xp.einsum("im,im->m", d, d)
        pairs = distance * (2 * power + distance - 4 * overlap) + 2 * overlap * overlap
        d *= scale * power
        g += d
        xp.multiply(p, scale * overlap, out=d)
        g += d
        return numbers.number(pairs.sum(dtype=xp.float64))

    total = sum(side_by_side(one_block, arrays.blocks(matrices[0]), features))
    return 0.25 * scale * total, gradient
