"""The preconditioner of L-BFGS: a smoothing P of the picture, used as its first inverse Hessian.

L-BFGS that starts from a multiple of the identity moves fine detail as far as coarse forms. With P, which damps
high frequencies, coarse forms move first.

P multiplies the cosine transform of each channel by weights w(r)^2, and the three channels at each pixel by the
matrix C^2. For a seamless picture it multiplies the Fourier transform, which smooths across the border. L-BFGS
that starts from P takes the same steps as L-BFGS that starts from the identity and sees the picture as
x = x0 + P^(1/2) z (Nocedal & Wright 2006, section 5.1). Our own L-BFGS does the first, and SciPy's does the
second.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from ..backends import arrays
from ..backends.parallel import threads


class Preconditioner:
    """The maps P^(1/2) and P of pictures (1, 3, H, W), which are linear, symmetric and positive.

    They are computed in single precision, like the network, in a quarter of the time of double precision.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the pictures.
    exponent : float
        Weights are w(r) = (1 + (r / corner)^2)^(-exponent / 2): about r^-exponent above the corner. The
        frequency r is 1 at one oscillation in two pixels along an axis.
    corner : float
        Frequency below which the weights are about 1, above 0.
    colours : ndarray, (3, 3), optional
        Matrix C of the channels, symmetric and positive definite; the identity by default.
    wrapped : bool
        Whether opposite sides of the pictures are neighbours.

    Examples
    --------
    >>> smoothing = Preconditioner((8, 8), exponent=1.0, corner=0.1)
    >>> picture = np.random.default_rng(0).standard_normal((1, 3, 8, 8))
    >>> bool(smoothing.root(picture).std() < picture.std())
    True
    """

    def __init__(
        self,
        shape: Tuple[int, int],
        exponent: float,
        corner: float,
        colours: Optional[np.ndarray] = None,
        wrapped: bool = False,
    ) -> None:
        if wrapped:
            down, across = 2 * np.fft.fftfreq(shape[0]), 2 * np.fft.rfftfreq(shape[1])
        else:
            down, across = (np.arange(edge) / edge for edge in shape)
        square = (down[:, np.newaxis] ** 2 + across**2) / corner**2
        self._weights = (1 + square) ** (-exponent / 2)
        self._colours, self._wrapped = colours, wrapped
        self._kept: Dict[Any, Any] = {}

    def root(self, picture: Any) -> Any:
        """Return P^(1/2) x, a new array of float64, for a picture x (1, 3, H, W)."""
        return self._map(picture, 1)

    def whole(self, picture: Any) -> Any:
        """Return P x, a new array of float64, for a picture x (1, 3, H, W)."""
        return self._map(picture, 2)

    def _map(self, picture: Any, power: int) -> Any:
        picture = arrays.as_singles(picture)
        weights, colours = self._placed(picture, power)
        if self._wrapped:
            smooth = _smooth_by_waves(picture, weights)
        elif arrays.namespace(picture) is np:
            smooth = _smooth_by_cosines(picture, weights)
        else:
            smooth = _smooth_by_mirrors(picture, weights)
        if colours is None:
            return arrays.as_doubles(smooth)
        return arrays.as_doubles((colours @ smooth.reshape(3, -1)).reshape(picture.shape))

    def _placed(self, picture: Any, power: int) -> Tuple[Any, Any]:
        """Return the weights and colours to a power, on the picture's device."""
        key = arrays.kind(picture), power
        if key not in self._kept:
            kind, weights, colours = key[0], self._weights**power, self._colours
            if kind.xp is not np and not self._wrapped:
                weights = mirrored_weights(weights)
            if colours is not None:
                colours = kind.of(np.linalg.matrix_power(colours, power))
            self._kept[key] = kind.of(weights), colours
        return self._kept[key]


def _smooth_by_cosines(picture: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Multiply the cosine transform (type 2, orthonormal) by weights (H, W)."""
    import scipy.fft

    options: Dict[str, Any] = {"axes": (2, 3), "norm": "ortho", "overwrite_x": True}
    with scipy.fft.set_workers(threads()):
        found = scipy.fft.dctn(picture, **options)
        found *= weights
        return scipy.fft.idctn(found, **options)


def _smooth_by_mirrors(picture: Any, weights: Any) -> Any:
    """Do the same on a device, by the Fourier transform of the picture and its mirror images.

    PyTorch has no cosine transform. Apart from phases, the cosine transform of a picture is the Fourier
    transform of the picture mirrored at its right and lower edges.
    """
    xp = arrays.namespace(picture)
    height, width = picture.shape[2:]
    for axis in (2, 3):
        picture = xp.cat((picture, xp.flip(picture, (axis,))), axis)
    return arrays.contiguous(_smooth_by_waves(picture, weights)[:, :, :height, :width])


def _smooth_by_waves(picture: Any, weights: Any) -> Any:
    """Multiply the Fourier transform, as `rfft2` orders it, by weights (H, W // 2 + 1)."""
    import scipy.fft

    xp = arrays.namespace(picture)
    # NumPy's own transform has double precision.
    fft = scipy.fft if xp is np else xp.fft
    found = fft.rfft2(picture)
    found *= weights
    return fft.irfft2(found, s=picture.shape[2:])


def mirrored_weights(weights: np.ndarray) -> np.ndarray:
    """Return the weights (2 H, W + 1) of the mirrored picture's Fourier transform, as `rfft2` orders it.

    At the highest frequency of an axis, H or W, the transform of a mirrored picture is zero.
    """
    height, width = weights.shape
    down = np.arange(2 * height)
    down = np.minimum(np.minimum(down, 2 * height - down), height - 1)
    return weights[down][:, np.minimum(np.arange(width + 1), width - 1)]
