"""ROIPooling (Fast R-CNN) and PSROIPooling (R-FCN): regions of any size pooled to one size."""

from __future__ import annotations

from typing import Iterator, List, Sequence, Tuple

import numpy as np

from ...blob import Blob
from ..base import Layer, register

#: Number of a region, its image, rows and columns of its bins.
Region = Tuple[int, int, List[slice], List[slice]]


def round_half_away(values: np.ndarray) -> np.ndarray:
    """Rounded as C does: halves away from zero."""
    return np.trunc(values + np.copysign(np.float32(0.5), values))


def bins(
    whole: np.ndarray, part: np.ndarray, length: np.ndarray, count: int, limit: int
) -> List[List[slice]]:
    """For each region the `count` stretches of an axis it is cut into, rounded outwards, within [0, limit].

    Parameters
    ----------
    whole, part : ndarray, (regions,), float32
        Where the region starts: their sum, of which only `part` is there when bins are rounded.
    length : ndarray, (regions,), float32
        How long it is.
    """
    size = (length / np.float32(count))[:, None]
    number = np.arange(count, dtype=np.float32)
    low = np.floor(number * size + part[:, None]) + whole[:, None]
    high = np.ceil((number + 1) * size + part[:, None]) + whole[:, None]
    low, high = (np.clip(edge, 0, limit).astype(int) for edge in (low, high))
    return [[slice(a, max(a, b)) for a, b in zip(*pair)] for pair in zip(low, high)]


def is_empty(rows: slice, columns: slice) -> bool:
    """Whether a bin holds nothing."""
    return rows.start == rows.stop or columns.start == columns.stop


class _Regions(Layer):
    """Bottoms: features (N, C, H, W), and regions (R, 5): image, x1, y1, x2, y2 in pixels of the input.

    Regions get no gradient.
    """

    bottoms = (2, 2)

    def allows_force_backward(self, index: int) -> bool:
        """Regions have no gradient."""
        return index == 0

    def check(self, bottom: Sequence[Blob]) -> int:
        """The number of regions; fails where the bottoms are not features and regions."""
        features, regions = bottom
        if len(features.shape) != 4:
            self.fail("takes features (N, C, H, W), not of shape %s" % (features.shape,))
        if not regions.shape or regions.count != regions.shape[0] * 5:
            self.fail("takes regions (R, 5), not of shape %s" % (regions.shape,))
        return regions.shape[0]

    def edges(self, corners: np.ndarray, axis: int) -> tuple:
        """`whole`, `part` and `length` (see `bins`) of regions (R, 4) along x (0) or y (1)."""
        raise NotImplementedError

    def regions(self, bottom: Sequence[Blob], pooled: Tuple[int, int]) -> Iterator[Region]:
        """Each region with its pooled[0] x pooled[1] bins."""
        table = bottom[1].data_view.reshape(-1, 5)
        images, count = table[:, 0].astype(int), bottom[0].shape[0]
        if images.size and not 0 <= images.min() <= images.max() < count:
            self.fail("regions must be of the images 0 to %d" % (count - 1))
        height, width = bottom[0].shape[2:]
        rows = bins(*self.edges(table[:, 1:], 1), pooled[0], height)
        columns = bins(*self.edges(table[:, 1:], 0), pooled[1], width)
        for number, image in enumerate(images):
            yield number, image, rows[number], columns[number]


