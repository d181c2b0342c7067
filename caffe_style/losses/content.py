"""Content: the squared distance of responses (Gatys et al. 2015, eq. 1)."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..backends import arrays, maps


def target_content(features: Any) -> Any:
    """Copy the responses P (N, H, W) to the content image, keeping their memory layout.

    Examples
    --------
    >>> import numpy as np
    >>> target_content(np.ones((2, 3, 3), np.float32)).shape
    (2, 3, 3)
    """
    target = arrays.empty_like(features)
    target[...] = features
    return target


def content(
    features: Any, target: Any, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Compute the content loss E = 1/2 ||F - P||^2 and its gradient dE/dF = F - P.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F.
    target : array, (N, H, W)
        Responses P to the content image.
    weight : float
        Factor of value and gradient.
    gradient : array, (N, H, W), optional
        weight * dE/dF is added to it in place.

    Returns
    -------
    value : float
        weight * E.
    gradient : array, (N, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = content(np.full((1, 2, 2), 3.0), np.ones((1, 2, 2)))
    >>> value
    8.0
    >>> gradient.tolist()
    [[[2.0, 2.0], [2.0, 2.0]]]
    """
    if gradient is None:
        gradient = arrays.zeros_like(features)
    squares = maps.squared_distance(features, target, gradient, weight)
    if squares is not None:
        return 0.5 * weight * squares, gradient
    squares = 0.0
    for band in maps.bands(features):
        difference = features[:, band] - target[:, band]
        squares += arrays.square_sum(difference)
        difference *= weight
        gradient[:, band] += difference
    return 0.5 * weight * squares, gradient
