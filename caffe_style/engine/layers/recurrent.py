"""What recurrent layers over (T, N, ...) sequences have in common, and RNN."""

from __future__ import annotations

from typing import Any, ClassVar, List, Sequence, Tuple

import numpy as np

from ..blob import Blob, count_of
from .base import Layer, register

States = List[np.ndarray]


class Recurrent(Layer):
    """Steps through time: gates_t = W_x x_t + b (+ W_s x_static) + W_h (cont_t h_(t-1)), then a cell.

    Bottoms are x (T, N, ...), cont (T, N), which is 0 where a sequence begins, then optionally a static
    input (N, ...), then with `expose_hidden` the first states (1, N, D). Tops are the output (T, N, D) and
    with `expose_hidden` the last states. Without it each forward goes on from the last states of the one
    before, and no gradient crosses from one forward to the next.
    """

    bottoms = (2, 5)
    tops = (1, 3)
    #: Number of states, the hidden one first, and of gates.
    state_count: ClassVar[int] = 1
    gate_count: ClassVar[int] = 1

    def allows_force_backward(self, index: int) -> bool:
        """Cont only says where sequences begin."""
        return index != 1

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Make W_x, b, W_s if there is a static input, W_h."""
        param = self.param.recurrent_param
        self.outputs, self.exposed = int(param.num_output), param.expose_hidden
        if self.outputs <= 0:
            self.fail("num_output must be positive")
        exposed = self.state_count if self.exposed else 0
        self.has_static = len(bottom) == 3 + exposed
        if len(bottom) not in (2 + exposed, 3 + exposed) or len(top) != 1 + exposed:
            self.fail(
                "takes x, cont, perhaps a static input, and %d exposed states, and gives one top and"
                " the states" % exposed
            )
        self.steps = bottom[0].shape[0] if bottom[0].shape else 0
        gates = self.gate_count * self.outputs
        self.add_parameter((gates, count_of(bottom[0].shape[2:])), param.weight_filler)
        self.add_parameter((gates,), param.bias_filler)
        if self.has_static:
            self.add_parameter((gates, count_of(bottom[2].shape[1:])), param.weight_filler)
        self.add_parameter((gates, self.outputs), param.weight_filler)
        self.states: States = []

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Only the batch may change."""
        x, cont = bottom[0].shape, bottom[1].shape
        if len(x) < 2 or cont != x[:2] or x[0] != self.steps:
            self.fail(
                "takes x (T, N, ...) and cont (T, N) of %d steps, not shapes %s and %s"
                % (self.steps, x, cont)
            )
        if self.has_static and bottom[2].shape[:1] != x[1:2]:
            self.fail("its static input must have %d items" % x[1])
        state = (1, x[1], self.outputs)
        if self.exposed and any(blob.shape != state for blob in bottom[-self.state_count :]):
            self.fail("exposed states must have the shape %s" % (state,))
        if not self.states or self.states[0].shape != state[1:]:
            self.states = [np.zeros(state[1:], np.float32) for _ in range(self.state_count)]
        self.memory: List[Tuple[np.ndarray, Any]] = []
        top[0].set_shape((self.steps,) + state[1:])
        for blob in top[1:]:
            blob.set_shape(state)

    @property
    def hidden_index(self) -> int:
        """Which parameter W_h is."""
        return 3 if self.has_static else 2

    def _inputs(self, bottom: Sequence[Blob]) -> Tuple[np.ndarray, np.ndarray]:
        """x as (T, N, I) and cont as (T, N, 1)."""
        x = bottom[0].data_view
        return x.reshape(x.shape[:2] + (-1,)), bottom[1].data_view[:, :, None]

    def _static(self, bottom: Sequence[Blob]) -> np.ndarray:
        return bottom[2].data_view.reshape(bottom[2].shape[0], -1)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Step forward in time."""
        x, cont = self._inputs(bottom)
        gates = x @ self.blobs[0].data_view.T + self.blobs[1].data_view
        if self.has_static:
            gates += self._static(bottom) @ self.blobs[2].data_view.T
        states = self.states
        if self.exposed:
            states = [blob.data_view[0] for blob in bottom[-self.state_count :]]
        recurrence = self.blobs[self.hidden_index].data_view
        self.memory, hidden = [], np.empty(top[0].shape, np.float32)
        for t in range(self.steps):
            before = states[0] * cont[t]
            gate = gates[t] + before @ recurrence.T
            states, kept = self.step(gate, states, cont[t])
            self.memory.append((before, kept))
            hidden[t] = states[0]
        self.states = [state.copy() for state in states]
        top[0].data_view[...] = self.output(hidden)
        for blob, state in zip(top[1:], states):
            blob.data_view[0] = state

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Step backward in time."""
        if propagate_down[1]:
            self.fail("cannot give cont (bottom 1) a gradient")
        if not self.memory:
            return
        x, cont = self._inputs(bottom)
        from_output = self.output_gradient(top[0])
        dgates = np.empty(from_output.shape[:2] + self.blobs[1].shape, np.float32)
        dstates = [blob.diff_view[0] for blob in top[1:]]
        dstates = dstates or [np.zeros_like(state) for state in self.states]
        recurrence = self.blobs[self.hidden_index]
        for t in reversed(range(self.steps)):
            before, kept = self.memory[t]
            dgates[t], others = self.step_gradient(
                [dstates[0] + from_output[t]] + dstates[1:], kept
            )
            dstates = [dgates[t] @ recurrence.data_view * cont[t]] + others
            if self.wants_gradient(self.hidden_index):
                recurrence.diff_view[...] += dgates[t].T @ before
        self._input_gradients(x, dgates, propagate_down, bottom)
        if self.exposed:
            count = self.state_count
            for blob, wanted, diff in zip(bottom[-count:], propagate_down[-count:], dstates):
                if wanted:
                    blob.diff_view[0] = diff

    def _input_gradients(
        self,
        x: np.ndarray,
        dgates: np.ndarray,
        propagate_down: Sequence[bool],
        bottom: Sequence[Blob],
    ) -> None:
        flat = dgates.reshape(-1, dgates.shape[-1])
        if self.wants_gradient(0):
            self.blobs[0].diff_view[...] += flat.T @ x.reshape(len(flat), -1)
        if self.wants_gradient(1):
            self.blobs[1].diff_view[...] += flat.sum(0)
        if propagate_down[0]:
            bottom[0].diff_view[...] = (dgates @ self.blobs[0].data_view).reshape(bottom[0].shape)
        if self.has_static:
            total = dgates.sum(0)
            if self.wants_gradient(2):
                self.blobs[2].diff_view[...] += total.T @ self._static(bottom)
            if propagate_down[2]:
                bottom[2].diff_view[...] = (total @ self.blobs[2].data_view).reshape(
                    bottom[2].shape
                )

    # -- what a cell defines -------------------------------------------------------------------

    def step(self, gate: np.ndarray, states: States, cont: np.ndarray) -> Tuple[States, Any]:
        """The next states, and what `step_gradient` needs."""
        raise NotImplementedError

    def step_gradient(self, dstates: States, kept: Any) -> Tuple[np.ndarray, States]:
        """Gradient of the gates, and of the states before except the hidden one."""
        raise NotImplementedError

    def output(self, hidden: np.ndarray) -> np.ndarray:
        """The top, from all hidden states (T, N, D)."""
        return hidden

    def output_gradient(self, top: Blob) -> np.ndarray:
        """Gradient of all hidden states."""
        return top.diff_view


