"""The preconditioner of L-BFGS: a smoothing P of the picture, used as its first inverse Hessian.

L-BFGS that starts from a multiple of the identity moves fine detail as far as coarse forms. With P, which damps
high frequencies, coarse forms move first.

P is K K^T. K makes a picture from variables: cosine coefficients of its brightness, with the colours that go
with it, and of two colour differences. It weights each coefficient by w(r), transforms the three planes back,
and mixes them at each pixel by a matrix M^T, so that M^T M = C^2 for a matrix C of the channels. For a seamless
picture, the variables are pixels, and K multiplies the planes' Fourier transforms by w(r), which smooths across
the border.

L-BFGS that starts from P takes the same steps as L-BFGS that starts from the identity and sees the picture as
x = x0 + K z (Nocedal & Wright 2006, section 5.1). Our own L-BFGS does the first, and SciPy's does the second.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from ..backends import arrays
from ..backends.parallel import threads

#: Brightness and two colour differences of B, G and R; orthonormal rows.
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [-1, 2, -1]]) / np.sqrt([[3], [2], [6]])


class Preconditioner:
    """The maps K, K^T and P = K K^T of pictures (1, 3, H, W). P is symmetric, and not negative.

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
    coarse_colours : bool
        Whether the colour differences have no variables above three quarters of an axis' highest frequency.
        The channels then change together there: by the brightness and the colours that go with it in C. The eye
        hardly sees other fine colours, and seven tenths of the variables are left.

    Examples
    --------
    >>> smoothing = Preconditioner((8, 8), exponent=1.0, corner=0.1)
    >>> picture = np.random.default_rng(0).standard_normal((1, 3, 8, 8))
    >>> bool(smoothing.whole(picture).std() < picture.std())
    True
    """

    def __init__(
        self,
        shape: Tuple[int, int],
        exponent: float,
        corner: float,
        colours: Optional[np.ndarray] = None,
        wrapped: bool = False,
        coarse_colours: bool = False,
    ) -> None:
        if wrapped:
            down, across = 2 * np.fft.fftfreq(shape[0]), 2 * np.fft.rfftfreq(shape[1])
        else:
            down, across = (np.arange(edge) / edge for edge in shape)
        square = (down[:, np.newaxis] ** 2 + across**2) / corner**2
        self._weights = (1 + square) ** (-exponent / 2)
        self._coarse = (np.abs(down) < 3 / 4)[:, np.newaxis] & (np.abs(across) < 3 / 4)
        self._coarse_colours = coarse_colours
        self._sizes = plane_sizes(shape, coarse_colours and not wrapped)
        colours = np.eye(3) if colours is None else colours
        covariance = OPPONENT @ colours @ colours @ OPPONENT.T
        self._mixing = np.linalg.cholesky(covariance).T @ OPPONENT
        self._shape, self._wrapped = (1, 3, *shape), wrapped
        self._kept: Dict[Any, Any] = {}

    def spread(self, variables: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """Return the picture scale K z, (1, 3, H, W) float32, of variables z (n,)."""
        planes = np.zeros(self._shape, np.float32)
        weights, mixing = self._placed(planes, 1)
        for plane, part in zip(planes[0], self._parts(variables)):
            np.multiply(
                part, scale, out=plane[: part.shape[0], : part.shape[1]], casting="same_kind"
            )
        if self._wrapped:
            planes = _smooth_by_waves(planes, weights)
        else:
            planes *= weights
            planes = _cosines(planes, back=True)
        return _mixed(mixing.T, planes)

    def gather(self, picture: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """Return scale K^T x, (n,) float64, of a picture x (1, 3, H, W)."""
        picture = np.ascontiguousarray(picture, np.float32)
        weights, mixing = self._placed(picture, 1)
        planes = _mixed(mixing, picture)
        if self._wrapped:
            planes = _smooth_by_waves(planes, weights)
        else:
            planes = _cosines(planes)
            planes *= weights
        variables = np.empty(sum(height * width for height, width in self._sizes))
        for plane, part in zip(planes[0], self._parts(variables)):
            np.multiply(plane[: part.shape[0], : part.shape[1]], scale, out=part)
        return variables

    def whole(self, picture: Any) -> Any:
        """Return P x, a new array of float64, for a picture x (1, 3, H, W)."""
        if arrays.namespace(picture) is np:
            return arrays.as_doubles(self.spread(self.gather(picture)))
        picture = arrays.as_singles(picture)
        weights, mixing = self._placed(picture, 2)
        smooth = _smooth_by_waves if self._wrapped else _smooth_by_mirrors
        planes = smooth(_mixed(mixing, picture), weights)
        return arrays.as_doubles(_mixed(mixing.T, planes))

    def _parts(self, variables: np.ndarray) -> List[np.ndarray]:
        """Return the variables of each plane, as views (h, w)."""
        ends = np.cumsum([height * width for height, width in self._sizes])
        parts = np.split(variables, ends[:-1])
        return [part.reshape(size) for part, size in zip(parts, self._sizes)]

    def _placed(self, array: Any, power: int) -> Tuple[Any, Any]:
        """Return the weights to a power and the mixing matrix M, as arrays like a given one.

        Where Fourier transforms serve, the weights of fine colours are 0. Cosine coefficients of fine colours
        are not among the variables.
        """
        key = arrays.kind(array), power
        if key not in self._kept:
            kind, weights = key[0], self._weights**power
            mirrored = kind.xp is not np and not self._wrapped
            planes = [weights]
            if self._coarse_colours and (mirrored or self._wrapped):
                planes += [weights * self._coarse] * 2
            if mirrored:
                planes = [mirrored_weights(plane) for plane in planes]
            self._kept[key] = kind.of(np.stack(planes)), kind.of(self._mixing)
        return self._kept[key]


def plane_sizes(shape: Tuple[int, int], coarse_colours: bool) -> List[Tuple[int, int]]:
    """Return height and width of the coefficients of brightness and of the two colour differences.

    Examples
    --------
    >>> plane_sizes((5, 8), coarse_colours=True)
    [(5, 8), (4, 6), (4, 6)]
    """
    colours = tuple(-(-3 * edge // 4) for edge in shape) if coarse_colours else shape
    return [shape, colours, colours]


def _mixed(matrix: Any, planes: Any) -> Any:
    """Multiply the three planes (1, 3, H, W) at each pixel by a matrix (3, 3)."""
    return (matrix @ planes.reshape(3, -1)).reshape(planes.shape)


def _cosines(planes: np.ndarray, back: bool = False) -> np.ndarray:
    """Return the cosine transform (type 2, orthonormal) of planes (1, 3, H, W), or transform it back."""
    import scipy.fft

    transform = scipy.fft.idctn if back else scipy.fft.dctn
    with scipy.fft.set_workers(threads()):
        return transform(planes, axes=(2, 3), norm="ortho", overwrite_x=True)


def _smooth_by_mirrors(picture: Any, weights: Any) -> Any:
    """Multiply the cosine transform on a device, by the Fourier transform of the picture and its mirror images.

    PyTorch has no cosine transform. Apart from phases, the cosine transform of a picture is the Fourier
    transform of the picture mirrored at its right and lower edges.
    """
    xp = arrays.namespace(picture)
    height, width = picture.shape[2:]
    for axis in (2, 3):
        picture = xp.cat((picture, xp.flip(picture, (axis,))), axis)
    return arrays.contiguous(_smooth_by_waves(picture, weights)[:, :, :height, :width])


def _smooth_by_waves(picture: Any, weights: Any) -> Any:
    """Multiply the Fourier transform, as `rfft2` orders it, by weights (1 or 3, H, W // 2 + 1)."""
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
