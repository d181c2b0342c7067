"""Reduction, ArgMax and Accuracy: few numbers out of many."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..blob import Blob, count_of
from .base import Layer, register


@register("Reduction")
class Reduction(Layer):
    """coeff * (SUM, ASUM, SUMSQ or MEAN) over `axis` (default 0) and all axes behind it."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the operation."""
        self.operation = {1: "SUM", 2: "ASUM", 3: "SUMSQ", 4: "MEAN"}[
            self.param.reduction_param.operation
        ]

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The axes before `axis` stay."""
        param, shape = self.param.reduction_param, bottom[0].shape
        self.axis = self.canonical_axis(param.axis, bottom[0])
        self.length = count_of(shape[self.axis :])
        self.factor = np.float32(param.coeff)
        if self.operation == "MEAN":
            self.factor /= np.float32(self.length)
        top[0].set_shape(shape[: self.axis])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Add up."""
        x = bottom[0].data_view.reshape(-1, self.length)
        if self.operation == "ASUM":
            x = np.abs(x)
        elif self.operation == "SUMSQ":
            x = np.square(x)
        total = x.sum(1, dtype=np.float64) * self.factor
        top[0].data_view[...] = total.reshape(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Every value gets its sum's gradient, times its sign or twice itself."""
        if not propagate_down[0]:
            return
        x = bottom[0].data_view
        dy = (top[0].diff_view * self.factor).reshape(top[0].shape + (1,) * (x.ndim - self.axis))
        if self.operation == "ASUM":
            dy = dy * np.sign(x)
        elif self.operation == "SUMSQ":
            dy = 2 * dy * x
        bottom[0].diff_view[...] = dy


@register("ArgMax")
class ArgMax(Layer):
    """The positions (and values) of the `top_k` largest values, largest first, of equals the last first.

    Along `axis` if given: positions, or with `out_max_val` values. Otherwise over each whole item:
    (N, 1, top_k) positions, or (N, 2, top_k) positions and values.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the parameters."""
        param, shape = self.param.argmax_param, bottom[0].shape
        self.along = param.HasField("axis")
        self.axis = self.canonical_axis(param.axis, bottom[0]) if self.along else 1
        self.top_k = int(param.top_k)
        length = shape[self.axis] if self.along else count_of(shape[1:])
        if not 1 <= self.top_k <= length:
            self.fail("top_k must be 1 to %d, not %d" % (length, self.top_k))

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """See the class."""
        shape = list(bottom[0].shape)
        if self.along:
            shape[self.axis] = self.top_k
        else:
            shape = shape[:1] + [1] * max(len(shape) - 1, 2)
            shape[2] = self.top_k
            shape[1] = 2 if self.param.argmax_param.out_max_val else 1
        top[0].set_shape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Sort."""
        x = bottom[0].data_view
        if not self.along:
            x = x.reshape(x.shape[0], -1)
        reverse = np.flip(x, self.axis)
        order = np.argsort(-reverse, self.axis, kind="stable")
        order = np.take(order, range(self.top_k), self.axis)
        positions = x.shape[self.axis] - 1 - order
        values = np.take_along_axis(reverse, order, self.axis)
        with_values = self.param.argmax_param.out_max_val
        if self.along:
            result = values if with_values else positions
        else:
            result = np.stack([positions, values], 1) if with_values else positions
        top[0].data_view[...] = result.reshape(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Fail: a position has no gradient."""
        self.fail("has no gradient; end the backward run above it")


@register("Accuracy")
class Accuracy(Layer):
    """The share of items whose label is among the `top_k` best scores; second top: a share a class.

    A label whose score others equal counts as behind them.
    """

    bottoms = (2, 2)
    tops = (1, 2)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A scalar, and (classes,)."""
        param, shape = self.param.accuracy_param, bottom[0].shape
        self.axis = self.canonical_axis(param.axis, bottom[0])
        self.items = count_of(shape[: self.axis]), count_of(shape[self.axis + 1 :])
        if self.items[0] * self.items[1] != bottom[1].count:
            self.fail("scores of shape %s do not go with labels %s" % (shape, bottom[1].shape))
        if param.top_k > shape[self.axis]:
            self.fail("top_k %d of only %d classes" % (param.top_k, shape[self.axis]))
        top[0].set_shape(())
        if len(top) > 1:
            top[1].set_shape((shape[self.axis],))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Count."""
        param, classes = self.param.accuracy_param, bottom[0].shape[self.axis]
        scores = bottom[0].data_view.reshape(self.items[0], classes, self.items[1])
        scores = np.moveaxis(scores, 1, -1).reshape(-1, classes)
        labels = bottom[1].data_view.reshape(-1).astype(int)
        if param.HasField("ignore_label"):
            counted = labels != param.ignore_label
            scores, labels = scores[counted], labels[counted]
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            self.fail("labels must be 0 to %d" % (classes - 1))
        own = np.take_along_axis(scores, labels[:, None], 1)
        right = (scores >= own).sum(1) <= param.top_k
        top[0].data_view[...] = right.mean() if right.size else 0
        if len(top) > 1:
            counts = np.bincount(labels, minlength=classes)
            hits = np.bincount(labels, right, minlength=classes)
            top[1].data_view[...] = hits / np.maximum(counts, 1)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Fail: a count has no gradient."""
        if any(propagate_down):
            self.fail("has no gradient; end the backward run above it")
