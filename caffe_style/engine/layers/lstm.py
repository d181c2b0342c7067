"""LSTM over sequences, and the LSTMUnit of one step."""

from __future__ import annotations

from typing import Any, Sequence, Tuple

import numpy as np

from ..blob import Blob
from .base import Layer, register
from .elementwise import sigmoid
from .recurrent import Recurrent, States


def lstm_step(gate: np.ndarray, cell: np.ndarray, cont: np.ndarray) -> Tuple[States, Any]:
    """c' = f c + i g, h = o tanh(c'); gates in the order i, f, o, g; f is 0 where cont is."""
    i, f, o, g = np.split(gate, 4, axis=-1)
    i, f, o, g = sigmoid(i), cont * sigmoid(f), sigmoid(o), np.tanh(g)
    new = f * cell + i * g
    squashed = np.tanh(new)
    return [o * squashed, new], (i, f, o, g, cell, squashed)


def lstm_step_gradient(dstates: States, kept: Any) -> Tuple[np.ndarray, np.ndarray]:
    """Gradients of the gates and of the cell before."""
    i, f, o, g, cell, squashed = kept
    dhidden, dcell = dstates
    dcell = dcell + dhidden * o * (1 - squashed**2)
    parts = [
        dcell * g * i * (1 - i),
        dcell * cell * f * (1 - f),
        dhidden * squashed * o * (1 - o),
        dcell * i * (1 - g**2),
    ]
    return np.concatenate(parts, -1), dcell * f


@register("LSTM")
class LSTM(Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; the form of Zaremba & Sutskever 2014)."""

    state_count = 2
    gate_count = 4

    def step(self, gate: np.ndarray, states: States, cont: np.ndarray) -> Tuple[States, Any]:
        """One step of the cell."""
        return lstm_step(gate, states[1], cont)

    def step_gradient(self, dstates: States, kept: Any) -> Tuple[np.ndarray, States]:
        """One step back."""
        dgate, dcell = lstm_step_gradient(dstates, kept)
        return dgate, [dcell]


@register("LSTMUnit")
class LSTMUnit(Layer):
    """One LSTM step: c (1, N, D), gates (1, N, 4 D) and cont (1, N) give the next c and h."""

    bottoms = (3, 3)
    tops = (2, 2)

    def allows_force_backward(self, index: int) -> bool:
        """Cont only says where sequences begin."""
        return index != 2

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Two states."""
        cell, gates, cont = (blob.shape for blob in bottom)
        if len(cell) != 3 or gates != cell[:2] + (4 * cell[2],) or cont != cell[:2]:
            self.fail("takes c (1, N, D), gates (1, N, 4 D) and cont (1, N)")
        self.kept: Any = None
        for blob in top:
            blob.set_shape(cell)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """One step."""
        cell, gate, cont = (blob.data_view for blob in bottom)
        (hidden, new), self.kept = lstm_step(gate, cell, cont[:, :, None])
        top[0].data_view[...], top[1].data_view[...] = new, hidden

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """One step back."""
        if propagate_down[2]:
            self.fail("cannot give cont (bottom 2) a gradient")
        if self.kept is None:
            return
        dgate, dcell = lstm_step_gradient([top[1].diff_view, top[0].diff_view], self.kept)
        for blob, wanted, diff in zip(bottom, propagate_down, (dcell, dgate)):
            if wanted:
                blob.diff_view[...] = diff
