"""The few array operations that losses need, for numpy arrays and for tensors on a device.

Feature maps are (N, H, W) views whose memory is channels-last or plain C. All helpers work on the matrix
(N, M = H * W) that such a view is in either layout, and write into what they are given: a feature map of
VGG's first layer at 512 pixels is 64 MB, so that one copy costs as much as the loss itself.
"""

from __future__ import annotations

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterable, Iterator, List, NamedTuple, Optional, Sequence

import numpy as np

from ..engine import native
from ..engine.native.cpus import available_cpus

BLOCK = 1 << 16
"""Elements worked on at a time: few enough for the temporaries to stay in the processor's cache."""

DEVICE_BLOCKS = 32
"""Blocks that a device works on at a time: there, many small calls cost more than a temporary."""


def namespace(x: Any) -> Any:
    """Return the module whose functions take `x`: torch for its tensors, else numpy. Imports neither."""
    return sys.modules["torch"] if type(x).__module__.split(".")[0] == "torch" else np


def beside(value: Any, x: Any) -> Any:
    """`value` where `x` is: an array, a named tuple of such, or anything else as it stands.

    What is there already is not copied.
    """
    if hasattr(value, "_fields"):
        return type(value)(*(beside(part, x) for part in value))
    if not hasattr(value, "dtype"):
        return value
    if namespace(x) is np:
        return to_numpy(value)
    tensor = namespace(x).from_numpy(value) if namespace(value) is np else value
    return tensor.to(x.device)


class Kind(NamedTuple):
    """What an array is besides its shape and values: hashable, for what is computed once and kept."""

    xp: Any
    dtype: Any
    device: Any

    def of(self, array: np.ndarray) -> Any:
        """A numpy array as one of this kind."""
        if self.xp is np:
            return array.astype(self.dtype)
        return self.xp.from_numpy(array).to(self.device, self.dtype)


def kind(x: Any) -> Kind:
    """The kind of an array."""
    xp = namespace(x)
    return Kind(xp, x.dtype, None if xp is np else x.device)


def count(x: Any) -> int:
    """Number of values."""
    return math.prod(x.shape)


def to_numpy(x: Any) -> np.ndarray:
    """An array of numpy's with the values of `x`, which it shares if it can."""
    return x if namespace(x) is np else x.cpu().numpy()


def threads() -> int:
    """CPU threads to work on: what the kernels were set to, or what this process may use."""
    return native.get_threads() if native.available else available_cpus()


def side_by_side(work: Callable[[Any], float], items: Iterable[Any], features: Any) -> List[float]:
    """Do pieces of work that are many small matrix products, as many pieces at a time as there are threads.

    Within them each product runs on one thread: sharing out small ones costs more than it gains, and where
    other programs compete for the processors ten times as much. A device takes the pieces, which are about
    `features`, one after another.
    """
    if not native.available or namespace(features) is not np:
        return [work(item) for item in items]
    count = native.get_threads()
    native.set_threads(1)
    try:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(work, items))
    finally:
        native.set_threads(count)


def as_matrix(features: Any) -> Any:
    """See feature maps (N, H, W) as a matrix (N, H * W) on the same memory.

    Raises
    ------
    ValueError
        If the layout would need a copy, into which gradients would be lost.
    """
    matrix = features.reshape(features.shape[0], -1)
    if namespace(features) is np:
        shared = np.may_share_memory(matrix, features)
    else:
        shared = matrix.data_ptr() == features.data_ptr()
    if not shared:
        raise ValueError("feature maps in this memory layout are no matrix without a copy")
    return matrix


def empty_like(features: Any) -> Any:
    """Allocate an array of the same shape, type and memory layout."""
    return namespace(features).empty_like(features)


def zeros_like(features: Any) -> Any:
    """Allocate zeros of the same shape, type and memory layout."""
    return namespace(features).zeros_like(features)


def empty(shape: Sequence[int], like: Any) -> Any:
    """Allocate an array of this shape, of the type of `like` and where it is, in C order."""
    if namespace(like) is np:
        return np.empty(shape, like.dtype)
    return like.new_empty(shape)


