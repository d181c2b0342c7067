"""Fourier transforms of feature maps, zero padded so that products of spectra are full convolutions."""

from __future__ import annotations

from typing import Iterator, Tuple

import numpy as np

from .. import arrays

CHANNELS = 8
"""Feature maps transformed at a time: enough to share the work out, few enough to bound the memory."""


def channel_blocks(features: np.ndarray) -> Iterator[slice]:
    """Cut the feature maps (N, H, W) into slices of a few channels."""
    for start in range(0, features.shape[0], CHANNELS):
        yield slice(start, start + CHANNELS)


def padded_shape(features: np.ndarray) -> Tuple[int, int]:
    """Rows and columns that hold the full convolution of two maps of this size, rounded up to fast lengths."""
    from scipy.fft import next_fast_len

    return tuple(next_fast_len(2 * length - 1, real=True) for length in features.shape[1:])


def transform(maps: np.ndarray, shape: Tuple[int, int]) -> np.ndarray:
    """Half spectra (n, rows, columns // 2 + 1) of real maps (n, H, W), zero padded to `shape`."""
    from scipy.fft import rfft2

    return rfft2(np.ascontiguousarray(maps), s=shape, workers=arrays.threads())


def inverse(spectra: np.ndarray, shape: Tuple[int, int], like: np.ndarray) -> np.ndarray:
    """Real maps of half spectra, cut to the size of `like` (N, H, W)."""
    from scipy.fft import irfft2

    rows, columns = like.shape[1:]
    return irfft2(spectra, s=shape, workers=arrays.threads(), overwrite_x=True)[:, :rows, :columns]


def energy(power: np.ndarray, shape: Tuple[int, int]) -> float:
    """Sum of squares of a real signal from the squared moduli of its half spectrum, by Parseval's theorem.

    The half spectrum leaves out the mirror images of all columns but the first and, with an even number of
    columns, the last: they count twice.
    """
    total = 2 * power.sum(dtype=np.float64) - power[..., 0].sum(dtype=np.float64)
    if shape[1] % 2 == 0:
        total -= power[..., -1].sum(dtype=np.float64)
    return float(total) / (shape[0] * shape[1])
