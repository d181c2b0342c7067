"""The matting Laplacian: the distance of a picture from local affine functions of a photograph's colours.

Levin, Lischinski and Weiss 2008, eqs. 5 and 12; as a term of style transfer Luan et al. 2017, eq. 2.
"""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Optional, Tuple

import numpy as np

from ..backends import arrays

#: Offsets (rows, columns) from a position to the later ones, in raster order, in a common window of 3 x 3.
OFFSETS = tuple((y, x) for y in range(3) for x in range(-2, 3) if (y, x) > (0, 0))
#: Number of rows of windows for which affinities are computed at a time.
STRIP = 32


class MattingTarget(NamedTuple):
    """The matting Laplacian L of a photograph, stored by its entries off the diagonal. Its rows sum to zero.

    Attributes
    ----------
    affinities : array, (12, H, W) float32
        -L between each position and the position at `OFFSETS[k]` from it; 0 if that is outside the picture.
    """

    affinities: Any

    @property
    def trace(self) -> float:
        """Sum of the diagonal of L: the energy of independent noise of variance 1."""
        return 2.0 * float(self.affinities.sum())


def target_matting(photograph: np.ndarray, epsilon: float = 1e-7) -> MattingTarget:
    """Compute the matting Laplacian of a photograph.

    L_ij = sum over windows k of 3 x 3 that contain i and j:
           d_ij - 1/9 (1 + (I_i - m_k)^T (S_k + epsilon/9)^-1 (I_j - m_k)),
    with the mean m_k and the covariance S_k of the colours I (0..1) in the window.

    Parameters
    ----------
    photograph : ndarray, (H, W, 3) uint8 or float, 0..255
        At least 3 x 3 pixels.
    epsilon : float
        Weight of the slopes of the linear function; a larger one ignores weaker edges.

    Returns
    -------
    MattingTarget

    Examples
    --------
    >>> import numpy as np
    >>> target_matting(np.zeros((8, 9, 3), np.uint8)).affinities.shape
    (12, 8, 9)
    """
    colors = np.asarray(photograph, np.float64) / 255.0
    height, width = colors.shape[:2]
    affinities = np.zeros((len(OFFSETS), height, width), np.float32)
    for top in range(0, height - 2, STRIP):
        rows = min(STRIP, height - 2 - top)
        for number, (y, x), affinity in _window_affinities(colors[top : top + rows + 2], epsilon):
            affinities[number, top + y : top + y + rows, x : x + width - 2] += affinity
    return MattingTarget(affinities)


def _window_affinities(
    colors: np.ndarray, epsilon: float
) -> Iterator[Tuple[int, Tuple[int, int], np.ndarray]]:
    """Yield the offset's number, the first place and the affinities for each pair of places in a window."""
    places = [(y, x) for y in range(3) for x in range(3)]
    height, width = colors.shape[0] - 2, colors.shape[1] - 2
    window = np.stack([colors[y : y + height, x : x + width] for y, x in places])
    window -= window.mean(axis=0)
    covariance = np.einsum("khwa,khwb->hwab", window, window) / 9.0
    inverse = np.linalg.inv(covariance + epsilon / 9.0 * np.eye(3))
    weighted = np.einsum("khwa,hwab->khwb", window, inverse)
    for first, place in enumerate(places):
        for second in range(first + 1, 9):
            offset = places[second][0] - place[0], places[second][1] - place[1]
            affinity = (1.0 + np.einsum("hwa,hwa->hw", weighted[first], window[second])) / 9.0
            yield OFFSETS.index(offset), place, affinity


def matting(
    features: Any, target: MattingTarget, weight: float = 1.0, gradient: Optional[Any] = None
) -> Tuple[float, Any]:
    """Compute E = sum over colours of V^T L V, which is the sum over pairs i < j of -L_ij (V_i - V_j)^2.

    It is zero if in each window of 3 x 3 each colour of the picture is an affine function of the photograph's
    colours. Edges may change their colours, but they cannot bend or appear. Differences are summed, since
    products would need double precision.

    Parameters
    ----------
    features : array, (N, H, W)
        The picture V, N = 3.
    target : MattingTarget
        Target of the photograph, which has the same height and width.
    weight : float
        Factor of value and gradient.
    gradient : array, (N, H, W), optional
        weight * dE/dV = 2 weight L V is added to it in place.

    Returns
    -------
    value : float
        weight * E.
    gradient : array, (N, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> photograph = np.random.RandomState(0).randint(0, 256, (8, 9, 3))
    >>> target = target_matting(photograph)
    >>> recoloured = photograph.transpose(2, 0, 1)[::-1] * 0.3 + 50.0
    >>> noise = np.random.RandomState(1).randint(0, 256, (3, 8, 9)).astype(float)
    >>> matting(recoloured, target)[0] < 1e-4 * matting(noise, target)[0]
    True
    """
    if gradient is None:
        gradient = arrays.zeros_like(features)
    height, width = features.shape[1:]
    value = 0.0
    for affinity, (y, x) in zip(target.affinities, OFFSETS):
        before = slice(0, height - y), slice(max(0, -x), width - max(0, x))
        after = slice(y, height), slice(max(0, x), width + min(0, x))
        difference = features[(slice(None), *after)] - features[(slice(None), *before)]
        slope = difference * affinity[before]
        value += arrays.dot(difference, slope)
        slope *= 2.0 * weight
        gradient[(slice(None), *after)] += slope
        gradient[(slice(None), *before)] -= slope
    return weight * value, gradient
