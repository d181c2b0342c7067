"""Pictures of noise."""

from __future__ import annotations

import numpy as np


def white_noise(height: int, width: int, seed: int, deviation: float = 32) -> np.ndarray:
    """Draw independent Gaussian noise around mid grey, (H, W, 3) uint8.

    Examples
    --------
    >>> white_noise(24, 32, seed=0).shape
    (24, 32, 3)
    """
    return coloured_noise(height, width, 0.0, seed, deviation)


def coloured_noise(
    height: int, width: int, exponent: float, seed: int, deviation: float = 32
) -> np.ndarray:
    """Draw Gaussian noise around mid grey with amplitude spectrum |k|^-exponent, (H, W, 3) uint8.

    Exponent 0 gives white noise, 1 pink noise, as in photographs, and 2 smooth clouds. The three colours are
    independent. Each has this standard deviation in grey levels.

    Examples
    --------
    >>> coloured_noise(24, 32, exponent=1.0, seed=0).shape
    (24, 32, 3)
    """
    noise = np.random.default_rng(seed).standard_normal((3, height, width))
    if exponent:
        rows, columns = np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width)
        frequency = np.hypot(rows, columns)
        frequency[0, 0] = np.inf if exponent > 0 else 0.0
        noise = np.fft.irfft2(np.fft.rfft2(noise) * frequency**-exponent, s=(height, width))
        noise /= noise.std(axis=(1, 2), keepdims=True) + np.finfo(float).tiny
    return (128 + deviation * noise).round().clip(0, 255).astype(np.uint8).transpose(1, 2, 0).copy()


def mix(a: np.ndarray, b: np.ndarray, weight: float) -> np.ndarray:
    """Mix two pictures of one size: (1 - weight) a + weight b, uint8.

    Examples
    --------
    >>> import numpy as np
    >>> mix(np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 200, np.uint8), 0.25).tolist()
    [[[50, 50, 50]]]
    """
    mixed = (1 - weight) * a.astype(np.float32) + weight * b.astype(np.float32)
    return mixed.round().clip(0, 255).astype(np.uint8)
