"""Fourier transforms of feature maps, zero padded so that products of spectra are full convolutions."""

from __future__ import annotations

from typing import Any, Iterator, Tuple

import numpy as np

from ..backends import arrays, numbers
from ..backends.parallel import threads

CHANNELS = 8
"""Number of feature maps that are transformed at a time: enough for all threads, and little memory."""


def channel_blocks(features: Any) -> Iterator[slice]:
    """Cut the feature maps (N, H, W) into slices of a few channels."""
    for start in range(0, features.shape[0], CHANNELS):
        yield slice(start, start + CHANNELS)


def padded_shape(features: Any) -> Tuple[int, int]:
    """Return the size of the full convolution of two feature maps, rounded up to lengths with a fast FFT."""
    from scipy.fft import next_fast_len

    return tuple(next_fast_len(2 * length - 1, real=True) for length in features.shape[1:])


def transform(maps: Any, shape: Tuple[int, int]) -> Any:
    """Return half spectra (n, rows, columns // 2 + 1) of real maps (n, H, W), zero padded to `shape`."""
    maps = arrays.contiguous(maps)
    if arrays.namespace(maps) is not np:
        return arrays.namespace(maps).fft.rfft2(maps, shape)
    from scipy.fft import rfft2

    return rfft2(maps, s=shape, workers=threads())


def inverse(spectra: Any, shape: Tuple[int, int], like: Any) -> Any:
    """Return the real maps of half spectra, cropped to the size of `like` (N, H, W)."""
    rows, columns = like.shape[1:]
    if arrays.namespace(spectra) is not np:
        return arrays.namespace(spectra).fft.irfft2(spectra, shape)[:, :rows, :columns]
    from scipy.fft import irfft2

    return irfft2(spectra, s=shape, workers=threads(), overwrite_x=True)[:, :rows, :columns]


def energy(power: Any, shape: Tuple[int, int]) -> Any:
    """Compute the sum of squares of a real signal from its power spectrum, by Parseval's theorem.

    `power` holds the squared moduli of the half spectrum, which leaves out the mirror image of every column
    except the first and, if their number is even, the last. Columns with a mirror image count twice.
    """
    double = arrays.namespace(power).float64
    total = 2 * power.sum(dtype=double) - power[..., 0].sum(dtype=double)
    if shape[1] % 2 == 0:
        total -= power[..., -1].sum(dtype=double)
    return numbers.number(total) / (shape[0] * shape[1])
