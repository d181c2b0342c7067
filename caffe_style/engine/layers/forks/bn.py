"""BN: the batch normalisations of SegNet and of PSPNet (two), three layers of one name."""

from __future__ import annotations

from typing import Sequence, Tuple

import numpy as np

from ...blob import Blob
from ..base import Layer, register
from ..normalisation import normalised_gradient

_SEGNET_FIELDS = ("bn_mode", "scale_filler", "shift_filler")
_FIRST_PSPNET_FIELDS = ("moving_average", "decay", "var_eps")
_SEGNET_EPS = 1e-9


@register("BN")
class BN(Layer):
    """y = slope * (x - mean) / sqrt(variance + eps) + bias, channel by channel.

    SegNet's, where bn_param has `bn_mode`, `scale_filler` or `shift_filler`, has two parameters, slope and
    bias.
    In the mode LEARN mean and variance are the batch's own, in every phase; in INFERENCE they count as 0 and 1,
    because they are part of slope and bias then.

    PSPNet's has four: slope, bias, and the running mean and variance, into which those of each training batch
    are mixed. The running ones are used in TEST and where it is `frozen`. Its first version, where bn_param has
    `moving_average`, `decay` or `var_eps`, uses them in TEST if `moving_average` says so.
    """

    allows_in_place = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Make the parameters, each of shape (1, C, 1, 1)."""
        param, shape = self.param.bn_param, bottom[0].shape
        if len(shape) < 2:
            self.fail("takes a blob of at least 2 axes, not of shape %s" % (shape,))

        def has(fields: Sequence[str]) -> bool:
            return any(param.HasField(field) for field in fields)

        training = self.phase == 0
        self.runs = True  # has running statistics
        fillers = [param.scale_filler, param.shift_filler]
        if has(_FIRST_PSPNET_FIELDS):
            self.eps, self.share = param.var_eps, param.decay
            self.own_statistics = training or not param.moving_average
        elif has(_SEGNET_FIELDS):
            self.runs, self.eps = False, _SEGNET_EPS
            self.own_statistics = param.bn_mode == param.LEARN
        else:
            fillers = [param.slope_filler, param.bias_filler]
            self.eps, self.share = param.eps, 1 - param.momentum
            self.own_statistics = training and not param.frozen
        for filler in fillers:
            self.add_parameter((1, shape[1], 1, 1), filler)
        if self.runs:
            self._add_running_statistics()

    def _add_running_statistics(self) -> None:
        """They are not learned by gradient; frozen, nothing is."""
        for _ in range(2):
            self.add_parameter(self.blobs[0].shape, None)
        frozen = self.param.bn_param.frozen
        if frozen:
            self.blobs[3].data_view[...] = 1
        specs = self.param.param
        while len(specs) < 4:
            specs.add()
        for spec in specs if frozen else specs[2:]:
            spec.lr_mult = spec.decay_mult = 0

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Same shape."""
        shape, channels = bottom[0].shape, self.blobs[0].count
        if len(shape) < 2 or shape[1] != channels:
            self.fail("is for %d channels, the input has shape %s" % (channels, shape))
        self.axes = (0,) + tuple(range(2, len(shape)))
        self.deviation = np.ones((1, channels) + (1,) * (len(shape) - 2), np.float32)
        self.normalised = np.zeros(shape, np.float32)
        top[0].set_shape(shape)

    def _spread(self, index: int) -> np.ndarray:
        """Parameter `index`, ready to meet x."""
        return self.blobs[index].data_view.reshape(self.deviation.shape)

    def _statistics(self, x: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the batch; in training they are mixed into the running ones."""
        mean = x.mean(self.axes, keepdims=True, dtype=np.float64)
        variance = np.square(x - mean).mean(self.axes, keepdims=True)
        if self.runs and self.phase == 0:
            for blob, new in zip(self.blobs[2:], (mean, variance)):
                mixed = (1 - self.share) * blob.data_view + self.share * new.reshape(blob.shape)
                blob.data_view[...] = mixed
        return mean.astype(np.float32), variance.astype(np.float32)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Normalise, scale and shift."""
        x = bottom[0].data_view
        if not (self.own_statistics or self.runs):
            self.normalised = x.copy()
        else:
            mean, variance = (
                self._statistics(x) if self.own_statistics else (self._spread(2), self._spread(3))
            )
            self.deviation = np.sqrt(variance + np.float32(self.eps))
            self.normalised = (x - mean) / self.deviation
        top[0].data_view[...] = self._spread(0) * self.normalised + self._spread(1)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gradients to slope, bias and input."""
        dy = top[0].diff_view
        for index, slope in ((0, self.normalised), (1, 1)):
            if self.wants_gradient(index):
                blob = self.blobs[index]
                total = (dy * slope).sum(self.axes, dtype=np.float64)
                blob.diff_view[...] += total.reshape(blob.shape)
        if propagate_down[0]:
            dz = dy * self._spread(0)
            if self.own_statistics:
                dx = normalised_gradient(dz, self.normalised, self.deviation, self.axes)
            else:
                dx = dz / self.deviation
            bottom[0].diff_view[...] = dx
