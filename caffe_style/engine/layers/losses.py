"""Losses between blobs: EuclideanLoss, HingeLoss, SigmoidCrossEntropyLoss, ContrastiveLoss."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy as np

from ..blob import Blob
from .base import register
from .elementwise import sigmoid
from .loss import Loss, normalisation_mode, normaliser


@register("EuclideanLoss")
class EuclideanLoss(Loss):
    """1 / (2 N) sum (a - b)^2; both bottoms have a gradient."""

    def allows_force_backward(self, index: int) -> bool:
        """Both bottoms."""
        return True

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A scalar; the items must be of one size."""
        super().reshape(bottom, top)
        if bottom[0].count != bottom[1].count:
            self.fail("bottoms differ: shapes %s and %s" % (bottom[0].shape, bottom[1].shape))
        self.difference = np.zeros(bottom[0].shape, np.float32)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Subtract and square."""
        self.difference = bottom[0].data_view - bottom[1].data_view.reshape(bottom[0].shape)
        total = np.square(self.difference).sum(dtype=np.float64)
        top[0].data_view[...] = total / bottom[0].shape[0] / 2

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """(a - b) / N and its negative."""
        for blob, wanted, sign in zip(bottom, propagate_down, (1, -1)):
            if wanted:
                factor = sign * top[0].diff_view / bottom[0].shape[0]
                blob.diff_view[...] = (factor * self.difference).reshape(blob.shape)


@register("HingeLoss")
class HingeLoss(Loss):
    """1 / N sum max(0, 1 - t x)^p with t = 1 for the label's class, -1 for the others; p = 1 (L1) or 2 (L2)."""

    def _flip_label(self, values: np.ndarray, label: Blob) -> None:
        labels, _ = self.read_labels(label, values.shape[1])
        values[np.arange(len(labels)), labels] *= -1

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Sum the margins; like Caffe, leave them in the bottom's diff for backward."""
        count = bottom[0].shape[0]
        margins = bottom[0].data_view.reshape(count, -1).copy()
        self._flip_label(margins, bottom[1])
        np.maximum(0, 1 + margins, out=margins)
        bottom[0].diff_view[...] = margins.reshape(bottom[0].shape)
        squared = self.param.hinge_loss_param.norm == self.param.hinge_loss_param.L2
        total = (np.square(margins) if squared else margins).sum(dtype=np.float64)
        top[0].data_view[...] = total / count

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """-t where the margin is broken (L1), or twice the margin times that (L2)."""
        self.refuse_label_gradient(propagate_down)
        if not propagate_down[0]:
            return
        count = bottom[0].shape[0]
        dx = bottom[0].diff_view.reshape(count, -1).copy()
        self._flip_label(dx, bottom[1])
        squared = self.param.hinge_loss_param.norm == self.param.hinge_loss_param.L2
        dx = 2 * dx if squared else np.sign(dx)
        bottom[0].diff_view[...] = (dx * (top[0].diff_view / count)).reshape(bottom[0].shape)


@register("SigmoidCrossEntropyLoss")
class SigmoidCrossEntropyLoss(Loss):
    """-sum(t log s + (1 - t) log(1 - s)), s = sigmoid(x); divided by N unless told otherwise."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A scalar; one target for each value."""
        super().reshape(bottom, top)
        if bottom[0].count != bottom[1].count:
            self.fail("bottoms differ: shapes %s and %s" % (bottom[0].shape, bottom[1].shape))
        self.divisor = 1.0

    def _counted(self, targets: np.ndarray) -> np.ndarray:
        loss_param = self.param.loss_param
        if not loss_param.HasField("ignore_label"):
            return np.ones(targets.shape, bool)
        return targets.astype(int) != loss_param.ignore_label

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Add up in the form that does not overflow."""
        x, targets = bottom[0].data_view, bottom[1].data_view.reshape(bottom[0].shape)
        counted, loss_param = self._counted(targets), self.param.loss_param
        each = np.log1p(np.exp(-np.abs(x))) - x * (targets - (x >= 0))
        mode = normalisation_mode(loss_param, loss_param.BATCH_SIZE)
        outer = x.shape[0]
        inner = x.size // max(outer, 1)
        self.divisor = normaliser(loss_param, mode, outer, inner, int(counted.sum()))
        top[0].data_view[...] = each.sum(where=counted, dtype=np.float64) / self.divisor

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Sigmoid minus target."""
        self.refuse_label_gradient(propagate_down)
        if propagate_down[0]:
            x, targets = bottom[0].data_view, bottom[1].data_view.reshape(bottom[0].shape)
            dx = (sigmoid(x) - targets) * self._counted(targets)
            bottom[0].diff_view[...] = dx * (top[0].diff_view / np.float32(self.divisor))


@register("ContrastiveLoss")
class ContrastiveLoss(Loss):
    """1 / (2 N) sum of d^2 for similar pairs, max(margin - d, 0)^2 for others; d = |a - b|.

    `legacy_version` takes max(margin - d^2, 0) for the others.
    """

    bottoms = (3, 3)
    label = 2

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check that items are vectors."""
        pair, similar = bottom[:2], bottom[2]
        if any((blob.height, blob.width) != (1, 1) for blob in bottom):
            self.fail("takes vectors (N, C), one pair an item")
        if pair[0].channels != pair[1].channels or similar.channels != 1:
            self.fail("takes two blobs (N, C) and similarities (N)")
        self.pairs: Optional[tuple] = None

    def _pairs(self, bottom: Sequence[Blob]) -> tuple:
        """Differences (N, C), squared distances (N, 1), which pairs are similar (N, 1)."""
        a, b = (blob.data_view.reshape(blob.shape[0], -1) for blob in bottom[:2])
        difference = a - b
        squared = np.square(difference).sum(1, keepdims=True)
        return difference, squared, bottom[2].data_view.reshape(-1, 1).astype(int) != 0

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Add up."""
        param = self.param.contrastive_loss_param
        self.pairs = _, squared, similar = self._pairs(bottom)
        if param.legacy_version:
            apart = np.maximum(np.float32(param.margin) - squared, 0)
        else:
            apart = np.square(np.maximum(np.float32(param.margin) - np.sqrt(squared), 0))
        total = np.where(similar, squared, apart).sum(dtype=np.float64)
        top[0].data_view[...] = total / bottom[0].shape[0] / 2

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Pull similar pairs together, push others apart up to the margin."""
        self.refuse_label_gradient(propagate_down)
        param = self.param.contrastive_loss_param
        difference, squared, similar = self.pairs or self._pairs(bottom)
        distance = np.sqrt(squared)
        if param.legacy_version:
            gap, push = np.float32(param.margin) - squared, np.float32(1)
        else:
            gap = np.float32(param.margin) - distance
            push = gap / (distance + np.float32(1e-4))
        factor = np.where(similar, np.float32(1), np.where(gap > 0, -push, np.float32(0)))
        for blob, wanted, sign in zip(bottom[:2], propagate_down, (1, -1)):
            if wanted:
                dx = sign * top[0].diff_view / bottom[0].shape[0] * factor * difference
                blob.diff_view[...] = dx.reshape(blob.shape)
