"""Losses of class probabilities: SoftmaxWithLoss, MultinomialLogisticLoss, InfogainLoss."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import numpy as np

from ..blob import Blob, count_of
from .base import register
from .loss import LOG_THRESHOLD, Loss, normalisation_mode, normaliser
from .reading import read_binaryproto
from .softmax import softmax


class _OfSoftmax(Loss):
    """A loss of softmax(x) along an axis; the second top, if there, shows the probabilities."""

    tops = (1, 2)

    def classes_last(self, values: np.ndarray) -> np.ndarray:
        """(outer, K, inner) values as rows of K, in the labels' order."""
        outer, classes, inner = self.extent
        return np.moveaxis(values.reshape(outer, classes, inner), 1, -1).reshape(-1, classes)

    def store(self, rows: np.ndarray, blob: Blob, diff: bool) -> None:
        """Write rows of K back."""
        outer, classes, inner = self.extent
        values = np.moveaxis(rows.reshape(outer, inner, classes), -1, 1).reshape(blob.shape)
        (blob.diff_view if diff else blob.data_view)[...] = values

    def place(self, axis: int, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Find outer, K and inner, and check the labels' number."""
        shape = bottom[0].shape
        axis = self.canonical_axis(axis, bottom[0])
        self.extent: Tuple[int, int, int] = (
            count_of(shape[:axis]),
            shape[axis],
            count_of(shape[axis + 1 :]),
        )
        if bottom[1].count != self.extent[0] * self.extent[2]:
            self.fail(
                "needs one label for each prediction: %d for shape %s, not %s"
                % (self.extent[0] * self.extent[2], shape, bottom[1].shape)
            )
        self.rows: Optional[np.ndarray] = None
        top[0].set_shape(())
        if len(top) > 1:
            top[1].set_shape(shape)

    def divisor(self, counted: np.ndarray) -> float:
        """What the loss is divided by."""
        loss_param = self.param.loss_param
        mode = normalisation_mode(loss_param, loss_param.normalization)
        return normaliser(loss_param, mode, self.extent[0], self.extent[2], int(counted.sum()))

    def probabilities(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> np.ndarray:
        """Rows of softmax, kept for backward."""
        self.rows = softmax(self.classes_last(bottom[0].data_view), 1)
        if len(top) > 1:
            self.store(self.rows, top[1], diff=False)
        return self.rows

    def kept_probabilities(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> np.ndarray:
        """Those of the last forward."""
        return self.probabilities(bottom, top) if self.rows is None else self.rows


@register("SoftmaxWithLoss")
class SoftmaxWithLoss(_OfSoftmax):
    """-sum log softmax(x)[label], over the labels that are not ignored."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A scalar."""
        super().reshape(bottom, top)
        self.place(self.param.softmax_param.axis, bottom, top)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Add up."""
        rows = self.probabilities(bottom, top)
        labels, counted = self.read_labels(bottom[1], self.extent[1])
        chosen = np.maximum(rows[np.arange(len(rows)), labels], np.finfo(np.float32).tiny)
        total = -np.log(chosen).sum(where=counted, dtype=np.float64)
        top[0].data_view[...] = total / self.divisor(counted)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Softmax minus 1 at the label."""
        self.refuse_label_gradient(propagate_down)
        if propagate_down[0]:
            labels, counted = self.read_labels(bottom[1], self.extent[1])
            rows = self.kept_probabilities(bottom, top).copy()
            rows[np.arange(len(rows)), labels] -= 1
            rows *= counted[:, None] * (top[0].diff_view / np.float32(self.divisor(counted)))
            self.store(rows, bottom[0], diff=True)


@register("InfogainLoss")
class InfogainLoss(_OfSoftmax):
    """-sum_k H[label, k] log softmax(x)[k]; H is the third bottom, or a BlobProto file named by `source`."""

    bottoms = (2, 3)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the matrix if no bottom brings it."""
        source = self.param.infogain_loss_param.source
        self.matrix = np.zeros(0, np.float32)
        if len(bottom) < 3:
            if not source:
                self.fail("needs its matrix: a third bottom, or infogain_loss_param { source }")
            self.matrix = read_binaryproto(self, source)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A scalar."""
        super().reshape(bottom, top)
        self.place(self.param.infogain_loss_param.axis, bottom, top)
        count = bottom[2].count if len(bottom) > 2 else self.matrix.size
        if count != self.extent[1] ** 2:
            self.fail("its matrix must be %d x %d" % (self.extent[1], self.extent[1]))

    def _gains(self, bottom: Sequence[Blob]) -> Tuple[np.ndarray, np.ndarray]:
        matrix = bottom[2].data_view if len(bottom) > 2 else self.matrix
        labels, counted = self.read_labels(bottom[1], self.extent[1])
        return matrix.reshape(self.extent[1], -1)[labels] * counted[:, None], counted

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Add up."""
        rows = np.maximum(self.probabilities(bottom, top), LOG_THRESHOLD)
        gains, counted = self._gains(bottom)
        top[0].data_view[...] = -(gains * np.log(rows)).sum(dtype=np.float64) / self.divisor(
            counted
        )

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Softmax times the row's sum of H, minus the row."""
        self.refuse_label_gradient(propagate_down)
        if any(propagate_down[2:]):
            self.fail("cannot give its matrix (bottom 2) a gradient")
        if propagate_down[0]:
            rows = self.kept_probabilities(bottom, top)
            gains, counted = self._gains(bottom)
            dx = rows * gains.sum(1, keepdims=True) - gains
            self.store(
                dx * (top[0].diff_view / np.float32(self.divisor(counted))), bottom[0], diff=True
            )


@register("MultinomialLogisticLoss")
class MultinomialLogisticLoss(Loss):
    """-1 / N sum log p[label], for probabilities that the bottom holds already."""

    def _chosen(self, bottom: Sequence[Blob]) -> tuple:
        rows = bottom[0].data_view.reshape(bottom[0].shape[0], -1)
        labels, _ = self.read_labels(bottom[1], rows.shape[1])
        if len(labels) != len(rows):
            self.fail("needs one label for each of the %d items" % len(rows))
        index = np.arange(len(rows)), labels
        return rows, index, np.maximum(rows[index], LOG_THRESHOLD)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Add up."""
        rows, _, chosen = self._chosen(bottom)
        top[0].data_view[...] = -np.log(chosen).sum(dtype=np.float64) / len(rows)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """-1 / (N p) at the label."""
        self.refuse_label_gradient(propagate_down)
        if propagate_down[0]:
            rows, index, chosen = self._chosen(bottom)
            dx = np.zeros_like(rows)
            dx[index] = -(top[0].diff_view / len(rows)) / chosen
            bottom[0].diff_view[...] = dx.reshape(bottom[0].shape)
