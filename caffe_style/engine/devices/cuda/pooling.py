"""Pooling on PyTorch's tensors, where PyTorch has the windows that Caffe has."""

from __future__ import annotations

from typing import Any

from ..kernels import Blobs, Wanted


def serves(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    """Whether to run here: PyTorch pads less than Caffe may, and drops windows that lie beyond the input."""
    windows = layer.windows
    return (
        layer.method != "STOCHASTIC"
        and len(top) == 1
        and bottom[0].count > 0
        and all(
            2 * pad <= kernel and pooled == _windows(size, kernel, stride, pad, layer.floor)
            for size, pooled, kernel, stride, pad in zip(
                windows.size, windows.pooled, windows.kernel, windows.stride, windows.pad
            )
        )
    )


def _windows(size: int, kernel: int, stride: int, pad: int, floor: bool) -> int:
    """How many windows PyTorch has along an axis."""
    free = size + 2 * pad - kernel
    if floor:
        return free // stride + 1
    rounded_up = -(-free // stride) + 1
    return rounded_up - 1 if (rounded_up - 1) * stride >= size + pad else rounded_up


def forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    """Pool; a mean divides by the window's area within the padded input, as Caffe's."""
    functions, x = device.torch.nn.functional, device.data_of(bottom[0])
    pool = functions.max_pool2d if layer.method == "MAX" else functions.avg_pool2d
    y = pool(x, layer.kernel, layer.stride, layer.pad, ceil_mode=not layer.floor)
    device.set_data(top[0], y)


def backward(device: Any, layer: Any, top: Blobs, wanted: Wanted, bottom: Blobs) -> None:
    """Send each window's gradient to its first maximum, or evenly over a mean's window."""
    if not wanted[0]:
        return
    aten, ceil_mode = device.torch.ops.aten, not layer.floor
    x, dy = device.data_of(bottom[0]), device.read_diff(top[0])
    window = layer.kernel, layer.stride, layer.pad
    if layer.method == "MAX":
        # Finding the maxima again costs less than keeping where they were, in 64 bits each.
        _, places = aten.max_pool2d_with_indices(x, *window, (1, 1), ceil_mode)
        dx = aten.max_pool2d_with_indices_backward(dy, x, *window, (1, 1), ceil_mode, places)
    else:
        if any(layer.pad):
            # On a GPU, PyTorch ignores the padding of channels-last memory (its issue 188344).
            plain = device.torch.contiguous_format
            x, dy = x.clone(memory_format=plain), dy.clone(memory_format=plain)
        dx = aten.avg_pool2d_backward(dy, x, *window, ceil_mode, True, None)
    device.set_diff(bottom[0], dx)
