"""The other layers' forward and backward on an OpenCL device."""

from __future__ import annotations

from typing import Any, List, Sequence, Tuple

import numpy as np

from ...blob import Blob, count_of
from .matrices import Rows, multiply, panels_of

Blobs = Sequence[Blob]
FILE = "elementwise"


def always(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    """For what runs whatever its blobs' shapes."""
    return True


# -- ReLU, Dropout -----------------------------------------------------------------------------------


def relu_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    """Rectify."""
    x = device.read(bottom[0].data_memory)
    y = device.result(top[0].data_memory, bottom[0].data_memory)
    device.along(FILE, "relu", top[0].count, x, y, layer.slope)


def relu_backward(
    device: Any, layer: Any, top: Blobs, wanted: Sequence[bool], bottom: Blobs
) -> None:
    """Mask the gradient; in place the data is y, whose sign is x's."""
    if wanted[0]:
        x, dy = device.read(bottom[0].data_memory), device.read(top[0].diff_memory)
        dx = device.result(bottom[0].diff_memory, top[0].diff_memory)
        device.along(FILE, "relu_gradient", top[0].count, x, dy, dx, layer.slope)


def drops_nothing(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    """Whether a Dropout is in the TEST phase."""
    return layer.phase == 1


def dropout_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    """Copy, if not in place."""
    if bottom[0] is not top[0]:
        _copy(device, bottom[0].data_memory, top[0].data_memory, top[0].count)


def dropout_backward(
    device: Any, layer: Any, top: Blobs, wanted: Sequence[bool], bottom: Blobs
) -> None:
    """Copy back, if not in place."""
    if wanted[0] and bottom[0] is not top[0]:
        _copy(device, top[0].diff_memory, bottom[0].diff_memory, top[0].count)


def _copy(device: Any, source: Any, target: Any, count: int, factor: float = 1.0) -> None:
    x, y = device.read(source), device.overwrite(target)
    device.along(FILE, "scaled", count, x, factor, y)


# -- pooling -----------------------------------------------------------------------------------------


def pools(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    """Whether a Pooling takes the maximum or mean; the maxima's places only the plain layer tells."""
    return layer.method != "STOCHASTIC" and len(top) == 1 and bottom[0].count > 0


def pooling_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    """Pool."""
    x, y = device.read(bottom[0].data_memory), device.overwrite(top[0].data_memory)
    name = "maximum" if layer.method == "MAX" else "average"
    _pool(device, name, layer, bottom[0], top[0], top[0].count, x, y)


def pooling_backward(
    device: Any, layer: Any, top: Blobs, wanted: Sequence[bool], bottom: Blobs
) -> None:
    """Send each window's gradient to its first maximum, or evenly over a mean's window."""
    if not wanted[0]:
        return
    x, y = bottom[0], top[0]
    dy, dx = device.read(y.diff_memory), device.overwrite(x.diff_memory)
    if layer.method == "AVE":
        _pool(device, "average_gradient", layer, x, y, x.count, dy, dx)
        return
    winner = device.allocate(y.count)
    values = device.read(x.data_memory)
    _pool(device, "maximum", layer, x, y, y.count, values, winner, WINNER=True)
    _pool(device, "maximum_gradient", layer, x, y, x.count, winner, dy, dx)


def _pool(
    device: Any,
    name: str,
    layer: Any,
    x: Blob,
    y: Blob,
    count: int,
    *buffers: Any,
    **constants: Any,
) -> None:
    programs = device.programs
    vector = programs.vector_for(x.shape[1])
    window = (*layer.kernel, *layer.stride, *layer.pad)
    size = (*x.shape[2:], *y.shape[2:], x.shape[1], *window)
    places = count // vector
    programs.run("pooling", name, places, *buffers, places, *size, VW=vector, **constants)


# -- LRN ---------------------------------------------------------------------------------------------


def is_across(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    """Whether an LRN normalises across channels."""
    return layer.across and bottom[0].count > 0


def lrn_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    """Normalise."""
    x, y = device.read(bottom[0].data_memory), device.overwrite(top[0].data_memory)
    _lrn(device, "lrn", layer, bottom[0], x, y)


def lrn_backward(
    device: Any, layer: Any, top: Blobs, wanted: Sequence[bool], bottom: Blobs
) -> None:
    """dx = dy s^-beta - 2 alpha beta / size x sum(dy y / s)."""
    if not wanted[0]:
        return
    x, y = device.read(bottom[0].data_memory), device.read(top[0].data_memory)
    dy, dx = device.read(top[0].diff_memory), device.overwrite(bottom[0].diff_memory)
    ratio = device.allocate(top[0].count)
    _lrn(device, "lrn_ratio", layer, bottom[0], x, y, dy, ratio)
    _lrn(device, "lrn_gradient", layer, bottom[0], x, dy, ratio, dx)


def _lrn(device: Any, name: str, layer: Any, blob: Blob, *buffers: Any) -> None:
    programs, channels = device.programs, blob.shape[1]
    vector = programs.vector_for(channels)
    vectors = blob.count // vector
    parameters = layer.size, float(layer.alpha), float(layer.beta), float(layer.k)
    programs.run("lrn", name, vectors, *buffers, vectors, channels, *parameters, VW=vector)


# -- Eltwise, Split, Concat, Slice -------------------------------------------------------------------


def eltwise_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    """Combine."""
    xs = [device.read(blob.data_memory) for blob in bottom]
    y, count = device.overwrite(top[0].data_memory), top[0].count
    if layer.operation == "SUM":
        device.along(FILE, "scaled", count, xs[0], layer.coefficients[0], y)
        for x, coefficient in zip(xs[1:], layer.coefficients[1:]):
            device.along(FILE, "add_scaled", count, x, coefficient, y)
        return
    name = "multiplied" if layer.operation == "PROD" else "larger"
    device.along(FILE, name, count, xs[0], xs[1], y)
    for x in xs[2:]:
        # Among equals the earlier stays; only of the first two the second.
        device.along(FILE, name, count, x, y, y)


def eltwise_backward(
    device: Any, layer: Any, top: Blobs, wanted: Sequence[bool], bottom: Blobs
) -> None:
    """Each bottom's share."""
    dy, count = device.read(top[0].diff_memory), top[0].count
    for index, blob in enumerate(bottom):
        if not wanted[index]:
            continue
        dx = device.overwrite(blob.diff_memory)
        if layer.operation == "SUM":
            device.along(FILE, "scaled", count, dy, layer.coefficients[index], dx)
        elif layer.operation == "MAX":
            _to_largest(device, index, dy, bottom, top[0], dx)
        else:
            _times_others(device, layer, index, dy, bottom, top[0], dx)


def _to_largest(device: Any, index: int, dy: Any, bottom: Blobs, top: Blob, dx: Any) -> None:
    xs = [device.read(blob.data_memory) for blob in bottom]
    y = device.read(top.data_memory)
    device.along(FILE, "where_equal", top.count, dy, xs[index], y, dx)
    before = [1, 0] + list(range(2, len(xs)))  # who wins among equals
    for rival in before[: before.index(index)]:
        device.along(FILE, "unless_equal", top.count, xs[rival], y, dx)


def _times_others(
    device: Any, layer: Any, index: int, dy: Any, bottom: Blobs, top: Blob, dx: Any
) -> None:
    if not layer.param.eltwise_param.stable_prod_grad:
        y, x = device.read(top.data_memory), device.read(bottom[index].data_memory)
        device.along(FILE, "divided", top.count, y, x, dx)
        device.along(FILE, "multiplied", top.count, dy, dx, dx)
        return
    others = [blob for i, blob in enumerate(bottom) if i != index]
    device.along(FILE, "multiplied", top.count, dy, device.read(others[0].data_memory), dx)
    for blob in others[1:]:
        device.along(FILE, "multiplied", top.count, device.read(blob.data_memory), dx, dx)


def split_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    """Share the data, copy nothing."""
    layer.forward(bottom, top)


def split_backward(
    device: Any, layer: Any, top: Blobs, wanted: Sequence[bool], bottom: Blobs
) -> None:
    """Add the diffs of all tops."""
    if wanted[0]:
        _copy(device, top[0].diff_memory, bottom[0].diff_memory, top[0].count)
        total = device.write(bottom[0].diff_memory)
        for blob in top[1:]:
            device.along(FILE, "add_scaled", blob.count, device.read(blob.diff_memory), 1.0, total)


def _parts(layer: Any, whole: Blob, parts: Blobs) -> List[Tuple[Blob, int, int, int]]:
    """Each part with where it begins in a row of the whole, a row's length there and here."""
    axis, axes = layer.axis, len(whole.shape)
    if axes > 2 and axis > 0:
        axis = axes - 1 if axis == 1 else axis - 1  # buffers are channels-last
    step, first, result = count_of(whole.physical_shape[axis:]), 0, []
    for part in parts:
        length = count_of(part.physical_shape[axis:])
        result.append((part, first, step, length))
        first += length
    return result


def _copy_rows(device: Any, count: int, length: int, source: tuple, target: tuple) -> None:
    programs = device.programs
    vector = programs.vector_for(length, source[1], source[2], target[1], target[2])
    sizes = (length // vector, count // length)
    size = count // vector
    programs.run(FILE, "copy_rows", size, *source, *target, *sizes, VW=vector)


def concat_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    """Copy each bottom into its part."""
    y = device.overwrite(top[0].data_memory)
    for part, first, step, length in _parts(layer, top[0], bottom):
        if part.count:
            x = device.read(part.data_memory)
            _copy_rows(device, part.count, length, (x, 0, length), (y, first, step))


def concat_backward(
    device: Any, layer: Any, top: Blobs, wanted: Sequence[bool], bottom: Blobs
) -> None:
    """Copy each part back."""
    dy = device.read(top[0].diff_memory)
    for (part, first, step, length), is_wanted in zip(_parts(layer, top[0], bottom), wanted):
        if is_wanted and part.count:
            dx = device.overwrite(part.diff_memory)
            _copy_rows(device, part.count, length, (dy, first, step), (dx, 0, length))


# -- InnerProduct ------------------------------------------------------------------------------------


def is_product(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    """Whether an InnerProduct makes one vector of each item."""
    return layer.axis == 1 and bottom[0].count > 0


def inner_product_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    """y = W x + b."""
    panel = device.programs.tuning.panel
    matrix = device.derived(
        layer, "forward", 0, lambda w: panels_of(_weights(layer, w, bottom[0]).T[None], panel)
    )
    bias = None
    if len(layer.blobs) > 1:
        bias = device.derived(layer, "bias", 1, lambda values: np.append(values, np.zeros(64)))
    x, y = device.read(bottom[0].data_memory), device.overwrite(top[0].data_memory)
    size = (bottom[0].shape[0], layer.outputs, layer.length)
    out = Rows(y, layer.outputs)
    multiply(device.programs, size, Rows(x, layer.length), Rows(matrix), out, bias=bias)


def inner_product_backward(
    device: Any, layer: Any, top: Blobs, wanted: Sequence[bool], bottom: Blobs
) -> None:
    """dx = W^T dy."""
    if not wanted[0]:
        return
    panel = device.programs.tuning.panel
    matrix = device.derived(
        layer, "reversed", 0, lambda w: panels_of(_weights(layer, w, bottom[0])[None], panel)
    )
    dy, dx = device.read(top[0].diff_memory), device.overwrite(bottom[0].diff_memory)
    size = (bottom[0].shape[0], layer.length, layer.outputs)
    out = Rows(dx, layer.length)
    multiply(device.programs, size, Rows(dy, layer.outputs), Rows(matrix), out)


def _weights(layer: Any, weights: np.ndarray, bottom: Blob) -> np.ndarray:
    """(outputs, length), a bottom's values in the order of its buffer."""
    matrix = weights.T if layer.transpose else weights
    if len(bottom.shape) < 3:
        return matrix
    ordered = matrix.reshape((layer.outputs,) + bottom.shape[1:])
    return np.moveaxis(ordered, 1, -1).reshape(layer.outputs, layer.length)
