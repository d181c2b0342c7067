"""BatchNorm and MVN: subtract a mean, divide by a standard deviation."""

from __future__ import annotations

from typing import Sequence, Tuple

import numpy as np

from ..blob import Blob
from .base import Layer, register


def normalised_gradient(
    dy: np.ndarray, y: np.ndarray, deviation: np.ndarray, axes: Tuple[int, ...]
) -> np.ndarray:
    """Gradient through y = (x - mean(x)) / std(x): (dy - mean(dy) - mean(dy y) y) / std."""
    mean = dy.mean(axes, keepdims=True)
    return (dy - mean - (dy * y).mean(axes, keepdims=True) * y) / deviation


@register("BatchNorm")
class BatchNorm(Layer):
    """y = (x - mean) / sqrt(var + eps), one mean and variance a channel.

    Parameters of the layer: sum of means, sum of variances, and the factor (a count) both are divided by.
    With `use_global_stats` (default in TEST) they are used; otherwise the batch's own statistics are, and
    are added to the running sums.
    """

    allows_in_place = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Make the three statistics, which are never learned by gradient."""
        param = self.param.batch_norm_param
        self.global_statistics = self.phase == 1
        if param.HasField("use_global_stats"):
            self.global_statistics = param.use_global_stats
        if len(bottom[0].shape) < 2:
            self.fail("takes a blob of at least 2 axes, not of shape %s" % (bottom[0].shape,))
        channels = bottom[0].shape[1]
        for size in (channels, channels, 1):
            self.add_parameter((size,), None)
        specs = self.param.param
        if any(spec.lr_mult != 0 for spec in specs):
            self.fail("its statistics are no learned parameters: lr_mult must be 0")
        while len(specs) < 3:
            specs.add(lr_mult=0)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Same shape."""
        shape = bottom[0].shape
        if len(shape) < 2 or shape[1] != self.blobs[0].count:
            self.fail("is for %d channels, the input has shape %s" % (self.blobs[0].count, shape))
        self.axes = (0,) + tuple(range(2, len(shape)))
        self.deviation = np.ones((1, shape[1]) + (1,) * (len(shape) - 2), np.float32)
        self.normalised = np.zeros(0, np.float32)
        top[0].set_shape(shape)

    def _statistics(self, x: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Mean and variance to use, each of shape (1, C, 1, ...)."""
        sums, factor = [blob.data_view for blob in self.blobs[:2]], self.blobs[2].data_view
        if self.global_statistics:
            scale = np.float32(0 if factor[0] == 0 else 1 / factor[0])
            mean, variance = sums[0] * scale, sums[1] * scale
        else:
            mean = x.mean(self.axes, dtype=np.float64).astype(np.float32)
            centred = x - mean.reshape(self.deviation.shape)
            variance = np.square(centred).mean(self.axes, dtype=np.float64).astype(np.float32)
            count = x.size // x.shape[1]
            fraction = self.param.batch_norm_param.moving_average_fraction
            factor[0] = factor[0] * fraction + 1
            sums[0][...] = sums[0] * fraction + mean
            sums[1][...] = sums[1] * fraction + variance * (count / (count - 1) if count > 1 else 1)
        return mean.reshape(self.deviation.shape), variance.reshape(self.deviation.shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Normalise."""
        x, y = bottom[0].data_view, top[0].data_view
        mean, variance = self._statistics(x)
        self.deviation = np.sqrt(variance + np.float32(self.param.batch_norm_param.eps))
        np.subtract(x, mean, out=y)
        y /= self.deviation
        if not self.global_statistics:
            # What follows in place may overwrite the top, the gradient needs it as it is now.
            self.normalised = y.copy()

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Divide; through the batch's own statistics where those were used."""
        if not propagate_down[0]:
            return
        dy, dx = top[0].diff_view, bottom[0].diff_view
        if self.global_statistics or self.normalised.shape != dy.shape:
            np.divide(dy, self.deviation, out=dx)
        else:
            dx[...] = normalised_gradient(dy, self.normalised, self.deviation, self.axes)


@register("MVN")
class MVN(Layer):
    """y = (x - mean) / (std + eps), each channel of each image by itself, or each image."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The same shape, with four axes."""
        blob = bottom[0]
        shape = (blob.num, blob.channels, blob.height, blob.width)
        across = self.param.mvn_param.across_channels
        self.axes = (1, 2, 3) if across else (2, 3)
        self.deviation = np.ones((shape[0], 1 if across else shape[1], 1, 1), np.float32)
        top[0].set_shape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Normalise."""
        param, y = self.param.mvn_param, top[0].data_view
        x = bottom[0].data_view.reshape(y.shape)
        np.subtract(x, x.mean(self.axes, keepdims=True), out=y)
        if param.normalize_variance:
            deviation = np.sqrt(np.square(y).mean(self.axes, keepdims=True))
            self.deviation = deviation + np.float32(param.eps)
            y /= self.deviation

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """The gradient (Caffe's: as if eps were 0)."""
        if not propagate_down[0]:
            return
        dy = top[0].diff_view
        if self.param.mvn_param.normalize_variance:
            dx = normalised_gradient(dy, top[0].data_view, self.deviation, self.axes)
        else:
            dx = dy - dy.mean(self.axes, keepdims=True)
        bottom[0].diff_view[...] = dx.reshape(bottom[0].shape)
