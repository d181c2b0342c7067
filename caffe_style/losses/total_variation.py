"""Total variation: how much neighbouring pixels differ (Mahendran & Vedaldi 2015, with exponent 2)."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..backends import arrays, maps


def total_variation(
    features: Any,
    target: Optional[bool] = None,
    weight: float = 1.0,
    gradient: Optional[Any] = None,
) -> Tuple[float, Any]:
    """Compute E = 1/2 sum over x, y of (I(x+1, y) - I(x, y))^2 + (I(x, y+1) - I(x, y))^2.

    With squared differences the gradient is linear: it is the negative Laplacian. Absolute differences would
    have a kink at zero, where L-BFGS makes little progress.

    Parameters
    ----------
    features : array, (N, H, W)
        Usually the image itself, N = 3.
    target : bool, optional
        Whether the sum also has the differences of opposite sides, for a picture without seams.
    weight : float
        Factor of value and gradient.
    gradient : array, (N, H, W), optional
        weight * dE/dI is added to it in place.

    Returns
    -------
    value : float
        weight * E.
    gradient : array, (N, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = total_variation(np.array([[[0.0, 1.0]]]))
    >>> value
    0.5
    >>> gradient.tolist()
    [[[-1.0, 1.0]]]
    """
    if gradient is None:
        gradient = arrays.zeros_like(features)
    squares = None if target else maps.squared_variation(features, gradient, weight)
    if squares is not None:
        return 0.5 * weight * squares, gradient
    squares = 0.0
    for axis in (1, 2):
        pairs = [(slice(1, None), slice(None, -1))]
        if target:
            pairs.append((slice(None, 1), slice(-1, None)))
        for pair in pairs:
            after, before = ((slice(None),) * axis + (part,) for part in pair)
            difference = features[after] - features[before]
            squares += arrays.square_sum(difference)
            difference *= weight
            gradient[after] += difference
            gradient[before] -= difference
    return 0.5 * weight * squares, gradient
