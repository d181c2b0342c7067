"""Style as Gram matrices: which responses occur together, at any position (Gatys et al. 2015, eqs. 3-6)."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..backends import arrays
from .gram_matrices import add_gram_gradient, gram_distance, gram_matrices


def target_gram(features: Any) -> Any:
    """Compute the mean Gram matrix A / M = P P^T / M, (N, N), of the responses P (N, H, W) to a style image.

    The mean over positions does not depend on the image's size, so the style image may have any size.

    Examples
    --------
    >>> import numpy as np
    >>> target_gram(np.full((2, 4, 4), 3.0)).tolist()
    [[9.0, 9.0], [9.0, 9.0]]
    """
    mean = gram_matrices(features)
    mean /= arrays.count(features[0])
    return mean


def gram(
    features: Any, target: Any, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Compute the Gram loss E = 1/(4 N^2 M^2) ||G - A||^2 with G = F F^T; dE/dF = 1/(N^2 M^2) (G - A) F.

    A is M times the target's mean Gram matrix. For images of equal size this is the paper's formula. Otherwise
    it scales the style image's Gram matrix by M / M_style.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W positions.
    target : array, (N, N)
        Symmetric mean Gram matrix, from `target_gram` or generated (see `caffe_style.losses.targets`).
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
    >>> target = target_gram(np.ones((2, 8, 8)))
    >>> value, gradient = gram(np.ones((2, 4, 4)), target)
    >>> value
    0.0
    >>> value, gradient = gram(np.zeros((2, 4, 4)), target)
    >>> value
    0.25
    """
    if gradient is None:
        gradient = arrays.zeros_like(features)
    positions = arrays.count(features[0])
    value, difference, scale = gram_distance(gram_matrices(features), target, positions, weight)
    add_gram_gradient(gradient, features, difference, scale)
    return value, gradient


def target_gram_sum(features: Any) -> Any:
    """Compute the Gram matrix A = P P^T, (N, N), of the responses P (N, H, W) to a style image.

    Its entries grow with the image's size, unlike those of `target_gram`.

    Examples
    --------
    >>> import numpy as np
    >>> target_gram_sum(np.ones((2, 4, 4))).tolist()
    [[16.0, 16.0], [16.0, 16.0]]
    """
    return gram_matrices(features)


def gram_sum(
    features: Any, target: Any, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Compute the Gram loss of `gram` with A as the sum over the style image's positions, not the mean.

    The programs of Tai and of Liu do the same. If the style image is larger than the result, the result needs
    stronger responses. For images of equal size the loss equals `gram`.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W positions.
    target : array, (N, N)
        From `target_gram_sum`.
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
    >>> features = np.ones((2, 4, 4))
    >>> value, gradient = gram_sum(features, target_gram_sum(features))
    >>> value
    0.0
    """
    return gram(features, target / (features.shape[1] * features.shape[2]), weight, gradient)
