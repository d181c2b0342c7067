"""Convolution and Deconvolution, of any number of spatial axes, with groups, stride, pad and dilation."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from ..blob import Blob
from . import windows
from .base import Layer, register


def _explicit(param: Any, name: str) -> Any:
    return int(getattr(param, name)) if param.HasField(name) else None


def read_geometry(layer: Layer, param: Any, axes: int) -> windows.Geometry:
    """Kernel, stride, pad and dilation of a ConvolutionParameter, for so many spatial axes."""
    height, width = _explicit(param, "kernel_h"), _explicit(param, "kernel_w")
    kernel = windows.per_axis(param.kernel_size, axes, 0, height, width)
    if kernel is None or any(size <= 0 for size in kernel):
        layer.fail("kernel_size must be given once, or once for each of the %d spatial axes" % axes)
    fields = []
    for name, default in (("stride", 1), ("pad", 0)):
        height, width = _explicit(param, name + "_h"), _explicit(param, name + "_w")
        fields.append(windows.per_axis(getattr(param, name), axes, default, height, width))
    fields.append(windows.per_axis(param.dilation, axes, 1, None, None))
    for name, values, least in zip(("stride", "pad", "dilation"), fields, (1, 0, 1)):
        if values is None or any(value < least for value in values):
            layer.fail("%s must be given once, or once for each of %d axes" % (name, axes))
    return windows.Geometry(kernel, *fields)


class _Filters(Layer):
    """What both directions share: reading the parameters, and filters of shape (K, C / group, *kernel)."""

    bottoms = (1, None)
    tops = (1, None)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the parameters, make filters and bias."""
        param = self.param.convolution_param
        if len(bottom) != len(top):
            self.fail("needs as many tops as bottoms")
        self.axis = self.canonical_axis(param.axis, bottom[0])
        axes = len(bottom[0].shape) - self.axis - 1
        self.geometry = read_geometry(self, param, axes)
        channels = bottom[0].shape[self.axis]
        self.group, self.outputs = self.groups(channels), int(param.num_output)
        if self.outputs <= 0:
            self.fail("num_output must be positive")
        if self.group <= 0 or channels % self.group or self.outputs % self.group:
            self.fail(
                "group %d must divide both the %d input channels and num_output %d"
                % (self.group, channels, self.outputs)
            )
        shape = self.filter_shape(channels) + self.geometry.kernel
        self.add_parameter(shape, param.weight_filler)
        if param.bias_term:
            self.add_parameter((self.outputs,), param.bias_filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """(N, C, *size) becomes (N, num_output, *windows)."""
        channels = self.input_channels()
        for below, above in zip(bottom, top):
            shape = below.shape
            if shape != bottom[0].shape:
                self.fail(
                    "all bottoms must have one shape, not %s and %s" % (bottom[0].shape, shape)
                )
            if len(shape) <= self.axis or shape[self.axis] != channels:
                self.fail(
                    "its filters are for %d channels, the input has shape %s" % (channels, shape)
                )
            size = self.size_above(shape[self.axis + 1 :])
            if any(length < 0 for length in size):
                self.fail(
                    "the input %s is too small for its %s kernel"
                    % ("x".join(map(str, shape[2:])), "x".join(map(str, self.geometry.kernel)))
                )
            above.set_shape(shape[: self.axis] + (self.outputs,) + size)

    def last(self, blob: Blob, diff: bool = False) -> np.ndarray:
        """The blob as (N, *size, C): axes before the channel axis count as batch."""
        shown = blob.diff_view if diff else blob.data_view
        moved = np.moveaxis(shown, self.axis, -1)
        if self.axis == 1:
            return moved
        return moved.reshape((-1,) + moved.shape[self.axis :])

    def store(self, blob: Blob, values: np.ndarray, diff: bool = False) -> None:
        """Write (N, *size, C) values back into a blob."""
        shown = blob.diff_view if diff else blob.data_view
        moved = np.moveaxis(shown, self.axis, -1)
        moved[...] = values.reshape(moved.shape)

    def add_bias_gradient(self, dy: np.ndarray) -> None:
        """Sum of dy (N, *windows, K) over positions, added to the bias's diff."""
        if self.wants_gradient(1):
            self.blobs[1].diff_view[...] += dy.reshape(-1, dy.shape[-1]).sum(0, dtype=np.float64)

    def groups(self, channels: int) -> int:
        """Into how many groups the channels fall."""
        return int(self.param.convolution_param.group)

    # -- the two directions differ here ----------------------------------------------------------

    def filter_shape(self, channels: int) -> tuple:
        """First two axes of the filters."""
        raise NotImplementedError

    def input_channels(self) -> int:
        """Channels the filters read."""
        raise NotImplementedError

    def size_above(self, size: Sequence[int]) -> tuple:
        """Spatial size of the top."""
        raise NotImplementedError


@register("Convolution")
class Convolution(_Filters):
    """y = W * x + b (a correlation, as everywhere in the field)."""

    def filter_shape(self, channels: int) -> tuple:
        """(K, C / group)."""
        return (self.outputs, channels // self.group)

    def input_channels(self) -> int:
        """C."""
        return self.blobs[0].shape[1] * self.group

    def size_above(self, size: Sequence[int]) -> tuple:
        """Number of windows."""
        return self.geometry.output_size(size)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Convolve and add the bias."""
        for below, above in zip(bottom, top):
            x = self.last(below)
            y = np.empty(self.last(above).shape, x.dtype)
            windows.convolve(x, self.blobs[0].data_view, y, self.geometry, self.group)
            if len(self.blobs) > 1:
                y += self.blobs[1].data_view
            self.store(above, y)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gradients to filters, bias and input."""
        for below, above, wanted in zip(bottom, top, propagate_down):
            x, dy = self.last(below), self.last(above, diff=True)
            self.add_bias_gradient(dy)
            if self.wants_gradient(0):
                windows.convolve_filter_gradient(
                    x, dy, self.blobs[0].diff_view, self.geometry, self.group
                )
            if wanted:
                dx = np.empty(x.shape, x.dtype)
                windows.convolve_input_gradient(
                    dy, self.blobs[0].data_view, dx, self.geometry, self.group
                )
                self.store(below, dx, diff=True)


@register("ConvolutionDepthwise", "DepthwiseConvolution")
class DepthwiseConvolution(Convolution):
    """A convolution with a group for every input channel, whatever `group` says (MobileNet's)."""

    def groups(self, channels: int) -> int:
        """One a channel."""
        return channels


@register("Deconvolution")
class Deconvolution(_Filters):
    """The transpose of a convolution: its forward is a Convolution's backward and the other way round."""

    def filter_shape(self, channels: int) -> tuple:
        """(C, K / group): the convolution that this transposes goes from K to C channels."""
        return (channels, self.outputs // self.group)

    def input_channels(self) -> int:
        """C."""
        return self.blobs[0].shape[0]

    def size_above(self, size: Sequence[int]) -> tuple:
        """Size of the input of the transposed convolution."""
        return self.geometry.deconvolved_size(size)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Spread every value by the filters and add the bias."""
        for below, above in zip(bottom, top):
            x, y = self.last(below), np.empty(self.last(above).shape, np.float32)
            windows.convolve_input_gradient(
                x, self.blobs[0].data_view, y, self.geometry, self.group
            )
            if len(self.blobs) > 1:
                y += self.blobs[1].data_view
            self.store(above, y)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gradients to filters, bias and input."""
        for below, above, wanted in zip(bottom, top, propagate_down):
            x, dy = self.last(below), self.last(above, diff=True)
            self.add_bias_gradient(dy)
            if self.wants_gradient(0):
                windows.convolve_filter_gradient(
                    dy, x, self.blobs[0].diff_view, self.geometry, self.group
                )
            if wanted:
                dx = np.empty(x.shape, np.float32)
                windows.convolve(dy, self.blobs[0].data_view, dx, self.geometry, self.group)
                self.store(below, dx, diff=True)
