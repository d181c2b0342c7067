"""What losses have in common: a scalar top of weight 1, labels without gradient, what the sum is divided by."""

from __future__ import annotations

from typing import Any, ClassVar, Sequence, Tuple

import numpy as np

from ..blob import Blob
from .base import Layer

#: Caffe never takes the logarithm of less than this.
LOG_THRESHOLD = np.float32(1e-20)


class Loss(Layer):
    """A layer whose top is a loss; bottom 1 is the label."""

    bottoms = (2, 2)
    auto_tops = True
    default_loss_weight = 1.0
    #: The bottom that only tells what is right: it never receives a gradient.
    label: ClassVar[int] = 1

    def allows_force_backward(self, index: int) -> bool:
        """Labels stay without gradient."""
        return index != self.label

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A scalar; the batch sizes must agree."""
        shapes = [blob.shape for blob in bottom[:2]]
        if any(not shape or shape[0] != shapes[0][0] for shape in shapes):
            self.fail("data and label differ in batch size: shapes %s and %s" % tuple(shapes))
        top[0].set_shape(())

    def refuse_label_gradient(self, propagate_down: Sequence[bool]) -> None:
        """Fail where somebody wants the gradient of a label."""
        if propagate_down[self.label]:
            self.fail("cannot give its labels (bottom %d) a gradient" % self.label)

    def read_labels(self, blob: Blob, classes: int) -> Tuple[np.ndarray, np.ndarray]:
        """Labels of a blob, flat, as integers, and which of them count (are not `ignore_label`).

        Those that do not count read as 0.

        Raises
        ------
        LayerError
            For a label that is no class.
        """
        labels = blob.data_view.reshape(-1).astype(int)
        loss_param = self.param.loss_param
        counted = np.ones(labels.shape, bool)
        if loss_param.HasField("ignore_label"):
            counted = labels != loss_param.ignore_label
        labels = np.where(counted, labels, 0)
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            self.fail("labels must be 0 to %d" % (classes - 1))
        return labels, counted


def normalisation_mode(loss_param: Any, default: int) -> int:
    """FULL, VALID, BATCH_SIZE or NONE: `normalization`, or the older `normalize`, or the layer's default."""
    if not loss_param.HasField("normalization"):
        if loss_param.HasField("normalize"):
            return loss_param.VALID if loss_param.normalize else loss_param.BATCH_SIZE
        return default
    return loss_param.normalization


def normaliser(loss_param: Any, mode: int, outer: int, inner: int, counted: int) -> float:
    """What a loss over outer * inner values, `counted` of which are not ignored, is divided by; at least 1."""
    amounts = {
        loss_param.FULL: outer * inner,
        loss_param.VALID: counted,
        loss_param.BATCH_SIZE: outer,
        loss_param.NONE: 1,
    }
    return float(max(1, amounts[mode]))
