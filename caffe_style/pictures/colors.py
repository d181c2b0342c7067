"""Preserving the colours of the content picture (Gatys, Bethge, Hertzmann and Shechtman 2016)."""

from __future__ import annotations

from typing import Tuple

import numpy as np

#: Luminance of RGB (ITU-R BT.601).
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def luminance(image: np.ndarray) -> np.ndarray:
    """Compute the luminance (H, W) float32, from 0 to 255, of a picture (H, W, 3) uint8 RGB."""
    return image.astype(np.float32) @ LUMINANCE


def grey(image: np.ndarray) -> np.ndarray:
    """Convert a picture to grey, (H, W, 3) uint8.

    Examples
    --------
    >>> import numpy as np
    >>> grey(np.array([[[255, 0, 0]]], np.uint8)).tolist()
    [[[76, 76, 76]]]
    """
    return _as_picture(np.repeat(luminance(image)[:, :, np.newaxis], 3, axis=2))


def grey_like(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Convert a picture to grey, with the brightness and contrast of another picture.

    L' = s_r / s (L - m) + m_r with mean m and standard deviation s of the luminance (their eq. 10). Otherwise a
    dark painting would darken a photograph.

    Parameters
    ----------
    image, reference : ndarray, (H, W, 3) uint8 RGB
        Pictures, which may differ in size.

    Returns
    -------
    ndarray, shape and type of `image`
    """
    own, other = luminance(image), luminance(reference)
    matched = (own - own.mean()) * (other.std() / max(own.std(), 1e-6)) + other.mean()
    return _as_picture(np.repeat(matched[:, :, np.newaxis], 3, axis=2))


def with_colors_of(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Combine the luminance of `image` with the colours of `reference`, both (H, W, 3) uint8 RGB of one size.

    The difference of luminance is added to all three channels, which keeps the chrominance.
    """
    change = luminance(image) - luminance(reference)
    return _as_picture(reference.astype(np.float32) + change[:, :, np.newaxis])


def match_colors(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Transform the colours of a picture so that their mean and covariance match those of another.

    x' = A (x - m) + m_r with A = S_r^(1/2) S^(-1/2), S the covariance of the colours (their section 4.1,
    "image analogies"). Values are clipped to 0..255.

    Parameters
    ----------
    image, reference : ndarray, (H, W, 3) uint8 RGB
        Pictures, which may differ in size.

    Returns
    -------
    ndarray, shape and type of `image`
    """
    mean, covariance = _statistics(image)
    wanted_mean, wanted_covariance = _statistics(reference)
    change = _power(wanted_covariance, 0.5) @ _power(covariance, -0.5)
    return _as_picture((image.astype(np.float32) - mean) @ change.T + wanted_mean)


def _statistics(image: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    colors = image.reshape(-1, 3).astype(np.float32)
    return colors.mean(axis=0), np.cov(colors.T).astype(np.float32)


def _power(covariance: np.ndarray, exponent: float) -> np.ndarray:
    """Return a symmetric power of a covariance, without amplifying grey levels that hardly vary."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, 1.0) ** exponent) @ vectors.T


def _as_picture(values: np.ndarray) -> np.ndarray:
    return values.round().clip(0, 255).astype(np.uint8)
