"""Sliding windows over channels-last arrays of any number of spatial axes: numpy convolution and its gradients.

A convolution is a sum over the kernel's offsets of matrix products: for each offset the input, shifted and
strided, times the (C x K) slice of the filters. No im2col matrix is made.
"""

from __future__ import annotations

import itertools
from typing import Iterator, Optional, Sequence, Tuple

import numpy as np


class Geometry:
    """Kernel, stride, pad and dilation of a sliding window, one value a spatial axis."""

    def __init__(
        self,
        kernel: Sequence[int],
        stride: Sequence[int],
        pad: Sequence[int],
        dilation: Sequence[int],
    ) -> None:
        self.kernel, self.stride = tuple(kernel), tuple(stride)
        self.pad, self.dilation = tuple(pad), tuple(dilation)

    def extent(self, axis: int) -> int:
        """Input positions that one window spans."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def output_size(self, size: Sequence[int]) -> Tuple[int, ...]:
        """Windows along each axis, with C's division towards zero as in Caffe."""
        result = []
        for axis, length in enumerate(size):
            free = length + 2 * self.pad[axis] - self.extent(axis)
            result.append(int(free / self.stride[axis]) + 1)
        return tuple(result)

    def deconvolved_size(self, size: Sequence[int]) -> Tuple[int, ...]:
        """The input size whose convolution has (at least) this many windows."""
        return tuple(
            self.stride[axis] * (length - 1) + self.extent(axis) - 2 * self.pad[axis]
            for axis, length in enumerate(size)
        )

    def offsets(self, windows: Sequence[int]) -> Iterator[Tuple[tuple, tuple]]:
        """For each kernel offset: its index, and the slices of the padded input it meets."""
        for offset in itertools.product(*(range(k) for k in self.kernel)):
            slices = []
            for axis, position in enumerate(offset):
                first = position * self.dilation[axis]
                last = first + self.stride[axis] * (windows[axis] - 1) + 1
                slices.append(slice(first, last, self.stride[axis]))
            yield offset, (slice(None),) + tuple(slices)

    def padded(self, size: Sequence[int], windows: Sequence[int]) -> Tuple[int, ...]:
        """Size of the input with its padding, and with the zeros an overhanging window reads."""
        return tuple(
            max(
                length + 2 * self.pad[axis],
                self.stride[axis] * (windows[axis] - 1) + self.extent(axis),
            )
            for axis, length in enumerate(size)
        )

    def inner(self, size: Sequence[int]) -> tuple:
        """Slices of the padded array where the input lies."""
        return (slice(None),) + tuple(
            slice(self.pad[axis], self.pad[axis] + length) for axis, length in enumerate(size)
        )


def pad_input(x: np.ndarray, geometry: Geometry, windows: Sequence[int]) -> np.ndarray:
    """`x` (N, *size, C) inside zeros, as large as the windows reach."""
    size = x.shape[1:-1]
    padded = geometry.padded(size, windows)
    if padded == size:
        return x
    result = np.zeros((x.shape[0],) + padded + (x.shape[-1],), x.dtype)
    result[geometry.inner(size)] = x
    return result


def convolve(
    x: np.ndarray, weights: np.ndarray, out: np.ndarray, geometry: Geometry, group: int
) -> None:
    """Overwrite `out` (N, *windows, K) with x (N, *size, C) correlated with weights (K, C/group, *kernel)."""
    windows = out.shape[1:-1]
    padded = pad_input(x, geometry, windows)
    c, k = weights.shape[1], weights.shape[0] // group
    out[...] = 0
    for offset, slices in geometry.offsets(windows):
        shifted = padded[slices]
        for g in range(group):
            taps = weights[(slice(g * k, (g + 1) * k), slice(None)) + offset]
            out[..., g * k : (g + 1) * k] += shifted[..., g * c : (g + 1) * c] @ taps.T


def convolve_input_gradient(
    dy: np.ndarray, weights: np.ndarray, dx: np.ndarray, geometry: Geometry, group: int
) -> None:
    """Overwrite `dx` (N, *size, C) with the gradient to the input, given dy (N, *windows, K)."""
    size, windows = dx.shape[1:-1], dy.shape[1:-1]
    c, k = weights.shape[1], weights.shape[0] // group
    padded = np.zeros((dx.shape[0],) + geometry.padded(size, windows) + (dx.shape[-1],), dx.dtype)
    for offset, slices in geometry.offsets(windows):
        shifted = padded[slices]
        for g in range(group):
            taps = weights[(slice(g * k, (g + 1) * k), slice(None)) + offset]
            shifted[..., g * c : (g + 1) * c] += dy[..., g * k : (g + 1) * k] @ taps
    dx[...] = padded[geometry.inner(size)]


def convolve_filter_gradient(
    x: np.ndarray, dy: np.ndarray, dw: np.ndarray, geometry: Geometry, group: int
) -> None:
    """Add to `dw` (K, C/group, *kernel) the gradient to the filters."""
    windows = dy.shape[1:-1]
    padded = pad_input(x, geometry, windows)
    c, k = dw.shape[1], dw.shape[0] // group
    for offset, slices in geometry.offsets(windows):
        shifted = padded[slices]
        for g in range(group):
            rows = dy[..., g * k : (g + 1) * k].reshape(-1, k)
            columns = shifted[..., g * c : (g + 1) * c].reshape(-1, c)
            dw[(slice(g * k, (g + 1) * k), slice(None)) + offset] += rows.T @ columns


def per_axis(
    values: Sequence[int], axes: int, default: int, height: Optional[int], width: Optional[int]
) -> Optional[Tuple[int, ...]]:
    """A repeated prototxt field as one value an axis; None when it names a wrong number of them.

    height and width (kernel_h, kernel_w, ...) override the repeated field for two axes.
    """
    if height is not None or width is not None:
        return (height or 0, width or 0) if axes == 2 and not len(values) else None
    if not len(values):
        return (default,) * axes
    if len(values) == 1:
        return (int(values[0]),) * axes
    return tuple(int(value) for value in values) if len(values) == axes else None
