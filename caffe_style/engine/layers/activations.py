"""Activations: ReLU, ELU, Sigmoid, TanH, Swish, AbsVal, BNLL, and Dropout."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..blob import Blob
from ..fillers import generator
from .base import Layer, register
from .elementwise import Elementwise, sigmoid


@register("ReLU")
class ReLU(Layer):
    """y = max(x, 0) + slope * min(x, 0); at 0 the gradient is the slope's."""

    allows_in_place = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the slope."""
        self.slope = float(self.param.relu_param.negative_slope)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Rectify."""
        x, y = bottom[0].data_buffer(), top[0].data_buffer(overwritten=True)
        if self.slope == 0:
            np.maximum(x, 0, out=y)
        else:
            y[...] = np.where(x > 0, x, np.float32(self.slope) * x)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Mask the gradient; in place the data is y, whose sign is x's for a slope of at least 0."""
        if not propagate_down[0]:
            return
        active, dy = bottom[0].data_buffer() > 0, top[0].diff_buffer()
        dx = bottom[0].diff_buffer(overwritten=True)
        if self.slope == 0:
            np.multiply(dy, active, out=dx)
        else:
            dx[...] = np.where(active, dy, np.float32(self.slope) * dy)


@register("ELU")
class ELU(Elementwise):
    """y = x above 0, alpha (exp(x) - 1) below."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read alpha."""
        self.alpha = np.float32(self.param.elu_param.alpha)

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        return np.maximum(x, 0) + self.alpha * np.expm1(np.minimum(x, 0))

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """1, or y + alpha."""
        return np.where(x > 0, np.float32(1), self.alpha + y)


@register("Sigmoid")
class Sigmoid(Elementwise):
    """y = 1 / (1 + exp(-x))."""

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        return sigmoid(x)

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """y (1 - y)."""
        return y * (1 - y)


@register("TanH")
class TanH(Elementwise):
    """y = tanh(x)."""

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        return np.tanh(x)

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """1 - y^2."""
        return 1 - y * y


@register("Swish")
class Swish(Elementwise):
    """y = x sigmoid(beta x)."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read beta."""
        self.beta = np.float32(self.param.swish_param.beta)

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function; the sigmoid is kept, in place it could not be found again."""
        self.gate = sigmoid(self.beta * x)
        return x * self.gate

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Beta y + s (1 - beta y) with s the sigmoid."""
        gate = getattr(self, "gate", None)
        if gate is None or gate.shape != x.shape:
            gate = sigmoid(self.beta * x)
        return self.beta * y + gate * (1 - self.beta * y)


@register("AbsVal")
class AbsVal(Elementwise):
    """y = |x|; the gradient at 0 is 0."""

    allows_in_place = False

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        return np.abs(x)

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The sign."""
        return np.sign(x)


@register("BNLL")
class BNLL(Elementwise):
    """y = log(1 + exp(x)), the binomial normal log likelihood (softplus)."""

    keeps_input = True

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        return np.logaddexp(x, np.float32(0))

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The sigmoid."""
        return sigmoid(x)


@register("Dropout")
class Dropout(Elementwise):
    """In training, zeros with probability `dropout_ratio`, the rest scaled up; in testing, nothing.

    With SegNet's `sample_weights_test` testing is as training.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the ratio."""
        param = self.param.dropout_param
        self.ratio, self.drops = float(param.dropout_ratio), self.phase == 0
        if param.sample_weights_test:
            self.drops = True
        if not 0 < self.ratio < 1:
            self.fail("dropout_ratio must be between 0 and 1, not %g" % self.ratio)

    def value(self, x: np.ndarray) -> np.ndarray:
        """Drop; the same values stay dropped for backward."""
        if not self.drops:
            return x
        kept = generator().random_sample(x.shape) >= self.ratio
        self.mask = kept * np.float32(1 / (1 - self.ratio))
        return x * self.mask

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The mask."""
        return getattr(self, "mask", np.float32(1)) if self.drops else np.float32(1)
