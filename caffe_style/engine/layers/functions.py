"""Pointwise functions: Power, Exp, Log, Clip, Threshold."""

from __future__ import annotations

import math
from typing import Sequence

import numpy as np

from ..blob import Blob
from .base import Layer, register
from .elementwise import Elementwise


@register("Power")
class Power(Elementwise):
    """y = (shift + scale x)^power.

    In place with a power of 1 the gradient is that of Caffe, which overwrites dy before it reads it: scale^2,
    whatever dy was.
    """

    keeps_input = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read power, scale and shift."""
        param = self.param.power_param
        self.power, self.scale = np.float32(param.power), np.float32(param.scale)
        self.shift = np.float32(param.shift)

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function; it is 1 everywhere for a power of 0."""
        if self.power == 0:
            return np.ones_like(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = self.shift + self.scale * x
            return inner if self.power == 1 else np.power(inner, self.power)

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Power scale y / (shift + scale x): not a number where that is 0 / 0, as in Caffe."""
        factor = self.power * self.scale
        if factor == 0 or self.power == 1:
            return np.full_like(x, factor)
        inner = self.shift + self.scale * x
        if self.power == 2:
            return factor * inner
        with np.errstate(divide="ignore", invalid="ignore"):
            return factor * (y / inner)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Multiply by the derivative; see the class for a power of 1 in place."""
        if self.power == 1 and bottom[0] is top[0]:
            if propagate_down[0]:
                bottom[0].diff_view[...] = self.scale * self.scale
        else:
            super().backward(top, propagate_down, bottom)


def _log_base(layer: Layer, base: float) -> float:
    """Natural logarithm of a base; -1 stands for e."""
    if base == -1:
        return 1.0
    if base <= 0:
        layer.fail("base must be positive, or -1 for e, not %g" % base)
    return math.log(base)


@register("Exp")
class Exp(Elementwise):
    """y = base^(shift + scale x); base -1 (default) is e."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read base, scale and shift."""
        param = self.param.exp_param
        log_base = _log_base(self, param.base)
        self.inner, self.outer = log_base * param.scale, math.exp(log_base * param.shift)

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        return np.float32(self.outer) * np.exp(np.float32(self.inner) * x)

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Y scale log(base)."""
        return y * np.float32(self.inner)


@register("Log")
class Log(Elementwise):
    """y = log_base(shift + scale x); base -1 (default) is e."""

    keeps_input = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read base, scale and shift."""
        param = self.param.log_param
        log_base = _log_base(self, param.base)
        if log_base == 0:
            self.fail("base 1 has no logarithm")
        self.factor = np.float32(1 / log_base)
        self.scale, self.shift = np.float32(param.scale), np.float32(param.shift)

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(self.shift + self.scale * x) * self.factor

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Scale / ((shift + scale x) log(base))."""
        with np.errstate(divide="ignore"):
            return self.factor * self.scale / (self.shift + self.scale * x)


@register("Clip")
class Clip(Elementwise):
    """y = x, kept within [min, max]."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the bounds."""
        param = self.param.clip_param
        if not (param.HasField("min") and param.HasField("max")):
            self.fail("needs both min and max")
        self.low, self.high = np.float32(param.min), np.float32(param.max)

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        return np.minimum(np.maximum(x, self.low), self.high)

    def slope(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """1 within the bounds (both included), 0 outside."""
        return (x >= self.low) & (x <= self.high)


@register("Threshold")
class Threshold(Elementwise):
    """y = 1 where x is above the threshold, else 0; it has no gradient."""

    def value(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        return x > np.float32(self.param.threshold_param.threshold)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Fail: a step has no gradient."""
        self.fail("has no gradient; end the backward run above it")
