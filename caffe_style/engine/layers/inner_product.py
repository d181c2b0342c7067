"""InnerProduct: the fully connected layer."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..blob import Blob, count_of
from .base import Layer, register


@register("InnerProduct")
class InnerProduct(Layer):
    """y = W x + b for each of the M items before `axis`; the axes from there on are one vector of length K.

    W is (num_output, K), or (K, num_output) with `transpose`.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Make W and b."""
        param = self.param.inner_product_param
        self.outputs, self.transpose = int(param.num_output), param.transpose
        if self.outputs <= 0:
            self.fail("num_output must be positive")
        self.axis = self.canonical_axis(param.axis, bottom[0])
        self.length = count_of(bottom[0].shape[self.axis :])
        shape = (self.outputs, self.length)
        self.add_parameter(shape[::-1] if self.transpose else shape, param.weight_filler)
        if param.bias_term:
            self.add_parameter((self.outputs,), param.bias_filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """(..., K) becomes (..., num_output)."""
        shape = bottom[0].shape
        self.axis = self.canonical_axis(self.param.inner_product_param.axis, bottom[0])
        if count_of(shape[self.axis :]) != self.length:
            self.fail(
                "its weights are for %d values, the input of shape %s has %d"
                % (self.length, shape, count_of(shape[self.axis :]))
            )
        top[0].set_shape(shape[: self.axis] + (self.outputs,))

    def _weights(self, values: np.ndarray) -> np.ndarray:
        return values.T if self.transpose else values

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Multiply and add the bias."""
        y = bottom[0].data_view.reshape(-1, self.length) @ self._weights(self.blobs[0].data_view).T
        if len(self.blobs) > 1:
            y += self.blobs[1].data_view
        top[0].data_view[...] = y.reshape(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Gradients to W, b and the input."""
        dy = top[0].diff_view.reshape(-1, self.outputs)
        if self.wants_gradient(0):
            gradient = dy.T @ bottom[0].data_view.reshape(-1, self.length)
            self._weights(self.blobs[0].diff_view)[...] += gradient
        if self.wants_gradient(1):
            self.blobs[1].diff_view[...] += dy.sum(0)
        if propagate_down[0]:
            dx = dy @ self._weights(self.blobs[0].data_view)
            bottom[0].diff_view[...] = dx.reshape(bottom[0].shape)
