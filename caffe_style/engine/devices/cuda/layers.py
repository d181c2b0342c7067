"""The layers' forward and backward on PyTorch's tensors.

What a layer computes is said where its numpy definition is, in `caffe_style.engine.layers`.
"""

from __future__ import annotations

from typing import Any, Dict, Sequence

from ..kernels import Blobs, Kernel, Wanted
from . import convolution, pooling


def _not_empty(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    return all(blob.count for blob in (*bottom, *top))


# -- InnerProduct ------------------------------------------------------------------------------------


def _inner_product_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    y = device.data_of(bottom[0]).reshape(-1, layer.length) @ _matrix(device, layer).T
    if len(layer.blobs) > 1:
        y += device.data_of(layer.blobs[1])
    device.set_data(top[0], y)


def _inner_product_backward(
    device: Any, layer: Any, top: Blobs, wanted: Wanted, bottom: Blobs
) -> None:
    dy = device.read_diff(top[0]).reshape(-1, layer.outputs)
    if any(layer.param_propagate_down):
        slope = dy.T @ device.data_of(bottom[0]).reshape(-1, layer.length)
        slopes = slope.T if layer.transpose else slope, dy.sum(0)
        convolution.add_slopes(device, layer, slopes)
    if wanted[0]:
        device.set_diff(bottom[0], dy @ _matrix(device, layer))


def _matrix(device: Any, layer: Any) -> Any:
    """W, (outputs, length)."""
    weights = device.data_of(layer.blobs[0])
    return weights.T if layer.transpose else weights


# -- ReLU, Dropout -----------------------------------------------------------------------------------


def _relu_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    x, functions = device.data_of(bottom[0]), device.torch.nn.functional
    in_place = bottom[0] is top[0]
    if layer.slope:
        device.set_data(top[0], functions.leaky_relu(x, layer.slope, in_place))
    else:
        device.set_data(top[0], functions.relu(x, in_place))


def _relu_backward(device: Any, layer: Any, top: Blobs, wanted: Wanted, bottom: Blobs) -> None:
    """Mask the gradient; in place the data is y, whose sign is x's."""
    if wanted[0]:
        x, dy, aten = device.data_of(bottom[0]), device.read_diff(top[0]), device.torch.ops.aten
        device.set_diff(bottom[0], aten.leaky_relu_backward(dy, x, layer.slope, False))


def _drops_nothing(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    return layer.phase == 1


def _dropout_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    if bottom[0] is not top[0]:
        device.set_data(top[0], device.data_of(bottom[0]).clone())


def _dropout_backward(device: Any, layer: Any, top: Blobs, wanted: Wanted, bottom: Blobs) -> None:
    if wanted[0] and bottom[0] is not top[0]:
        device.set_diff(bottom[0], device.read_diff(top[0]).clone())


# -- LRN ---------------------------------------------------------------------------------------------


def _is_across(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    return layer.across and _not_empty(layer, bottom, top)


def _mean_over_channels(device: Any, values: Any, size: int) -> Any:
    """Means of (N, C, H, W) over `size` neighbouring channels, beyond the first and last counted as zero."""
    last = values.movedim(1, -1)
    rows = last.reshape(-1, 1, last.shape[-1])
    means = device.torch.nn.functional.avg_pool1d(rows, size, 1, size // 2)
    return means.view(last.shape).movedim(-1, 1)


def _lrn_scale(device: Any, layer: Any, x: Any) -> Any:
    return layer.k + layer.alpha * _mean_over_channels(device, x * x, layer.size)


def _lrn_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    x = device.data_of(bottom[0])
    device.set_data(top[0], x * _lrn_scale(device, layer, x) ** -layer.beta)


def _lrn_backward(device: Any, layer: Any, top: Blobs, wanted: Wanted, bottom: Blobs) -> None:
    if not wanted[0]:
        return
    x, dy = device.data_of(bottom[0]), device.read_diff(top[0])
    scale = _lrn_scale(device, layer, x)
    through = _mean_over_channels(device, dy * device.data_of(top[0]) / scale, layer.size)
    dx = dy * scale**-layer.beta - 2 * layer.alpha * layer.beta * x * through
    device.set_diff(bottom[0], dx)


# -- Eltwise, Concat, Split --------------------------------------------------------------------------


def _eltwise_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    xs = [device.data_of(blob) for blob in bottom]
    if layer.operation == "MAX":
        device.set_data(top[0], _largest(device, xs)[0])
    elif layer.operation == "PROD":
        device.set_data(top[0], _product(xs))
    else:
        y = xs[0] * layer.coefficients[0]
        for x, coefficient in zip(xs[1:], layer.coefficients[1:]):
            y.add_(x, alpha=coefficient)
        device.set_data(top[0], y)


def _eltwise_backward(device: Any, layer: Any, top: Blobs, wanted: Wanted, bottom: Blobs) -> None:
    dy, xs = device.read_diff(top[0]), [device.data_of(blob) for blob in bottom]
    winner = _largest(device, xs)[1] if layer.operation == "MAX" else None
    for index, blob in enumerate(bottom):
        if not wanted[index]:
            continue
        if layer.operation == "MAX":
            device.set_diff(blob, dy * (winner == index))
        elif layer.operation == "SUM":
            device.set_diff(blob, dy * layer.coefficients[index])
        elif layer.param.eltwise_param.stable_prod_grad:
            device.set_diff(blob, dy * _product(xs[:index] + xs[index + 1 :]))
        else:
            device.set_diff(blob, dy * (device.data_of(top[0]) / xs[index]))


def _product(xs: Sequence[Any]) -> Any:
    product = xs[0].clone()
    for x in xs[1:]:
        product *= x
    return product


def _largest(device: Any, xs: Sequence[Any]) -> tuple:
    """The maximum, and which of them it is: of the first two if equal the second, else the earlier."""
    where = device.torch.where
    first = xs[0] > xs[1]
    largest, winner = where(first, xs[0], xs[1]), (~first).to(device.torch.uint8)
    for index, x in enumerate(xs[2:], 2):
        better = x > largest
        largest, winner = where(better, x, largest), winner.masked_fill_(better, index)
    return largest, winner


def _concat_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    xs = [device.data_of(blob) for blob in bottom]
    device.set_data(top[0], device.torch.cat(xs, layer.axis))


def _concat_backward(device: Any, layer: Any, top: Blobs, wanted: Wanted, bottom: Blobs) -> None:
    lengths = [blob.shape[layer.axis] for blob in bottom]
    parts = device.read_diff(top[0]).split(lengths, layer.axis)
    for blob, part, is_wanted in zip(bottom, parts, wanted):
        if is_wanted:
            device.set_diff(blob, part.clone())


def _split_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    layer.forward(bottom, top)


def _split_backward(device: Any, layer: Any, top: Blobs, wanted: Wanted, bottom: Blobs) -> None:
    if wanted[0]:
        total = device.read_diff(top[0]).clone()
        for blob in top[1:]:
            total += device.read_diff(blob)
        device.set_diff(bottom[0], total)


KERNELS: Dict[str, Kernel] = {
    "Convolution": Kernel(convolution.serves, convolution.forward, convolution.backward),
    "InnerProduct": Kernel(_not_empty, _inner_product_forward, _inner_product_backward),
    "ReLU": Kernel(_not_empty, _relu_forward, _relu_backward),
    "Dropout": Kernel(_drops_nothing, _dropout_forward, _dropout_backward),
    "Pooling": Kernel(pooling.serves, pooling.forward, pooling.backward),
    "LRN": Kernel(_is_across, _lrn_forward, _lrn_backward),
    "Eltwise": Kernel(_not_empty, _eltwise_forward, _eltwise_backward),
    "Concat": Kernel(_not_empty, _concat_forward, _concat_backward),
    "Split": Kernel(_not_empty, _split_forward, _split_backward),
}
