"""The few array operations that losses need, for numpy arrays and for tensors on a device.

Feature maps are (N, H, W) views of memory that is channels-last or in C order. In either layout, all helpers
see such a view as a matrix (N, M = H * W), and write into the arrays that they are given. A feature map of
VGG's first layer at 512 pixels takes 64 MB, so that one copy would cost as much as the loss itself.
"""

from __future__ import annotations

import math
import sys
from typing import Any, Iterator, NamedTuple, Optional, Sequence

import numpy as np

from ..engine import native

BLOCK = 1 << 16
"""Number of elements in a block, small enough for temporary arrays to stay in the processor's cache."""

DEVICE_BLOCKS = 32
"""Number of blocks that a device processes at once. Many small calls would cost more than a temporary array."""


def namespace(x: Any) -> Any:
    """Return the module whose functions take `x`: torch for its tensors, else numpy. Neither is imported."""
    return sys.modules["torch"] if type(x).__module__.split(".")[0] == "torch" else np


def beside(value: Any, x: Any) -> Any:
    """Return an array, or a named tuple of arrays, on the device of `x`. Other values are returned unchanged.

    An array that is on this device already is not copied.
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
    """The library, type and device of an array. A kind is hashable, so that results can be cached by it."""

    xp: Any
    dtype: Any
    device: Any

    def of(self, array: np.ndarray) -> Any:
        """Convert a numpy array to this kind."""
        if self.xp is np:
            return array.astype(self.dtype)
        return self.xp.from_numpy(array).to(self.device, self.dtype)


def kind(x: Any) -> Kind:
    """Return the kind of an array."""
    xp = namespace(x)
    return Kind(xp, x.dtype, None if xp is np else x.device)


def count(x: Any) -> int:
    """Return the number of values."""
    return math.prod(x.shape)


def to_numpy(x: Any) -> np.ndarray:
    """Return a numpy array with the values of `x`, in the same memory if that is possible."""
    return x if namespace(x) is np else x.cpu().numpy()


def as_matrix(features: Any) -> Any:
    """View feature maps (N, H, W) as a matrix (N, H * W) in the same memory.

    Raises
    ------
    ValueError
        If the layout would need a copy. Gradients that are added to a copy would be lost.
    """
    matrix = features.reshape(features.shape[0], -1)
    if namespace(features) is np:
        shared = np.may_share_memory(matrix, features)
    else:
        shared = matrix.data_ptr() == features.data_ptr()
    if not shared:
        raise ValueError("feature maps in this memory layout are not a matrix without a copy")
    return matrix


def empty_like(features: Any) -> Any:
    """Allocate an array of the same shape, type and memory layout."""
    return namespace(features).empty_like(features)


def zeros_like(features: Any) -> Any:
    """Allocate zeros of the same shape, type and memory layout."""
    return namespace(features).zeros_like(features)


def zeros(shape: Sequence[int], like: Any) -> Any:
    """Allocate zeros of this shape in C order, with the type and device of `like`."""
    return np.zeros(shape, like.dtype) if namespace(like) is np else like.new_zeros(shape)


def empty(shape: Sequence[int], like: Any) -> Any:
    """Allocate an array of this shape in C order, with the type and device of `like`."""
    if namespace(like) is np:
        return np.empty(shape, like.dtype)
    return like.new_empty(shape)


def contiguous(x: Any) -> Any:
    """Return the values in C order. They are copied only if they are in another order."""
    return np.ascontiguousarray(x) if namespace(x) is np else x.contiguous()


def copy_of(features: Any) -> Any:
    """Return a copy without gaps in memory. It keeps the memory layout of an original without gaps."""
    return features.copy(order="K") if namespace(features) is np else features.clone()


def as_doubles(x: Any) -> Any:
    """Return a copy as float64 in C order, on the device of `x`."""
    if namespace(x) is np:
        return np.array(x, np.float64, order="C")
    return contiguous(x.double().clone())


def as_singles(x: Any) -> Any:
    """Return a copy as float32 in C order, on the device of `x`."""
    if namespace(x) is np:
        return np.array(x, np.float32, order="C")
    return contiguous(x.float().clone())


def blocks(matrix: Any, size: int = BLOCK) -> Iterator[slice]:
    """Yield slices of the positions of an (N, M) matrix, with about `size` elements each; more on a device."""
    channels, positions = matrix.shape
    if namespace(matrix) is not np:
        size *= DEVICE_BLOCKS
    step = max(1, size // channels)
    for start in range(0, positions, step):
        yield slice(start, start + step)


def take(rows: Any, places: Any) -> Any:
    """Return a copy of the rows of a matrix at these indices."""
    return np.take(rows, places, axis=0) if namespace(rows) is np else rows[places]


def square_sum(x: Any) -> Any:
    """Compute the sum of squares, a number. Sums of runs of 1024 elements are added in double precision."""
    if namespace(x) is not np:
        return (x * x).sum(dtype=namespace(x).float64)
    x = x.ravel(order="K")  # channels-last memory is flat in this order: no copy
    whole = x.size // 1024 * 1024
    runs, rest = x[:whole].reshape(-1, 1024), x[whole:]
    return float(np.einsum("ij,ij->i", runs, runs).sum(dtype=np.float64)) + float(rest @ rest)


def dot(a: Any, b: Any) -> Any:
    """Compute the inner product of two arrays of one shape, as vectors: a number."""
    if namespace(a) is np:
        return float(np.vdot(a, b))
    return namespace(a).dot(a.reshape(-1), b.reshape(-1)).double()


def add_scaled(total: Any, x: Any, factor: float) -> None:
    """Add factor * x to `total`, in place."""
    if namespace(total) is np:
        total += factor * x
    else:
        total.add_(x, alpha=factor)


def is_finite(x: Any) -> bool:
    """Return whether all values are finite numbers."""
    if namespace(x) is np:
        return bool(np.isfinite(x).all())
    return math.isfinite(x.sum(dtype=namespace(x).float64))


def matmul(a: Any, b: Any, out: Optional[Any] = None, alpha: float = 1.0, beta: float = 0.0) -> Any:
    """Compute `out = alpha * a @ b + beta * out` without a temporary array of the size of `out`.

    Parameters
    ----------
    a, b : array, (m, k) and (k, n)
        Matrices of one type, with contiguous rows or columns.
    out : array, (m, n), optional
        Array to write to; by default a new one.

    Returns
    -------
    array, (m, n)
    """
    if namespace(a) is not np:
        if out is None:
            return (a @ b).mul_(alpha) if alpha != 1 else a @ b
        return out.addmm_(a, b, beta=beta, alpha=alpha)
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
    """Compute the Gram matrix G = F F^T, (N, N), of a matrix F (N, M)."""
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
