"""Where the positions of one blob lie in another, and the Crop layer that aligns two blobs.

A map is (axis, scale, shift): position i of the one, along the spatial axes behind `axis`, is position
scale * i + shift of the other; axis None stands for any. Scale and shift are numbers, or arrays with one value
an axis.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np

from .net_spec import Function, Top, layers

Map = Tuple[Optional[int], Any, Any]

#: Layers whose top has the positions of their bottoms.
PASS_THROUGH_LAYERS = [
    "AbsVal",
    "BatchNorm",
    "Bias",
    "BNLL",
    "Dropout",
    "Eltwise",
    "ELU",
    "Exp",
    "Log",
    "LRN",
    "MVN",
    "Power",
    "PReLU",
    "ReLU",
    "Scale",
    "Sigmoid",
    "Split",
    "TanH",
    "Threshold",
]

_IDENTITY: Map = (None, 1, 0)


class UndefinedMapException(Exception):
    """A layer whose top's positions do not come from positions of its bottom."""


class AxisMismatchException(Exception):
    """Maps of different axes, one after the other."""


def conv_params(fn: Function) -> Tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """Axis, stride, extent of the kernel and pad of a convolution or pooling.

    Raises
    ------
    ValueError
        For parameters given as _h and _w.
    """
    own = fn.params.get("convolution_param", fn.params)
    own = own.get("pooling_param", own)
    if any(name + end in own for name in ("pad", "kernel", "stride") for end in ("_h", "_w")):
        raise ValueError("cropping does not know parameters that end in _h and _w")
    stride, kernel, pad, dilation = (
        np.array(own.get(name, default), ndmin=1)
        for name, default in (("stride", 1), ("kernel_size", 1), ("pad", 0), ("dilation", 1))
    )
    return own.get("axis", 1), stride, (kernel - 1) * dilation + 1, pad


def crop_params(fn: Function) -> Tuple[int, np.ndarray]:
    """Axis and offset of a Crop."""
    own = fn.params.get("crop_param", fn.params)
    return own.get("axis", 2), np.array(own.get("offset", 0), ndmin=1)


def coord_map(fn: Function) -> Map:
    """The map from a layer's bottom to its top.

    Raises
    ------
    UndefinedMapException
        Where there is none.
    """
    if fn.type_name in ("Convolution", "Pooling", "Im2col"):
        axis, stride, extent, pad = conv_params(fn)
        return axis, 1 / stride, (pad - (extent - 1) / 2) / stride
    if fn.type_name == "Deconvolution":
        axis, stride, extent, pad = conv_params(fn)
        return axis, stride, (extent - 1) / 2 - pad
    if fn.type_name in PASS_THROUGH_LAYERS:
        return _IDENTITY
    if fn.type_name == "Crop":
        axis, offset = crop_params(fn)
        # A convolution counts from its channel axis, a Crop from the first one it cuts.
        return axis - 1, 1, -offset
    raise UndefinedMapException("the layer type %s maps no positions" % fn.type_name)


def compose(base_map: Map, next_map: Map) -> Map:
    """The one map, then the other.

    Raises
    ------
    AxisMismatchException
        Where they are of different axes.
    """
    first, scale, shift = base_map
    second, next_scale, next_shift = next_map
    if first is not None and second is not None and first != second:
        raise AxisMismatchException("maps of axis %d and of axis %d" % (first, second))
    return second if first is None else first, scale * next_scale, scale * next_shift + shift


def inverse(coord_map: Map) -> Map:
    """The map back."""
    axis, scale, shift = coord_map
    return axis, 1 / scale, -shift / scale


def _bottoms(top: Top) -> List[Tuple[Top, Map]]:
    """What a top is computed of, with the maps; a Crop's second bottom only names a size."""
    bottoms = top.fn.inputs[:1] if top.fn.type_name == "Crop" else top.fn.inputs
    try:
        return [(bottom, coord_map(top.fn)) for bottom in bottoms]
    except UndefinedMapException:
        return []


def _maps_below(top: Top) -> Iterator[Tuple[Top, Map]]:
    """What a top is computed of, itself first, then nearest first, with the maps to the top."""
    seen = {top}
    pending = deque([(top, _IDENTITY)])
    while pending:
        above, so_far = pending.popleft()
        yield above, so_far
        for bottom, step in _bottoms(above):
            if bottom not in seen:
                seen.add(bottom)
                pending.append((bottom, compose(so_far, step)))


def coord_map_from_to(top_from: Top, top_to: Top) -> Map:
    """The map from one top to another, by way of what both are computed of.

    Raises
    ------
    RuntimeError
        Where nothing connects them.
    AxisMismatchException
        Where the layers between are of different axes.
    """
    below = dict(_maps_below(top_from))
    for top, step in _maps_below(top_to):
        if top in below:
            return compose(step, inverse(below[top]))
    raise RuntimeError("Could not compute map between tops; are they connected by spatial layers?")


def crop(top_from: Top, top_to: Top) -> Top:
    """A Crop layer that cuts a top to the positions of another.

    Raises
    ------
    AssertionError
        Where one is scaled against the other, or lies outside of it, or not by whole positions.
    """
    axis, scale, shift = coord_map_from_to(top_from, top_to)
    scale, shift = np.atleast_1d(scale), np.atleast_1d(shift)
    if (scale != 1).any():
        raise AssertionError("scale mismatch on crop (a = %s)" % scale)
    if (shift > 0).any():
        raise AssertionError("cannot crop negative offset (b = %s)" % shift)
    if (np.round(shift) != shift).any():
        raise AssertionError("cannot crop noninteger offset (b = %s)" % shift)
    offset = [int(-each) for each in shift]
    return layers.Crop(top_from, top_to, crop_param={"axis": axis + 1, "offset": offset})
