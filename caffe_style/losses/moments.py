"""Style as the mean and the covariance of the responses, compared apart.

The gradient of the Gram loss is a product with the responses: it vanishes where there are none, so that a flat
sky stays flat. Here the mean has a gradient at every position. Li, Wang, Liu and Hou (2017) match means and
standard deviations; the covariance holds more.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

from ..backends import arrays, numbers
from .gram_matrices import add_gram_gradient, gram_matrices
from .shift import response_sums


class Moments(NamedTuple):
    """The first two moments of responses.

    Attributes
    ----------
    mean : array, (N,)
        Mean response of each feature map.
    covariance : array, (N, N)
        Covariance of the feature maps over the positions.
    """

    mean: Any
    covariance: Any


def target_moments(features: Any) -> Moments:
    """Compute the mean m = 1/M sum_x P(x) and the covariance 1/M sum_x (P(x) - m)(P(x) - m)^T.

    Examples
    --------
    >>> import numpy as np
    >>> target = target_moments(np.array([[[1.0, 3.0]]]))
    >>> target.mean.tolist(), target.covariance.tolist()
    ([2.0], [[1.0]])
    """
    positions = arrays.count(features[0])
    mean = response_sums(features) / positions
    covariance = gram_matrices(features)
    covariance /= positions
    covariance -= mean[:, None] * mean
    return Moments(mean, covariance)


def moments(
    features: Any, target: Moments, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Compute E = 1/(4 N^2) ||C - A||^2 + s/(2 N) ||m - a||^2 for the moments m, C of F and a, A of the target.

    s = 1/N (tr A + ||a||^2), the target's mean square, gives both parts the same unit.
    dE/dF(x) = 1/(N^2 M) (C - A)(F(x) - m) + s/(N M) (m - a).

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W positions.
    target : Moments
        From `target_moments`, of a style image of any size.
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
    >>> target = target_moments(np.array([[[0.0, 2.0]]]))
    >>> moments(np.array([[[2.0, 0.0, 0.0, 2.0]]]), target)[0]
    0.0
    >>> value, gradient = moments(np.zeros((1, 1, 2)), target)
    >>> gradient.tolist()
    [[[-1.0, -1.0]]]
    """
    if gradient is None:
        gradient = arrays.zeros_like(features)
    channels, positions = len(features), arrays.count(features[0])
    own = target_moments(features)
    shift, difference = own.mean - target.mean, own.covariance - target.covariance
    square = numbers.number(target.covariance.diagonal().sum() + (target.mean**2).sum()) / channels
    value = arrays.square_sum(difference) / (4 * channels**2)
    value += square * arrays.square_sum(shift) / (2 * channels)
    scale = weight / (channels**2 * positions)
    add_gram_gradient(gradient, features, difference, scale)
    constant = weight * square / (channels * positions) * shift - scale * (difference @ own.mean)
    gradient += constant[:, None, None]
    return weight * value, gradient
