"""Hypercolumns: the responses of several layers at one place, joined to one vector (Hariharan et al. 2015).

A column is linear in the responses, so its gradient is the transposed operation.
"""

from __future__ import annotations

from typing import Any, Sequence, Tuple

from ..backends import arrays
from .resampling import resampling


def make_hypercolumns(
    layers: Sequence[Any], factors: Sequence[float], size: Tuple[int, int]
) -> Any:
    """Resize the responses of several layers to one size, and join them.

    Parameters
    ----------
    layers : sequence of array, (N_l, H_l, W_l)
        Responses of each layer.
    factors : sequence of float
        Factor of each layer's responses.
    size : (int, int)
        Height and width of the hypercolumns.

    Returns
    -------
    array, (D, *size)
        D is the sum of all N_l. The memory is channels-last.

    Examples
    --------
    >>> import numpy as np
    >>> layers = [np.ones((2, 8, 8)), np.ones((3, 4, 4))]
    >>> columns = make_hypercolumns(layers, [1.0, 0.5], size=(4, 4))
    >>> columns[:, 0, 0].tolist()
    [1.0, 1.0, 0.5, 0.5, 0.5]
    """
    columns = arrays.empty((*size, sum(map(len, layers))), layers[0])
    first = 0
    for features, factor in zip(layers, factors):
        down, across = resampling(features, size)
        channels, height, width = features.shape
        rows = arrays.contiguous(_channels_last(features)).reshape(height, -1)
        rows = arrays.matmul(down, rows, alpha=factor).reshape(size[0], width, channels)
        columns[:, :, first : first + channels] = across @ rows
        first += channels
    return arrays.namespace(columns).moveaxis(columns, -1, 0)


def add_hypercolumns_gradient(
    gradients: Sequence[Any], columns_gradient: Any, factors: Sequence[float]
) -> None:
    """Add the gradient that passes through `make_hypercolumns` to the gradient of each layer.

    Parameters
    ----------
    gradients : sequence of array, (N_l, H_l, W_l)
        Gradients to the responses of each layer, changed in place.
    columns_gradient : array, (D, h, w)
        Gradient to the hypercolumns.
    factors : sequence of float
        The factors given to `make_hypercolumns`.

    Examples
    --------
    >>> import numpy as np
    >>> gradient = np.zeros((2, 8, 8))
    >>> add_hypercolumns_gradient([gradient], np.ones((2, 4, 4)), [0.5])
    >>> float(gradient.sum())
    16.0
    """
    slopes = _channels_last(columns_gradient)
    size = columns_gradient.shape[1:]
    first = 0
    for gradient, factor in zip(gradients, factors):
        down, across = resampling(gradient, size)
        channels, height, width = gradient.shape
        rows = across.T @ arrays.contiguous(slopes[:, :, first : first + channels])
        rows = arrays.matmul(down.T, rows.reshape(size[0], -1), alpha=factor)
        slope = rows.reshape(height, width, channels)
        gradient += arrays.namespace(slope).moveaxis(slope, -1, 0)
        first += channels


def _channels_last(features: Any) -> Any:
    return arrays.namespace(features).moveaxis(features, 0, -1)
