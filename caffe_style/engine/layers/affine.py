"""Scale and Bias: multiply by, or add, a parameter or second bottom spread over some of the axes."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy as np

from ..blob import Blob, count_of
from .base import Layer, register


def spread(values: np.ndarray, axis: int, axes: int) -> np.ndarray:
    """`values` with axes of length 1 behind, so that its first axis meets axis `axis` of `axes`."""
    return values.reshape(values.shape + (1,) * (axes - axis - values.ndim))


def gathered(values: np.ndarray, axis: int, count: int) -> np.ndarray:
    """The sum over all axes but `axis` ... `axis` + `count` - 1: the adjoint of `spread`."""
    kept = range(axis, axis + count)
    return values.sum(tuple(i for i in range(values.ndim) if i not in kept))


class _PerAxis(Layer):
    """What Scale and Bias share: where the operand lies, and its making as a parameter."""

    bottoms = (1, 2)
    allows_in_place = True

    def make_operand(self, param: Any, bottom: Sequence[Blob], filler: Any) -> None:
        """Append the parameter of shape bottom.shape[axis : axis + num_axes]."""
        shape = bottom[0].shape
        axis, count = self.canonical_axis(param.axis, bottom[0]), int(param.num_axes)
        if count < -1 or axis + count > len(shape):
            self.fail("num_axes %d from axis %d does not fit shape %s" % (count, axis, shape))
        self.add_parameter(shape[axis:] if count == -1 else shape[axis : axis + count], filler)

    def place(self, param: Any, operand: Blob, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Find the axis the operand starts at, and check that it fits."""
        shape = bottom[0].shape
        axis = self.canonical_axis(param.axis, bottom[0]) if operand.shape else 0
        if shape[axis : axis + len(operand.shape)] != operand.shape:
            self.fail(
                "an operand of shape %s does not fit a blob of shape %s at axis %d"
                % (operand.shape, shape, axis)
            )
        self.axis = axis
        top[0].set_shape(shape)

    def spread_over(self, values: np.ndarray, blob: Blob) -> np.ndarray:
        """The operand's values, shaped to broadcast against the blob's."""
        return spread(values, self.axis, len(blob.shape))


@register("Bias")
class Bias(_PerAxis):
    """y = x + b, b a parameter or the second bottom."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Make b if there is no second bottom."""
        if len(bottom) == 1:
            param = self.param.bias_param
            self.make_operand(param, bottom, param.filler)

    def _operand(self, bottom: Sequence[Blob]) -> Blob:
        return bottom[1] if len(bottom) > 1 else self.blobs[0]

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Same shape."""
        self.place(self.param.bias_param, self._operand(bottom), bottom, top)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Add."""
        operand = self._operand(bottom)
        np.add(
            bottom[0].data_view, self.spread_over(operand.data_view, top[0]), out=top[0].data_view
        )

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """db is dy summed over what b was spread over."""
        operand, dy = self._operand(bottom), top[0].diff_view
        if len(bottom) > 1 and propagate_down[1]:
            operand.diff_view[...] = gathered(dy, self.axis, len(operand.shape))
        elif len(bottom) == 1 and self.wants_gradient(0):
            operand.diff_view[...] += gathered(dy, self.axis, len(operand.shape))
        if propagate_down[0] and bottom[0] is not top[0]:
            bottom[0].diff_view[...] = dy


@register("Scale")
class Scale(_PerAxis):
    """y = s * x (+ b), s a parameter or the second bottom; the last parameter is b."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Make s (ones by default) if there is no second bottom, and b if asked for."""
        param = self.param.scale_param
        if len(bottom) == 1:
            filler = type(param.filler)()
            filler.CopyFrom(param.filler)
            if not param.HasField("filler"):
                filler.type, filler.value = "constant", 1
            self.make_operand(param, bottom, filler)
        if param.bias_term:
            scale = self.blobs[0] if len(bottom) == 1 else bottom[1]
            self.add_parameter(scale.shape, param.bias_filler)
        self._input: Optional[np.ndarray] = None

    def _operand(self, bottom: Sequence[Blob]) -> Blob:
        return bottom[1] if len(bottom) > 1 else self.blobs[0]

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Same shape."""
        self.place(self.param.scale_param, self._operand(bottom), bottom, top)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Multiply, then add."""
        x, y = bottom[0].data_view, top[0].data_view
        self._input = x.copy() if bottom[0] is top[0] else None
        np.multiply(x, self.spread_over(self._operand(bottom).data_view, top[0]), out=y)
        if self.param.scale_param.bias_term:
            y += self.spread_over(self.blobs[-1].data_view, top[0])

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """ds is dy x summed over what s was spread over, db the same of dy."""
        operand, dy = self._operand(bottom), top[0].diff_view
        if self.param.scale_param.bias_term and self.wants_gradient(len(self.blobs) - 1):
            bias = self.blobs[-1]
            bias.diff_view[...] += gathered(dy, self.axis, len(bias.shape))
        if propagate_down[1] if len(bottom) > 1 else self.wants_gradient(0):
            self._scale_gradient(operand, dy, bottom)
        if propagate_down[0]:
            factor = self.spread_over(operand.data_view, top[0])
            np.multiply(dy, factor, out=bottom[0].diff_view)

    def _scale_gradient(self, operand: Blob, dy: np.ndarray, bottom: Sequence[Blob]) -> None:
        x = bottom[0].data_view if self._input is None else self._input
        product = dy * x
        gradient = gathered(product, self.axis, len(operand.shape))
        if len(bottom) > 1 or self._caffe_overwrites(operand, bottom[0]):
            operand.diff_view[...] = gradient
        else:
            operand.diff_view[...] += gradient
        if self._input is not None and operand.count != bottom[0].count:
            # Caffe keeps the product where it kept the input: a second backward would see it.
            self._input[...] = product

    def _caffe_overwrites(self, operand: Blob, blob: Blob) -> bool:
        """Whether Caffe's code path for these shapes replaces the parameter's diff instead of adding."""
        outer = count_of(blob.shape[: self.axis])
        inner = count_of(blob.shape[self.axis + len(operand.shape) :])
        if operand.count == blob.count:
            return True
        return outer == 1 and inner != 1 and operand.count != 1
