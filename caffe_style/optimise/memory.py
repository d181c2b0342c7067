"""The memory of L-BFGS: its last steps, and the direction that follows from them.

The two-loop recursion (Nocedal & Wright 2006, algorithm 7.4) goes through the steps one after another and back,
with several passes over each. All that it needs of them are inner products, with one another and with the
gradient (Chen, Wang and Zhou 2014, Large-scale L-BFGS using MapReduce). Those with one another are kept. Those
with the gradient are one product of a matrix and a vector, and so is the sum of all steps, the direction.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from ..backends import arrays


class Pair(NamedTuple):
    """A step s and the change y of the gradient along it, arrays of the picture's shape."""

    step: Any
    change: Any


class Memory:
    """Up to m pairs of a step s and a change y of the gradient, and the estimate H of the inverse Hessian.

    Parameters
    ----------
    size : int
        The number m of pairs to remember.
    like : array
        An array of the picture's shape, of float64, on the device where the pairs are to be.
    precondition : callable, optional
        Product with the matrix P of which a multiple is the first estimate of H; the identity by default. It
        returns a new array.
    pairs : sequence of Pair
        Pairs to begin with, oldest first.
    first : int
        The row of the oldest of them.

    Attributes
    ----------
    first : int
        The row of the oldest pair. Sums are rounded in the order of the rows, so a memory that is made anew
        from its pairs and `first` gives the same directions bit for bit.

    Examples
    --------
    >>> memory = Memory(10, np.zeros(2))
    >>> memory.direction(np.array([1.0, 2.0])).tolist()
    [-1.0, -2.0]
    >>> memory.add(Pair(np.array([1.0, 0.0]), np.array([4.0, 0.0])))
    True
    >>> memory.direction(np.array([4.0, 0.0])).tolist()
    [-1.0, 0.0]
    """

    def __init__(
        self,
        size: int,
        like: Any,
        precondition: Optional[Callable[[Any], Any]] = None,
        pairs: Sequence[Pair] = (),
        first: int = 0,
    ) -> None:
        # With a row to spare, the pairs that there are stay whole while one is added.
        self._rows = size + 1
        self._shape, self._precondition = like.shape, precondition
        # Rows s_i, then rows P y_i.
        self._matrix = arrays.zeros((2 * self._rows, arrays.count(like)), like)
        self._products = np.zeros((2, self._rows, self._rows))
        self._changes: Dict[int, Any] = {}
        self._order: List[int] = []
        self.first = first % self._rows
        for pair in pairs[-size:]:
            self.add(pair)

    @property
    def pairs(self) -> List[Pair]:
        """The pairs, oldest first, as views. They are overwritten some time after they have been forgotten."""
        return [Pair(self._row(row), self._changes[row]) for row in self._order]

    def forget(self) -> None:
        """Forget all pairs."""
        self._order, self._changes, self.first = [], {}, 0

    def add(self, pair: Pair) -> bool:
        """Remember a pair, and forget the oldest one if there are m; return whether s.y is positive.

        Otherwise the pair is not remembered, since H would no longer be positive definite.
        """
        row = (self._order[-1] + 1) % self._rows if self._order else self.first
        change = pair.change
        smoothed = change if self._precondition is None else self._precondition(change)
        self._matrix[row] = pair.step.reshape(-1)
        self._matrix[self._rows + row] = smoothed.reshape(-1)
        found = self._times(change)
        if not found[0, row] > 0:
            # A value that is not finite would spoil sums, even times zero.
            self._matrix[row] = self._matrix[self._rows + row] = 0
            return False
        # Of the rows s_i y_j only those with i older than j are needed.
        self._products[:, :, row] = found
        self._products[1, row] = found[1]
        self._changes[row] = self._row(self._rows + row) if smoothed is change else change
        order = [*self._order, row]
        if len(order) == self._rows:
            del self._changes[order[0]]
            order = order[1:]
        self._order, self.first = order, order[0]
        return True

    def direction(self, gradient: Any) -> Any:
        """Compute -H g for a gradient g."""
        smoothed = gradient if self._precondition is None else self._precondition(gradient)
        if not self._order:
            return -smoothed
        along_steps, along_changes = self._times(gradient)
        mixed, squares = self._products
        # First loop, with q = -g - sum of parts_j y_j: parts_i = s_i.q / s_i.y_i.
        parts = np.zeros(self._rows)
        for i in reversed(self._order):
            parts[i] = -(along_steps[i] + mixed[i] @ parts) / mixed[i, i]
        newest = self._order[-1]
        scale = mixed[newest, newest] / squares[newest, newest]
        # Second loop, with r = scale P q + sum of factors_j s_j: factors_i = parts_i - y_i.r / s_i.y_i.
        slopes = -scale * (along_changes + squares @ parts)
        factors = np.zeros(self._rows)
        for i in self._order:
            factors[i] = parts[i] - (slopes[i] + factors @ mixed[:, i]) / mixed[i, i]
        both = arrays.kind(gradient).of(np.concatenate([factors, -scale * parts]))
        direction = (both @ self._matrix).reshape(self._shape)
        arrays.add_scaled(direction, smoothed, -scale)
        return direction

    def _row(self, row: int) -> Any:
        return self._matrix[row].reshape(self._shape)

    def _times(self, vector: Any) -> np.ndarray:
        """Return the products (2, rows) of the rows s_i, and of the rows P y_i, with a vector."""
        return arrays.to_numpy(self._matrix @ vector.reshape(-1)).reshape(2, -1)