@register("RNN")
class RNN(Recurrent):
    """h_t = tanh(gates_t), o_t = tanh(W_o h_t + b_o)."""

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Make W_o and b_o too."""
        super().setup(bottom, top)
        param = self.param.recurrent_param
        self.add_parameter((self.outputs, self.outputs), param.weight_filler)
        self.add_parameter((self.outputs,), param.bias_filler)

    def step(self, gate: np.ndarray, states: States, cont: np.ndarray) -> Tuple[States, Any]:
        """One step."""
        hidden = np.tanh(gate)
        return [hidden], hidden

    def step_gradient(self, dstates: States, kept: Any) -> Tuple[np.ndarray, States]:
        """One step back."""
        return dstates[0] * (1 - kept**2), []

    def output(self, hidden: np.ndarray) -> np.ndarray:
        """The output layer."""
        self.hidden = hidden
        return np.tanh(hidden @ self.blobs[-2].data_view.T + self.blobs[-1].data_view)

    def output_gradient(self, top: Blob) -> np.ndarray:
        """Through the output layer."""
        dy = top.diff_view * (1 - top.data_view**2)
        flat = dy.reshape(-1, self.outputs)
        if self.wants_gradient(len(self.blobs) - 2):
            self.blobs[-2].diff_view[...] += flat.T @ self.hidden.reshape(-1, self.outputs)
        if self.wants_gradient(len(self.blobs) - 1):
            self.blobs[-1].diff_view[...] += flat.sum(0)
        return dy @ self.blobs[-2].data_view
