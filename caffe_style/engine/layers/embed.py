"""Embed: a row of a table for each index."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..blob import Blob
from .base import Layer, register


@register("Embed")
class Embed(Layer):
    """y = W[x] (+ b): what an InnerProduct gives for one-hot vectors of length `input_dim`."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Make W, (input_dim, num_output), and b."""
        param = self.param.embed_param
        self.outputs = int(param.num_output)
        if self.outputs <= 0 or param.input_dim <= 0:
            self.fail("num_output and input_dim must be positive")
        self.add_parameter((param.input_dim, self.outputs), param.weight_filler)
        if param.bias_term:
            self.add_parameter((self.outputs,), param.bias_filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """One more axis."""
        top[0].set_shape(bottom[0].shape + (self.outputs,))

    def _indices(self, blob: Blob) -> np.ndarray:
        indices, rows = blob.data_view.reshape(-1).astype(int), self.blobs[0].shape[0]
        if indices.size and not 0 <= indices.min() <= indices.max() < rows:
            self.fail("indices must be 0 to %d" % (rows - 1))
        return indices

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Look up."""
        rows = self.blobs[0].data_view[self._indices(bottom[0])]
        if len(self.blobs) > 1:
            rows = rows + self.blobs[1].data_view
        top[0].data_view[...] = rows.reshape(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Add each gradient to its row; an index has none."""
        if propagate_down[0]:
            self.fail("cannot give its indices a gradient")
        dy = top[0].diff_view.reshape(-1, self.outputs)
        if self.wants_gradient(0):
            np.add.at(self.blobs[0].diff_view, self._indices(bottom[0]), dy)
        if self.wants_gradient(1):
            self.blobs[1].diff_view[...] += dy.sum(0)
