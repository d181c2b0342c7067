"""Style as Gram matrices: which responses occur together, wherever it is (Gatys et al. 2015, eqs. 3-6)."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..backends import arrays
from .gram_matrices import add_gram_gradient, gram_distance, gram_matrices


def target_gram(features: Any) -> Any:
    """Mean Gram matrix A / M = P P^T / M, (N, N), of a style image's responses P (N, H, W).

    The mean over positions is what pictures of different sizes have in common; so the style image may have any.
    """
    mean = gram_matrices(features)
    mean /= arrays.count(features[0])
    return mean


def gram(
    features: Any, target: Any, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Gram loss E = 1/(4 N^2 M^2) ||G - A||^2 with G = F F^T; dE/dF = 1/(N^2 M^2) (G - A) F.

    A is M times the target's mean Gram matrix: with pictures of equal size the paper's formula, with others
    the style's Gram scaled by M / M_style.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W positions.
    target : array, (N, N)
        A symmetric mean Gram matrix, from `target_gram` or made up (`caffe_style.losses.targets`).
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
    if gradient is None:
        gradient = arrays.zeros_like(features)
    positions = arrays.count(features[0])
    value, difference, scale = gram_distance(gram_matrices(features), target, positions, weight)
    add_gram_gradient(gradient, features, difference, scale)
    return value, gradient


def target_gram_sum(features: Any) -> Any:
    """Gram matrix A = P P^T, (N, N), of a style image's responses P (N, H, W): it grows with the image."""
    return gram_matrices(features)


def gram_sum(
    features: Any, target: Any, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Gram loss as `gram`, with A the style image's own sum whatever its size.

    So do Tai's and Liu's programs: a style image of more positions than the picture asks for stronger
    responses. With pictures of equal size it is `gram`.

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
    """
    return gram(features, target / (features.shape[1] * features.shape[2]), weight, gradient)
