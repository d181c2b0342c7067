"""Feature maps (N, H, W) with gaps in memory: a picture's own responses among those to its margin.

A copy without gaps takes as much time as a Gram matrix of a narrow layer. The products here read and write maps
with gaps directly, if the compiled kernels can.
"""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np

from ..engine import native
from . import arrays


def has_gaps(features: Any) -> bool:
    """Return whether maps (N, H, W) are neither channels-last nor in C order without gaps.

    Examples
    --------
    >>> whole = np.zeros((4, 6, 3)).transpose(2, 0, 1)
    >>> has_gaps(whole), has_gaps(whole[:, 1:-1]), has_gaps(whole[:, :, 1:-1])
    (False, False, True)
    """
    if arrays.namespace(features) is np:
        return not (features.flags.c_contiguous or features.transpose(1, 2, 0).flags.c_contiguous)
    return not (features.is_contiguous() or features.permute(1, 2, 0).is_contiguous())


def dense(features: Any) -> Any:
    """Return maps without gaps: the given ones, or a copy in their memory layout."""
    return arrays.copy_of(features) if has_gaps(features) else features


def bands(features: Any, size: int = arrays.BLOCK) -> Iterator[slice]:
    """Yield slices of the rows of maps (N, H, W), with about `size` elements each; more on a device.

    Examples
    --------
    >>> list(bands(np.zeros((2, 3, 5)), size=20))
    [slice(0, 2, None), slice(2, 4, None)]
    """
    channels, height, width = features.shape
    if arrays.namespace(features) is not np:
        size *= arrays.DEVICE_BLOCKS
    step = max(1, size // max(1, channels * width))
    for start in range(0, height, step):
        yield slice(start, start + step)


def gram(features: Any) -> Any:
    """Compute the Gram matrix G = F F^T, (N, N), of responses F (N, H, W) that may have gaps.

    Examples
    --------
    >>> gram(np.ones((2, 4, 6))[:, :, 1:-1]).tolist()
    [[16.0, 16.0], [16.0, 16.0]]
    """
    if not (has_gaps(features) and _stacked(features)):
        return arrays.gram(arrays.as_matrix(dense(features)))
    out = np.empty((len(features),) * 2, np.float32)
    native.gram(features.transpose(1, 2, 0), out)
    return out


def add_product(gradient: Any, matrix: Any, features: Any, scale: float) -> None:
    """Add scale * D F to `gradient` (N, H, W) in place, for a matrix D (N, N) and responses F (N, H, W).

    Both maps may have gaps.
    """
    if not (has_gaps(gradient) or has_gaps(features)):
        maps = map(arrays.as_matrix, (features, gradient))
        arrays.matmul(matrix, *maps, alpha=scale, beta=1.0)
    elif _stacked(features) and _stacked(gradient):
        rows, slopes = (x.transpose(1, 2, 0) for x in (features, gradient))
        native.matmul(rows, matrix.T, slopes, scale, 1.0)
    else:
        product = arrays.matmul(matrix, arrays.as_matrix(dense(features)), alpha=scale)
        gradient += product.reshape(features.shape)


def _stacked(features: Any) -> bool:
    """Return whether the compiled kernels take the maps as a stack of rows (H, W, N)."""
    return (
        arrays.namespace(features) is np
        and native.available
        and features.dtype == np.float32
        and features.strides[0] == features.itemsize
        and features.strides[2] == features.itemsize * len(features)
    )
