"""Total variation: how much neighbouring pixels differ (Mahendran & Vedaldi 2015, with exponent 2)."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..backends import arrays


def total_variation(
    features: Any, target: None = None, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Total variation E = 1/2 sum over x, y of (I(x+1, y) - I(x, y))^2 + (I(x, y+1) - I(x, y))^2.

    Squared differences make the gradient linear, the negative Laplacian, and smooth where an absolute value
    has a kink that L-BFGS stumbles over. The sum has no terms across the border.

    Parameters
    ----------
    features : array, (N, H, W)
        Usually the image itself, N = 3.
    target : None
        There is none; it keeps the calling convention of all losses.
    weight : float
        Factor of value and gradient.
    gradient : array, (N, H, W), optional
        weight * dE/dI is added to it in place.

    Returns
    -------
    value : float
        weight * E.
    gradient : array, (N, H, W)
    """
    if gradient is None:
        gradient = arrays.zeros_like(features)
    squares = 0.0
    for axis in (1, 2):
        after = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        before = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        difference = features[after] - features[before]
        squares += arrays.square_sum(difference)
        difference *= weight
        gradient[after] += difference
        gradient[before] -= difference
    return 0.5 * weight * squares, gradient
