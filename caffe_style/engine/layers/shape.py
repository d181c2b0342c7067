"""Flatten and Reshape: the same values in Caffe's order, under another shape."""

from __future__ import annotations

from typing import Sequence

from ..blob import Blob, count_of
from .base import Layer, register


class _SameValues(Layer):
    """Copies there and back: blobs are channels-last in memory, so a new shape is a new order."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Copy in Caffe's order."""
        top[0].data_view[...] = bottom[0].data_view.reshape(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Copy back."""
        if propagate_down[0]:
            bottom[0].diff_view[...] = top[0].diff_view.reshape(bottom[0].shape)


@register("Flatten")
class Flatten(_SameValues):
    """Axes `axis` (default 1) to `end_axis` (default the last) become one."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Multiply their lengths."""
        param, shape = self.param.flatten_param, bottom[0].shape
        first = self.canonical_axis(param.axis, bottom[0])
        last = self.canonical_axis(param.end_axis, bottom[0])
        if last < first:
            self.fail("end_axis %d lies before axis %d" % (last, first))
        flat = count_of(shape[first : last + 1])
        top[0].set_shape(shape[:first] + (flat,) + shape[last + 1 :])


@register("Reshape")
class Reshape(_SameValues):
    """Axes `axis` ... `axis` + `num_axes` - 1 become `shape`: 0 copies the axis there, one -1 is inferred."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Work out the shape."""
        param, shape = self.param.reshape_param, bottom[0].shape
        dims = [int(dim) for dim in param.shape.dim]
        axes, count = len(shape), int(param.num_axes)
        first = param.axis if param.axis >= 0 else axes + param.axis + 1
        last = axes if count == -1 else first + count
        if not 0 <= first <= axes or count < -1 or last > axes:
            self.fail("axis %d with num_axes %d does not fit shape %s" % (param.axis, count, shape))
        if dims.count(-1) > 1 or any(dim < -1 for dim in dims):
            self.fail("shape %s: dims are positive, 0 to copy, and at most one -1" % (dims,))
        for i, dim in enumerate(dims):
            if dim == 0:
                if first + i >= axes:
                    self.fail(
                        "shape %s copies axis %d, which %s has not" % (dims, first + i, shape)
                    )
                dims[i] = shape[first + i]
        wanted = count_of(shape[first:last])
        if -1 in dims:
            known = -count_of(dims)
            if known == 0 or wanted % known:
                self.fail("shape %s cannot be inferred for %d values" % (dims, wanted))
            dims[dims.index(-1)] = wanted // known
        if count_of(dims) != wanted:
            self.fail("shape %s has not the %d values of %s" % (dims, wanted, shape[first:last]))
        top[0].set_shape(shape[:first] + tuple(dims) + shape[last:])
