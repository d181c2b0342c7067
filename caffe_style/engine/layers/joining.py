"""Layers that join blobs along an axis or take them apart: Concat, Slice, Tile, Crop."""

from __future__ import annotations

from typing import Any, List, Sequence, Tuple

import numpy as np

from ..blob import Blob
from .base import Layer, register


def _axis_of(layer: Layer, param: Any, legacy: str, blob: Blob) -> int:
    """The axis that `axis` (may be negative) or the old `concat_dim` / `slice_dim` (may not) names."""
    if param.HasField(legacy):
        if param.HasField("axis"):
            layer.fail("give either axis or %s, not both" % legacy)
        if not 0 <= getattr(param, legacy) < len(blob.shape):
            layer.fail("%s is out of range for a blob of shape %s" % (legacy, blob.shape))
        return int(getattr(param, legacy))
    return layer.canonical_axis(param.axis, blob)


def _along(axis: int, axes: int, ends: Sequence[int]) -> List[Tuple[slice, ...]]:
    """Indices, into a buffer of so many axes, of the parts of Caffe's `axis` between successive ends."""
    if axes > 2 and axis > 0:
        axis = axes - 1 if axis == 1 else axis - 1  # buffers are channels-last
    return [(slice(None),) * axis + (slice(*part),) for part in zip(ends[:-1], ends[1:])]


@register("Concat")
class Concat(Layer):
    """The bottoms one behind the other along `axis` (default 1, channels)."""

    bottoms = (1, None)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Add up the lengths along the axis."""
        self.axis = _axis_of(self, self.param.concat_param, "concat_dim", bottom[0])
        shape = list(bottom[0].shape)
        for blob in bottom[1:]:
            if len(blob.shape) != len(shape) or any(
                a != b and i != self.axis for i, (a, b) in enumerate(zip(blob.shape, shape))
            ):
                self.fail(
                    "bottoms of shapes %s and %s cannot be joined along axis %d"
                    % (bottom[0].shape, blob.shape, self.axis)
                )
            shape[self.axis] += blob.shape[self.axis]
        top[0].set_shape(shape)

    def _parts(self, bottom: Sequence[Blob]) -> List[Tuple[slice, ...]]:
        ends = np.cumsum([0] + [blob.shape[self.axis] for blob in bottom])
        return _along(self.axis, len(bottom[0].shape), ends)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Copy each bottom into its part."""
        y = top[0].data_buffer(overwritten=True)
        for blob, part in zip(bottom, self._parts(bottom)):
            y[part] = blob.data_buffer()

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Copy each part back."""
        dy = top[0].diff_buffer()
        for blob, part, wanted in zip(bottom, self._parts(bottom), propagate_down):
            if wanted:
                blob.diff_buffer(overwritten=True)[...] = dy[part]


@register("Slice")
class Slice(Layer):
    """Parts of the bottom along `axis`: equal ones, or cut at the `slice_point`s."""

    tops = (1, None)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Find the cuts."""
        param = self.param.slice_param
        self.axis = _axis_of(self, param, "slice_dim", bottom[0])
        shape = bottom[0].shape
        length = shape[self.axis]
        points = [int(point) for point in param.slice_point]
        if points:
            if len(points) != len(top) - 1:
                self.fail("%d tops need %d slice_points" % (len(top), len(top) - 1))
        else:
            if length % len(top):
                self.fail("%d values cannot be cut into %d equal parts" % (length, len(top)))
            points = [length // len(top) * i for i in range(1, len(top))]
        ends = [0] + points + [length]
        if ends[-2] > length or any(a >= b for a, b in zip(ends[:-2], ends[1:-1])):
            self.fail("slice_points %s must rise within the %d values" % (points, length))
        self.parts = _along(self.axis, len(shape), ends)
        for blob, first, last in zip(top, ends[:-1], ends[1:]):
            blob.set_shape(shape[: self.axis] + (last - first,) + shape[self.axis + 1 :])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Copy each part out."""
        x = bottom[0].data_buffer()
        for blob, part in zip(top, self.parts):
            blob.data_buffer(overwritten=True)[...] = x[part]

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Copy each part back in."""
        if propagate_down[0]:
            dx = bottom[0].diff_buffer(overwritten=True)
            for blob, part in zip(top, self.parts):
                dx[part] = blob.diff_buffer()


@register("Tile")
class Tile(Layer):
    """The bottom repeated `tiles` times along `axis`."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """One axis grows."""
        param = self.param.tile_param
        if not param.HasField("tiles") or param.tiles <= 0:
            self.fail("tiles must be given and positive")
        self.axis, self.tiles = self.canonical_axis(param.axis, bottom[0]), int(param.tiles)
        shape = list(bottom[0].shape)
        shape[self.axis] *= self.tiles
        top[0].set_shape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Repeat."""
        top[0].data_view[...] = np.concatenate([bottom[0].data_view] * self.tiles, self.axis)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Add the repetitions up."""
        if propagate_down[0]:
            shape = bottom[0].shape
            tiled = shape[: self.axis] + (self.tiles,) + shape[self.axis :]
            bottom[0].diff_view[...] = top[0].diff_view.reshape(tiled).sum(self.axis)


@register("Crop")
class Crop(Layer):
    """The first bottom cut to the size of the second along `axis` and all later axes, from `offset` on."""

    bottoms = (2, 2)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Find the window."""
        param = self.param.crop_param
        shape, wanted = bottom[0].shape, bottom[1].shape
        axis = self.canonical_axis(param.axis, bottom[0])
        offsets = [int(offset) for offset in param.offset] or [0]
        if len(offsets) == 1:
            offsets *= len(shape) - axis
        if len(offsets) != len(shape) - axis:
            self.fail("give one offset, or one for each of the %d axes" % (len(shape) - axis))
        if len(wanted) < len(shape):
            self.fail("the second bottom, of shape %s, has fewer axes than %s" % (wanted, shape))
        new_shape, window = list(shape[:axis]), [slice(None)] * axis
        for length, size, offset in zip(shape[axis:], wanted[axis:], offsets):
            if offset + size > length:
                self.fail("a crop of %d from %d on leaves an axis of %d" % (size, offset, length))
            new_shape.append(size)
            window.append(slice(offset, offset + size))
        self.window = tuple(window)
        top[0].set_shape(new_shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Cut the window out."""
        top[0].data_view[...] = bottom[0].data_view[self.window]

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Zeros around the window."""
        if propagate_down[0]:
            dx = bottom[0].diff_view
            dx[...] = 0
            dx[self.window] = top[0].diff_view