@register("ROIPooling")
class ROIPooling(_Regions):
    """The maxima of pooled_h x pooled_w bins of each region, 0 for an empty bin."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the size."""
        param = self.param.roi_pooling_param
        self.pooled = int(param.pooled_h), int(param.pooled_w)
        if min(self.pooled) < 1:
            self.fail("pooled_h and pooled_w must be positive")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """(R, C, pooled_h, pooled_w)."""
        top[0].set_shape((self.check(bottom), bottom[0].shape[1]) + self.pooled)

    def edges(self, corners: np.ndarray, axis: int) -> tuple:
        """Both corners, rounded to positions of the features, belong to the region."""
        scale = np.float32(self.param.roi_pooling_param.spatial_scale)
        first, last = (round_half_away(corners[:, i] * scale) for i in (axis, axis + 2))
        return first, np.zeros_like(first), np.maximum(last - first + 1, 1)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Take the maxima: of a bin's rows, then of its columns."""
        x, y = bottom[0].data_view, top[0].data_view
        y[...] = 0
        for number, image, rows, columns in self.regions(bottom, self.pooled):
            for i, down in enumerate(rows):
                if down.start == down.stop:
                    continue
                band = x[image, :, down].max(1)
                for j, across in enumerate(columns):
                    if across.start < across.stop:
                        y[number, :, i, j] = band[:, across].max(1)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Each maximum's gradient goes to the first value, in row order, that it was."""
        if not propagate_down[0]:
            return
        x, dy, dx = bottom[0].data_view, top[0].diff_view, bottom[0].diff_view
        dx[...] = 0
        channel = np.arange(dx.shape[1])
        for number, image, rows, columns in self.regions(bottom, self.pooled):
            for i, down in enumerate(rows):
                for j, across in enumerate(columns):
                    if is_empty(down, across):
                        continue
                    window = x[image, :, down, across]
                    winners = window.reshape(len(channel), -1).argmax(1)
                    row, column = np.unravel_index(winners, window.shape[1:])
                    row, column = down.start + row, across.start + column
                    dx[image, channel, row, column] += dy[number, :, i, j]


@register("PSROIPooling")
class PSROIPooling(_Regions):
    """The means of group_size x group_size bins of each region, each bin of channels of its own.

    Bin (i, j) of the top's channel c is of the bottom's channel (c * group_size + i) * group_size + j.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the size."""
        param = self.param.psroi_pooling_param
        self.group, self.outputs = int(param.group_size), int(param.output_dim)
        if self.group < 1 or self.outputs < 1 or param.spatial_scale <= 0:
            self.fail("spatial_scale, output_dim and group_size must be positive")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """(R, output_dim, group_size, group_size)."""
        regions, wanted = self.check(bottom), self.outputs * self.group * self.group
        if bottom[0].shape[1] != wanted:
            self.fail("needs %d input channels, not %d" % (wanted, bottom[0].shape[1]))
        top[0].set_shape((regions, self.outputs, self.group, self.group))

    def edges(self, corners: np.ndarray, axis: int) -> tuple:
        """Corners are rounded in pixels of the input; a region is at least a tenth of a position long."""
        scale = np.float32(self.param.psroi_pooling_param.spatial_scale)
        first = round_half_away(corners[:, axis]) * scale
        last = (round_half_away(corners[:, axis + 2]) + 1) * scale
        return np.zeros_like(first), first, np.maximum(last - first, np.float32(0.1))

    def _bins(self, bottom: Sequence[Blob], features: np.ndarray) -> Iterator[tuple]:
        """(index in the top, channels (output_dim, h, w)) of each bin that is not empty."""
        shape = (self.outputs, self.group, self.group) + features.shape[2:]
        for number, image, rows, columns in self.regions(bottom, shape[1:3]):
            grouped = features[image].reshape(shape)
            for i, down in enumerate(rows):
                for j, across in enumerate(columns):
                    if not is_empty(down, across):
                        yield (number, slice(None), i, j), grouped[:, i, j, down, across]

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Take the means."""
        y = top[0].data_view
        y[...] = 0
        for index, window in self._bins(bottom, bottom[0].data_view):
            y[index] = window.mean((1, 2))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Spread each mean's gradient evenly over its bin."""
        if propagate_down[0]:
            dy = top[0].diff_view
            # In an array of its own: a reshape of the diff might be a copy.
            dx = np.zeros(bottom[0].shape, np.float32)
            for index, window in self._bins(bottom, dx):
                window += (dy[index] / (window.shape[1] * window.shape[2]))[:, None, None]
            bottom[0].diff_view[...] = dx
