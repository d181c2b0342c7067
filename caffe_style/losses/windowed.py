"""Style as a Gram matrix of a window around each position (Nikulin & Novak 2016, section 9)."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Optional, Tuple

import numpy as np

from ..backends import arrays, caches, numbers
from ..backends.parallel import side_by_side
from .content import target_content

TILE = 8
"""Edge of a tile in positions. A larger tile wastes more products on pairs that are too far apart."""

DEVICE_TILE = 32
"""Edge of a tile on a device, where many small calls would cost more than the wasted products."""


def target_windowed(features: Any) -> Any:
    """Copy the responses P (N, H, W) to the style image, which must have the size of the result.

    Examples
    --------
    >>> import numpy as np
    >>> target_windowed(np.ones((2, 3, 3), np.float32)).shape
    (2, 3, 3)
    """
    return target_content(features)


def windowed(
    features: Any,
    target: Any,
    weight: float = 1.0,
    gradient: Optional[Any] = None,
    radius: int = 2,
) -> Tuple[float, Any]:
    """Compute E = 1/(4 N^2 M^2) sum_x ||G(x) - A(x)||^2 with a Gram matrix of the window around each position.

    G(x) = sum_o w(o) F(x + o) F(x + o)^T, and A(x) is the same for P. The weights are w(o) = 1 / (1 + |o|^2)
    for offsets o of up to `radius` rows and columns. Responses beyond the border count as zero. Radius 0 gives
    `pixelwise`.

    The inner product of two rank-one matrices is the square of an inner product of vectors, so that

        sum_x ||G(x)||^2 = sum_{y, z} W(y, z) (F(y).F(z))^2,    W(y, z) = sum_x w(y - x) w(z - x)

    where only pairs up to 2 * radius apart count. With f = F(y), d = F(y) - P(y), f' and d' the same at z, and
    W symmetric

        E = 1/(4 N^2 M^2) sum_{y, z} W [2 (f.f')(d.d') + 2 (f.d')(d.f') + (d.d')^2 - 4 (f.d')(d.d')]
        dE/dF(y) = 1/(N^2 M^2) sum_z W [(f.f') d' + (f.d') (f' - d')]

    For a small tile of positions y and its surroundings z this takes a few matrix products. No array of size
    N^2 M is ever made.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F, M = H * W.
    target : array, (N, H, W)
        Responses P, from `target_windowed`.
    weight : float
        Factor of value and gradient.
    gradient : array, (N, H, W), optional
        weight * dE/dF is added to it in place.
    radius : int
        Radius of the window in positions, at least 0.

    Returns
    -------
    value : float
        weight * E.
    gradient : array, (N, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> from caffe_style.losses import pixelwise
    >>> features, target = np.random.RandomState(0).rand(2, 2, 4, 4)
    >>> value, gradient = windowed(features, target, radius=0)
    >>> bool(np.isclose(value, pixelwise(features, target)[0]))
    True
    """
    xp = arrays.namespace(features)
    if gradient is None:
        gradient = xp.zeros_like(features)
    scale = weight / float(arrays.count(features)) ** 2
    channels, height, width = features.shape
    size = TILE if xp is np else DEVICE_TILE
    f_map, p_map, g_map = (xp.moveaxis(x, 0, -1) for x in (features, target, gradient))

    def row_of_tiles(rows: _Span) -> Any:
        total = 0.0
        for columns in _spans(width, size, radius):
            near, tile = (rows.near, columns.near), (rows.tile, columns.tile)
            f_and_d_near = _with_difference(f_map[near], p_map[near])
            f_and_d = _with_difference(f_map[tile], p_map[tile])
            pairs = _pair_weights(rows.shape, columns.shape, radius, arrays.kind(features))
            products = arrays.matmul(f_and_d, f_and_d_near.T)
            (ff, fd), (df, dd) = (xp.hsplit(part, 2) for part in xp.vsplit(products, 2))
            slopes = xp.concatenate([pairs * fd, pairs * (ff - fd)], 1)
            total += numbers.number(xp.einsum("yz,yz->", pairs * dd, 2 * ff + dd - 4 * fd))
            total += 2 * numbers.number(xp.einsum("yz,yz->", slopes[:, : ff.shape[1]], df))
            out = g_map[tile]
            out += arrays.matmul(slopes, f_and_d_near, alpha=scale).reshape(out.shape)
        return total

    sums = side_by_side(row_of_tiles, _spans(height, size, radius), features)
    return 0.25 * scale * sum(sums), gradient


def _with_difference(f: Any, p: Any) -> Any:
    """Stack the responses of a patch (h, w, N) and their differences from the target as rows (2 h w, N)."""
    return arrays.namespace(f).concatenate([f, f - p]).reshape(-1, f.shape[2])


class _Span(NamedTuple):
    """A tile along one axis: its positions, the positions near it, and the edges of both from its start."""

    tile: slice
    near: slice
    shape: Tuple[int, int, int, int, int]


def _spans(length: int, size: int, radius: int) -> Iterator[_Span]:
    for start in range(0, length, size):
        stop = min(start + size, length)
        (low, high), (first, last) = (
            (max(0, start - reach), min(length, stop + reach)) for reach in (radius, 2 * radius)
        )
        shape = tuple(edge - start for edge in (stop, low, high, first, last))
        yield _Span(slice(start, stop), slice(first, last), shape)


@caches.cached
def _pair_weights(rows: tuple, columns: tuple, radius: int, kind: arrays.Kind) -> Any:
    """Return W(y, z) for y in a tile and z around it, given as `_Span.shape`; all inner tiles share it."""
    centres, tile, near = zip(
        *[
            (np.arange(low, high), np.arange(stop), np.arange(first, last))
            for stop, low, high, first, last in (rows, columns)
        ]
    )

    def windows(positions: Tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        down, across = (p[None, :] - x[:, None] for p, x in zip(positions, centres))
        down, across = down[:, None, :, None], across[None, :, None, :]
        inside = (abs(down) <= radius) & (abs(across) <= radius)
        weights = np.where(inside, 1 / (1.0 + down**2 + across**2), 0)
        return weights.reshape(len(centres[0]) * len(centres[1]), -1)

    return kind.of(windows(tile).T @ windows(near))
