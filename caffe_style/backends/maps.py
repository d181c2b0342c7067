"""Feature maps (N, H, W) with gaps in memory: a picture's own responses among those to its margin.

A copy without gaps takes as much time as a Gram matrix of a narrow layer. The products here read and write maps
with gaps directly, if the compiled kernels can. Otherwise they copy one band of rows at a time.
"""

from __future__ import annotations

from typing import Any, Iterator, Optional

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
    """Compute the Gram matrix G = F F^T of responses that may have gaps.

    Parameters
    ----------
    features : array, (N, H, W)
        Responses F.

    Returns
    -------
    array, (N, N), of the same type

    Examples
    --------
    >>> gram(np.ones((2, 4, 6))[:, :, 1:-1]).tolist()
    [[16.0, 16.0], [16.0, 16.0]]
    """
    if not has_gaps(features):
        return arrays.gram(arrays.as_matrix(features))
    out = arrays.empty((len(features),) * 2, features)
    if _stacked(features):
        native.gram(features.transpose(1, 2, 0), out)
        return out
    out[...] = 0
    for band in bands(features):
        out += arrays.gram(arrays.as_matrix(dense(features[:, band])))
    return out


def add_product(gradient: Any, matrix: Any, features: Any, scale: float) -> None:
    """Add scale * D F to a gradient in place.

    Parameters
    ----------
    gradient : array, (N, H, W)
        Changed in place. It may have gaps.
    matrix : array, (N, N)
        Matrix D of the same type.
    features : array, (N, H, W)
        Responses F. They may have gaps.
    scale : float

    Examples
    --------
    >>> gradient = np.zeros((2, 4, 6))
    >>> add_product(gradient[:, :, 1:-1], np.eye(2), np.ones((2, 4, 4)), 0.5)
    >>> gradient[0, 0].tolist()
    [0.0, 0.5, 0.5, 0.5, 0.5, 0.0]
    """
    if not (has_gaps(gradient) or has_gaps(features)):
        maps = map(arrays.as_matrix, (features, gradient))
        arrays.matmul(matrix, *maps, alpha=scale, beta=1.0)
    elif _stacked(features) and _stacked(gradient):
        rows, slopes = (x.transpose(1, 2, 0) for x in (features, gradient))
        native.matmul(rows, matrix.T, slopes, scale, 1.0)
    else:
        for band in bands(features):
            part = features[:, band]
            product = arrays.matmul(matrix, arrays.as_matrix(dense(part)), alpha=scale)
            gradient[:, band] += product.reshape(part.shape)


def squared_distance(features: Any, target: Any, gradient: Any, factor: float) -> Optional[float]:
    """Return the sum of (F - P)^2, and add factor * (F - P) to the gradient, if the compiled kernels can.

    Otherwise nothing is added, and None is returned. All arrays are maps (N, H, W) that may have gaps.
    """
    rows = [_rows(maps) for maps in (features, target, gradient)]
    if any(part is None for part in rows):
        return None
    return native.squared_distance(*rows, factor)


def squared_variation(features: Any, gradient: Any, factor: float) -> Optional[float]:
    """Return the sum of the squared differences of neighbours, if the compiled kernels can.

    As `squared_distance`. factor times half of the sum's gradient is added to the gradient.
    """
    rows = [_rows(maps) for maps in (features, gradient)]
    if any(part is None for part in rows):
        return None
    return native.squared_variation(rows[0], len(features), rows[1], factor)


def _rows(features: Any) -> Any:
    """Return a view (H, W * N) of maps if the compiled kernels take its rows, else None."""
    # The target of a loss need not be an array.
    if not (hasattr(features, "dtype") and _stacked(features)):
        return None
    return features.transpose(1, 2, 0).reshape(features.shape[1], -1)


def _stacked(features: Any) -> bool:
    """Return whether the compiled kernels take the maps as a stack of rows (H, W, N)."""
    if arrays.namespace(features) is not np or not native.available:
        return False
    channels, rows, columns = features.strides
    pixel = features.itemsize * len(features)
    return (
        features.dtype == np.float32
        and (channels, columns) == (features.itemsize, pixel)
        and rows >= pixel * features.shape[2]
    )
