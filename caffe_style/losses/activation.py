"""The mean response of one feature map, to be maximised (Yosinski et al. 2015)."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..backends import arrays, numbers


def activation(
    features: Any, target: int, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Compute the activation loss E = -1/M sum_x F_k(x), the negative mean response of feature map k.

    The loss has no lower bound. Add a regulariser, such as `total_variation` or the `content` loss between the
    image and its mean.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W.
    target : int
        Index k of the feature map.
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
    >>> value, gradient = activation(np.ones((3, 2, 2)), target=1)
    >>> value
    -1.0
    >>> gradient[:, 0, 0].tolist()
    [0.0, -0.25, 0.0]
    """
    xp = arrays.namespace(features)
    if gradient is None:
        gradient = xp.zeros_like(features)
    positions = features.shape[1] * features.shape[2]
    gradient[target] -= weight / positions
    return -weight * numbers.number(features[target].sum(dtype=xp.float64)) / positions, gradient
