"""Spatial style: each feature map convolved with itself (Nikulin & Novak 2016, section 7)."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np

from ..backends import arrays
from . import fourier


def target_spatial(features: Any) -> Any:
    """Compute the spectra of P_i * P_i, (N, rows, columns // 2 + 1) complex, for responses P (N, H, W).

    The style image must have the size of the result.

    Examples
    --------
    >>> import numpy as np
    >>> target_spatial(np.ones((2, 4, 4))).shape[0]
    2
    """
    shape = fourier.padded_shape(features)
    parts = [fourier.transform(features[part], shape) for part in fourier.channel_blocks(features)]
    spectra = arrays.namespace(features).concatenate(parts)
    spectra *= spectra
    return spectra


def spatial(
    features: Any, target: Any, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Compute E = 1/(4 N^2 M^2) sum_i ||G_i - A_i||^2, G_i = F_i * F_i, the full 2-D convolution.

    The gradient is 1/(N^2 M^2) times the valid correlation of G_i - A_i with F_i. Convolution multiplies by a
    spectrum and correlation by its conjugate. With zero padding to the size of G_i this gives

        E = 1/(4 N^2 M^2) sum_i sum_k |f_i(k)^2 - a_i(k)|^2 / S    (Parseval; S frequencies k)
        dE/dF_i = 1/(N^2 M^2) inverse[(f_i^2 - a_i) conj(f_i)]

    with f_i and a_i the spectra of F_i and A_i: two Fourier transforms for each feature map. `spatial_plain`
    computes the definition.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W.
    target : array
        From `target_spatial`.
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
    >>> features = np.random.RandomState(0).rand(2, 4, 4)
    >>> value, gradient = spatial(features, target_spatial(np.zeros((2, 4, 4))))
    >>> plain, _ = spatial_plain(features, target_spatial_plain(np.zeros((2, 4, 4))))
    >>> bool(np.isclose(value, plain))
    True
    """
    xp = arrays.namespace(features)
    if gradient is None:
        gradient = xp.zeros_like(features)
    scale = weight / float(arrays.count(features)) ** 2
    shape = fourier.padded_shape(features)
    value = 0.0
    for part in fourier.channel_blocks(features):
        spectra = fourier.transform(features[part], shape)
        difference = spectra * spectra
        difference -= target[part]
        value += 0.25 * scale * fourier.energy(xp.abs(difference) ** 2, shape)
        difference *= spectra.conj()
        difference *= scale
        gradient[part] += fourier.inverse(difference, shape, features)
    return value, gradient


def target_spatial_plain(features: np.ndarray) -> np.ndarray:
    """Compute the convolutions A_i = P_i * P_i, (N, 2H - 1, 2W - 1), the target of `spatial_plain`.

    Examples
    --------
    >>> import numpy as np
    >>> target_spatial_plain(np.ones((2, 4, 4))).shape
    (2, 7, 7)
    """
    from scipy.signal import convolve

    return np.stack([convolve(plane, plane, mode="full") for plane in features])


def spatial_plain(
    features: np.ndarray,
    target: np.ndarray,
    weight: float = 1.0,
    gradient: Optional[np.ndarray] = None,
) -> Tuple[float, np.ndarray]:
    """Compute the loss of `spatial` as the paper states it. This is slow; it serves readers and tests.

    Parameters and results are those of `spatial`, with a target from `target_spatial_plain`.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.ones((2, 4, 4))
    >>> value, gradient = spatial_plain(features, target_spatial_plain(features))
    >>> value
    0.0
    """
    from scipy.signal import correlate

    if gradient is None:
        gradient = np.zeros_like(features)
    scale = weight / float(features.size) ** 2
    differences = target_spatial_plain(features) - target
    for plane, difference, out in zip(features, differences, gradient):
        out += scale * correlate(difference, plane, mode="valid")
    return 0.25 * scale * float(np.sum(differences**2, dtype=np.float64)), gradient
