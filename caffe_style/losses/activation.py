"""One feature map, made as strong as it gets (Yosinski et al. 2015): what the paper compares Grams with."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..backends import arrays


def activation(
    features: Any, target: int, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Activation loss E = -1/M sum_x F_k(x), the negative mean response of feature map k.

    It has no lower end: it wants a regulariser beside it, such as `total_variation` and the `content` loss of
    the image towards its mean.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W.
    target : int
        The feature map k.
    weight : float
        Factor of value and gradient.
    gradient : array, (N, H, W), optional
        weight * dE/dF is added to it in place.

    Returns
    -------
    value : float
        weight * E.
    gradient : array, (N, H, W)
    """
    xp = arrays.namespace(features)
    if gradient is None:
        gradient = xp.zeros_like(features)
    positions = features.shape[1] * features.shape[2]
    gradient[target] -= weight / positions
    return -weight * float(features[target].sum(dtype=xp.float64)) / positions, gradient
