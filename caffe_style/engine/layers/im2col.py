"""Im2col: every window of a convolution as a column."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..blob import Blob, count_of
from . import windows
from .base import Layer, register
from .convolution import read_geometry


@register("Im2col")
class Im2col(Layer):
    """(..., C, *size) becomes (..., C * kernel, *windows): what a convolution multiplies its filters with."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read kernel, stride, pad and dilation."""
        param = self.param.convolution_param
        self.axis = self.canonical_axis(param.axis, bottom[0])
        self.geometry = read_geometry(self, param, len(bottom[0].shape) - self.axis - 1)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """More channels, windows instead of positions."""
        shape = bottom[0].shape
        self.size = shape[self.axis + 1 :]
        self.windows = self.geometry.output_size(self.size)
        columns = shape[self.axis] * count_of(self.geometry.kernel)
        top[0].set_shape(shape[: self.axis] + (columns,) + self.windows)

    def _columns(self, values: np.ndarray) -> np.ndarray:
        """The top's values as (kernel, N, *windows, C), one array a kernel offset."""
        kernel = count_of(self.geometry.kernel)
        split = (-1, values.shape[self.axis] // kernel, kernel) + self.windows
        return np.moveaxis(values.reshape(split), (2, 1), (0, -1))

    def _channels_last(self, values: np.ndarray) -> np.ndarray:
        return np.moveaxis(values.reshape((-1,) + values.shape[self.axis :]), 1, -1)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Copy."""
        x = self._channels_last(bottom[0].data_view)
        padded = windows.pad_input(x, self.geometry, self.windows)
        offsets = [padded[slices] for _, slices in self.geometry.offsets(self.windows)]
        columns = np.moveaxis(np.stack(offsets), (0, -1), (2, 1))
        top[0].data_view[...] = columns.reshape(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Add up what was copied more than once."""
        if not propagate_down[0]:
            return
        columns = self._columns(top[0].diff_view)
        padded_size = self.geometry.padded(self.size, self.windows)
        padded = np.zeros((columns.shape[1],) + padded_size + columns.shape[-1:], np.float32)
        for column, (_, slices) in zip(columns, self.geometry.offsets(self.windows)):
            padded[slices] += column
        dx = np.moveaxis(padded[self.geometry.inner(self.size)], -1, 1)
        bottom[0].diff_view[...] = dx.reshape(bottom[0].shape)
