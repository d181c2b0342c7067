"""Spatial style with all pairs of feature maps convolved with each other.

Nikulin & Novak (2016, section 7) call it infeasible: there are N^2 maps of (2H - 1)(2W - 1) positions. In the
Fourier domain it costs little more than `spatial`, which convolves each feature map only with itself.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ..backends import arrays
from . import fourier


def target_spatial_pairs(features: Any) -> Any:
    """Compute the spectra of P_i, (N, rows, columns // 2 + 1) complex, for responses P (N, H, W).

    The style image must have the size of the result.

    Examples
    --------
    >>> import numpy as np
    >>> target_spatial_pairs(np.ones((2, 4, 4))).shape[0]
    2
    """
    shape = fourier.padded_shape(features)
    parts = [fourier.transform(features[part], shape) for part in fourier.channel_blocks(features)]
    return arrays.namespace(features).concatenate(parts)


def spatial_pairs(
    features: Any, target: Any, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Compute the loss of all pairs E = 1/(4 N^2 M^2) sum_ij ||F_i * F_j - P_i * P_j||^2.

    With zero padding the spectrum of F_i * F_j is f_i f_j. By Parseval's theorem the squared distance is 1/S
    times a sum over the S frequencies. At one frequency the N^2 differences form a matrix of rank two. With the
    vectors v = (f_1 .. f_N), u = (p_1 .. p_N) and d = v - u

        ||v v^T - u u^T||^2 = |v|^4 - 2 Re (u^H v)^2 + |u|^4
                            = 2 |v|^2 |d|^2 + |d|^4 - 4 |d|^2 Re e + 2 |e|^2,    e = v^H d,

    since u = v - d. The second line has no large terms that cancel when v is near u. The gradient with respect
    to F_i correlates the differences of the pairs (i, j) and (j, i) with F_j. Its spectrum is

        4 (v v^T - u u^T) conj(v) = 4 (|v|^2 d + e u).

    Only three sums over the channels are needed at each frequency, |v|^2, |d|^2 and e: O(N M log M) in all.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W.
    target : array
        From `target_spatial_pairs`.
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
    >>> value, gradient = spatial_pairs(features, target_spatial_pairs(features))
    >>> value
    0.0
    """
    xp = arrays.namespace(features)
    if gradient is None:
        gradient = xp.zeros_like(features)
    scale = weight / float(arrays.count(features)) ** 2
    shape = fourier.padded_shape(features)
    overlap = xp.zeros_like(target[0])
    power, distance = xp.zeros_like(overlap.real), xp.zeros_like(overlap.real)
    spectra = []
    for part in fourier.channel_blocks(features):
        v = fourier.transform(features[part], shape)
        d = v - target[part]
        power += xp.einsum("ixy,ixy->xy", v, v.conj()).real
        distance += xp.einsum("ixy,ixy->xy", d, d.conj()).real
        overlap += xp.einsum("ixy,ixy->xy", d, v.conj())
        spectra.append(v)
    pairs = distance * (2 * power + distance - 4 * overlap.real) + 2 * xp.abs(overlap) ** 2
    value = 0.25 * scale * fourier.energy(pairs, shape)
    power *= scale
    overlap *= scale
    for part, v in zip(fourier.channel_blocks(features), spectra):
        u = target[part]
        v -= u
        v *= power
        v += overlap * u
        gradient[part] += fourier.inverse(v, shape, features)
    return value, gradient
