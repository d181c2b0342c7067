"""The guided filter, which smooths maps within the edges of a picture (He, Sun and Tang 2010)."""

from __future__ import annotations

import numpy as np

from .colors import luminance


def guided_filter(
    maps: np.ndarray, image: np.ndarray, radius: int, epsilon: float = 1e-3
) -> np.ndarray:
    """Smooth maps where a picture is smooth, and keep their steps where the picture has edges.

    In every window a map is approximated as a I + b, linear in the luminance I. The result averages the
    approximations of all windows that cover a pixel.

    Parameters
    ----------
    maps : ndarray, (K, H, W)
        Maps to filter.
    image : ndarray, (H, W, 3) uint8 RGB
        Picture whose edges they follow.
    radius : int
        Radius of the windows in pixels.
    epsilon : float
        Variance of I, for luminance from 0 to 1, below which a window counts as smooth.

    Returns
    -------
    ndarray, (K, H, W) float32

    Examples
    --------
    >>> import numpy as np
    >>> guided_filter(np.ones((2, 9, 9)), np.zeros((9, 9, 3), np.uint8), radius=2).shape
    (2, 9, 9)
    """
    from scipy.ndimage import uniform_filter

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, 2 * radius + 1, mode="nearest")

    guide = luminance(image).astype(np.float64) / 255
    centre = mean(guide)
    spread = mean(guide**2) - centre**2 + epsilon
    filtered = np.empty(maps.shape, np.float32)
    for k, values in enumerate(maps.astype(np.float64)):
        level = mean(values)
        slope = (mean(guide * values) - centre * level) / spread
        filtered[k] = mean(slope) * guide + mean(level - slope * centre)
    return filtered
