"""Pooling windows over channels-last arrays: Caffe's rule for their number, maximum and mean over them."""

from __future__ import annotations

import math
from typing import Iterator, List, Sequence, Tuple

import numpy as np

Pair = Tuple[int, int]
#: What a window holds before any value is seen: it stays where a window is empty.
LOWEST = -np.finfo(np.float32).max


def pooled_length(length: int, kernel: int, stride: int, pad: int, floor: bool = False) -> int:
    """How many windows cover an axis: rounded up by default, so the last one may overhang.

    With padding a last window that would start beyond the input and its leading padding is dropped.
    """
    free = np.float32(length + 2 * pad - kernel) / np.float32(stride)
    count = int(math.floor(free) if floor else math.ceil(free)) + 1
    if pad and (count - 1) * stride >= length + pad:
        count -= 1
    return count


class PoolWindows:
    """Where the windows of one pooling lie.

    Parameters
    ----------
    size : (int, int)
        Height and width of the input.
    pooled : (int, int)
        Number of windows down and across.
    kernel, stride, pad : (int, int)
        Down and across.
    """

    def __init__(self, size: Pair, pooled: Pair, kernel: Pair, stride: Pair, pad: Pair) -> None:
        self.size, self.pooled = size, pooled
        self.kernel, self.stride, self.pad = kernel, stride, pad

    def _reach(self, axis: int) -> List[Tuple[slice, slice]]:
        """For each kernel offset: the windows whose value there is inside the input, and those values."""
        result = []
        stride, pad, size = self.stride[axis], self.pad[axis], self.size[axis]
        for offset in range(self.kernel[axis]):
            first = max(0, -((offset - pad) // stride))
            last = min(self.pooled[axis], (size - 1 + pad - offset) // stride + 1)
            start = first * stride - pad + offset
            stop = start + max(last - first, 0) * stride
            result.append((slice(first, max(last, first)), slice(start, stop, stride)))
        return result

    def offsets(self) -> Iterator[Tuple[int, tuple, tuple]]:
        """For each kernel offset in row order: its number, the windows it serves, the input it meets."""
        down, across = self._reach(0), self._reach(1)
        for i, (rows_out, rows_in) in enumerate(down):
            for j, (columns_out, columns_in) in enumerate(across):
                if rows_out.stop > rows_out.start and columns_out.stop > columns_out.start:
                    number = i * self.kernel[1] + j
                    yield (
                        number,
                        (slice(None), rows_out, columns_out),
                        (slice(None), rows_in, columns_in),
                    )

    def area(self) -> np.ndarray:
        """What a mean divides by, (H', W', 1): trailing padding counts only as far as `pad` goes."""
        lengths = []
        for axis in range(2):
            start = np.arange(self.pooled[axis]) * self.stride[axis] - self.pad[axis]
            stop = np.minimum(start + self.kernel[axis], self.size[axis] + self.pad[axis])
            lengths.append(stop - start)
        return np.multiply.outer(*lengths)[:, :, None].astype(np.float32)

    def positions(self, index: np.ndarray) -> np.ndarray:
        """Winners (N, H', W', C) as Caffe's mask: row * width + column in the input, -1 for none."""
        rows = np.arange(self.pooled[0])[:, None, None] * self.stride[0] - self.pad[0]
        columns = np.arange(self.pooled[1])[:, None] * self.stride[1] - self.pad[1]
        offset = index.astype(np.int64) - 1
        position = (rows + offset // self.kernel[1]) * self.size[1]
        position += columns + offset % self.kernel[1]
        return np.where(offset < 0, -1, position)

    def no_winners(self, shape: Sequence[int]) -> np.ndarray:
        """Zeros of (N, H', W', C) in the smallest type for 1 + a kernel offset's number; 0 is no winner."""
        return np.zeros(shape, np.uint8 if self.kernel[0] * self.kernel[1] < 256 else np.int32)


def max_pool(x: np.ndarray, y: np.ndarray, index: np.ndarray, windows: PoolWindows) -> None:
    """Overwrite `y` with the maxima and `index` with 1 + the offset of the first maximum in row order."""
    y[...] = LOWEST
    index[...] = 0
    for number, served, met in windows.offsets():
        value, best = x[met], y[served]
        # Offsets rise, so the last one that was better is the largest.
        better = (value > best) * index.dtype.type(number + 1)
        np.maximum(index[served], better, out=index[served])
        np.fmax(best, value, out=best)


def max_pool_backward(
    dy: np.ndarray, dx: np.ndarray, index: np.ndarray, windows: PoolWindows
) -> None:
    """Overwrite `dx`: each window's gradient goes to the value that was its maximum."""
    dx[...] = 0
    for number, served, met in windows.offsets():
        dx[met] += dy[served] * (index[served] == number + 1)


def mean_pool(x: np.ndarray, y: np.ndarray, windows: PoolWindows) -> None:
    """Overwrite `y` with the means; padding counts as zeros."""
    y[...] = 0
    for _, served, met in windows.offsets():
        y[served] += x[met]
    with np.errstate(divide="ignore", invalid="ignore"):
        # An empty window at the very edge has area 0, as in Caffe.
        y /= windows.area()


def mean_pool_backward(dy: np.ndarray, dx: np.ndarray, windows: PoolWindows) -> None:
    """Overwrite `dx`: each window's gradient is spread evenly over it."""
    dx[...] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        share = dy / windows.area()
    for _, served, met in windows.offsets():
        dx[met] += share[served]


def stochastic_pool(
    x: np.ndarray, y: np.ndarray, index: np.ndarray, windows: PoolWindows, uniform: np.ndarray
) -> None:
    """Overwrite `y` with one value of each window, drawn with a probability in proportion to it.

    Parameters
    ----------
    uniform : ndarray
        Draws from [0, 1), of y's shape.
    """
    total = np.zeros_like(y)
    for _, served, met in windows.offsets():
        total[served] += x[met]
    threshold = uniform * total
    total[...] = 0
    y[...] = 0
    index[...] = 0
    for number, served, met in windows.offsets():
        total[served] += x[met]
        chosen = (index[served] == 0) & (total[served] >= threshold[served])
        np.copyto(y[served], x[met], where=chosen)
        np.copyto(index[served], number + 1, where=chosen, casting="unsafe")


def expected_pool(x: np.ndarray, y: np.ndarray, windows: PoolWindows) -> None:
    """Overwrite `y` with what stochastic pooling gives on average: sum x^2 / sum x (0 where that is 0)."""
    total = np.zeros_like(y)
    y[...] = 0
    for _, served, met in windows.offsets():
        total[served] += x[met]
        y[served] += np.square(x[met])
    np.divide(y, total, out=y, where=total > 0)
    y[total <= 0] = 0