def contiguous(x: Any) -> Any:
    """The same values in C order, copied only if they are not."""
    return np.ascontiguousarray(x) if namespace(x) is np else x.contiguous()


def copy_of(features: Any) -> Any:
    """A copy that lies in memory without gaps, its axes in the original's order where that has none."""
    return features.copy(order="K") if namespace(features) is np else features.clone()


def as_doubles(x: Any) -> Any:
    """A copy as float64 in C order, where `x` is."""
    if namespace(x) is np:
        return np.array(x, np.float64, order="C")
    return contiguous(x.double().clone())


def as_singles(x: Any) -> Any:
    """A copy as float32 in C order, where `x` is."""
    if namespace(x) is np:
        return np.array(x, np.float32, order="C")
    return contiguous(x.float().clone())


def blocks(matrix: Any, size: int = BLOCK) -> Iterator[slice]:
    """Cut the positions of an (N, M) matrix into slices of about `size` elements, on a device larger ones."""
    channels, positions = matrix.shape
    if namespace(matrix) is not np:
        size *= DEVICE_BLOCKS
    step = max(1, size // channels)
    for start in range(0, positions, step):
        yield slice(start, start + step)


def places(marks: Any) -> Any:
    """Indices of the true values of a vector."""
    return np.flatnonzero(marks) if namespace(marks) is np else marks.nonzero().reshape(-1)


def take(rows: Any, places: Any) -> Any:
    """Rows of a matrix at these indices, copied."""
    return np.take(rows, places, axis=0) if namespace(rows) is np else rows[places]


def square_sum(x: Any) -> float:
    """Sum of squares, added up in double precision over runs of 1024 elements."""
    if namespace(x) is not np:
        return float((x * x).sum(dtype=namespace(x).float64))
    x = x.ravel(order="K")  # channels-last memory is flat in this order: no copy
    whole = x.size // 1024 * 1024
    runs, rest = x[:whole].reshape(-1, 1024), x[whole:]
    return float(np.einsum("ij,ij->i", runs, runs).sum(dtype=np.float64)) + float(rest @ rest)


def dot(a: Any, b: Any) -> float:
    """Inner product of two arrays of one shape, as vectors."""
    if namespace(a) is np:
        return float(np.vdot(a, b))
    return float(namespace(a).dot(a.reshape(-1), b.reshape(-1)))


def add_scaled(total: Any, x: Any, factor: float) -> None:
    """Add factor * x to `total`, in place."""
    if namespace(total) is np:
        total += factor * x
    else:
        total.add_(x, alpha=factor)


def matmul(a: Any, b: Any, out: Optional[Any] = None, alpha: float = 1.0, beta: float = 0.0) -> Any:
    """Matrix product `out = alpha * a @ b + beta * out` without a temporary of `out`'s size.

    Parameters
    ----------
    a, b : array, (m, k) and (k, n)
        Of one type, rows or columns contiguous.
    out : array, (m, n), optional
        Written in place; a new array if absent.

    Returns
    -------
    array, (m, n)
    """
    if namespace(a) is not np:
        product = a @ b
        return product.mul_(alpha) if out is None else out.mul_(beta).add_(product, alpha=alpha)
    if out is None:
        out, beta = np.empty((a.shape[0], b.shape[1]), a.dtype), 0.0
    if a.dtype == np.float32 and native.available:
        native.matmul(a, b, out, alpha, beta)
        return out
    rows = a.shape[0] > b.shape[1]
    for part in blocks(out.T if rows else out):
        where = (part, slice(None)) if rows else (slice(None), part)
        product = a[part] @ b if rows else a @ b[:, part]
        product *= alpha
        if beta == 0.0:
            out[where] = product
        else:
            out[where] *= beta
            out[where] += product
    return out


def gram(matrix: Any) -> Any:
    """Gram matrix G = F F^T, (N, N), of an (N, M) matrix F."""
    if (
        namespace(matrix) is np
        and matrix.dtype == np.float32
        and native.available
        and matrix.T.flags.c_contiguous
    ):
        out = np.empty((matrix.shape[0],) * 2, np.float32)
        native.gram(matrix.T, out)
        return out
    return matmul(matrix, matrix.T)
