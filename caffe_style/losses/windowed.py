"""Style of a window around each position (Nikulin & Novak 2016, section 9): from pixelwise towards Gram."""

from __future__ import annotations

from functools import lru_cache
from typing import Iterator, NamedTuple, Optional, Tuple

import numpy as np

from .. import arrays
from .content import target_content

TILE = 8
"""Positions along each edge of a tile. Its products also take in pairs too far apart: many in a large tile."""


def target_windowed(features: np.ndarray) -> np.ndarray:
    """Copy the style image's responses P, (N, H, W); it must have the size of the picture compared with it."""
    return target_content(features)


def windowed(
    features: np.ndarray,
    target: np.ndarray,
    weight: float = 1.0,
    gradient: Optional[np.ndarray] = None,
    radius: int = 2,
) -> Tuple[float, np.ndarray]:
    """Windowed loss E = 1/(4 N^2 M^2) sum_x ||G(x) - A(x)||^2 with a Gram matrix of each position's window.

    G(x) = sum_o w(o) F(x + o) F(x + o)^T and A(x) the same of P, with w(o) = 1 / (1 + |o|^2) for offsets o of
    up to `radius` rows and columns; beyond the border responses count as zero. Radius 0 is `pixelwise`.

    A product of two of these rank-one matrices is the square of an inner product, so that

        sum_x ||G(x)||^2 = sum_{y, z} W(y, z) (F(y).F(z))^2,    W(y, z) = sum_x w(y - x) w(z - x)

    in which only pairs up to 2 * radius apart count. With f = F(y), d = F(y) - P(y), the same f', d' at z, and
    W symmetric

        E = 1/(4 N^2 M^2) sum_{y, z} W [2 (f.f')(d.d') + 2 (f.d')(d.f') + (d.d')^2 - 4 (f.d')(d.d')]
        dE/dF(y) = 1/(N^2 M^2) sum_z W [(f.f') d' + (f.d') (f' - d')]

    Small tiles of y against their surroundings z are a few matrix products each; nothing of size N^2 M is ever
    there.

    Parameters
    ----------
    features : ndarray, (N, H, W)
        Responses F, M = H * W.
    target : ndarray, (N, H, W)
        Responses P.
    weight : float
        Factor of value and gradient.
    gradient : ndarray, (N, H, W), optional
        weight * dE/dF is added to it in place.
    radius : int
        Of the window, at least 0.

    Returns
    -------
    value : float
        weight * E.
    gradient : ndarray, (N, H, W)
    """
    if gradient is None:
        gradient = np.zeros_like(features)
    scale = weight / float(features.size) ** 2
    channels, height, width = features.shape
    f_map, p_map, g_map = (x.transpose(1, 2, 0) for x in (features, target, gradient))

    def row_of_tiles(rows: _Span) -> float:
        total = 0.0
        for columns in _spans(width, radius):
            near, tile = (rows.near, columns.near), (rows.tile, columns.tile)
            f_and_d_near = _with_difference(f_map[near], p_map[near])
            f_and_d = _with_difference(f_map[tile], p_map[tile])
            pairs = _pair_weights(rows.shape, columns.shape, radius, features.dtype)
            products = arrays.matmul(f_and_d, f_and_d_near.T)
            (ff, fd), (df, dd) = (np.hsplit(part, 2) for part in np.vsplit(products, 2))
            slopes = np.concatenate([pairs * fd, pairs * (ff - fd)], axis=1)
            total += float(np.vdot(pairs * dd, 2 * ff + dd - 4 * fd))
            total += 2 * float(np.einsum("yz,yz->", slopes[:, : ff.shape[1]], df))
            out = g_map[tile]
            out += arrays.matmul(slopes, f_and_d_near, alpha=scale).reshape(out.shape)
        return total

    return 0.25 * scale * sum(arrays.side_by_side(row_of_tiles, _spans(height, radius))), gradient


def _with_difference(f: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Responses of a patch (h, w, N) as rows, and under them what they differ by: (2 h w, N)."""
    return np.concatenate([f, f - p]).reshape(-1, f.shape[2])


class _Span(NamedTuple):
    """A tile along one axis: its positions, those it pairs with, and the edges of both from its start."""

    tile: slice
    near: slice
    shape: Tuple[int, int, int, int, int]


def _spans(length: int, radius: int) -> Iterator[_Span]:
    for start in range(0, length, TILE):
        stop = min(start + TILE, length)
        (low, high), (first, last) = (
            (max(0, start - reach), min(length, stop + reach)) for reach in (radius, 2 * radius)
        )
        shape = tuple(edge - start for edge in (stop, low, high, first, last))
        yield _Span(slice(start, stop), slice(first, last), shape)


@lru_cache(maxsize=64)
def _pair_weights(rows: tuple, columns: tuple, radius: int, dtype: np.dtype) -> np.ndarray:
    """W(y, z) for y in a tile and z around it, given as `_Span.shape`: all inner tiles have the same."""
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

    return (windows(tile).T @ windows(near)).astype(dtype)
