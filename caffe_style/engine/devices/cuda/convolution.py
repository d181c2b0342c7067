"""Convolution: by cuDNN on a GPU, where factors may be split for its tensor cores.

Tensor cores multiply faster than the other cores, but keep only 10 bits of a factor's mantissa (TF32). If the
device `splits`, each factor x is split into hi + lo. TF32 holds hi exactly, and lo to 11 bits. The product x w
is computed as hi w_hi + hi w_lo + lo w_hi. What is left out is about 2^-21 of the product. The three are
convolved apart, since tensor cores truncate sums: small terms would be lost beside large ones (Ootomo and
Yokota 2022, Recovering single precision accuracy from Tensor Cores).
"""

from __future__ import annotations

from typing import Any, Sequence, Tuple

from ..kernels import Blobs, Wanted

#: A mask of the bits that TF32 keeps: the sign, the exponent and 10 bits of the mantissa.
TF32_BITS = -(1 << 13)
#: Least number of channels on either side for which three products on tensor cores take less time than one
#: elsewhere.
LEAST_CHANNELS = 32


def serves(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    """Two spatial axes, and no kernel larger than its padded input, of which Caffe makes one window."""
    shape, geometry = bottom[0].shape, layer.geometry
    if layer.axis != 1 or len(shape) != 4 or not all(blob.count for blob in (*bottom, *top)):
        return False
    extents = [d * (k - 1) + 1 for d, k in zip(geometry.dilation, geometry.kernel)]
    return all(n + 2 * p >= e for n, p, e in zip(shape[2:], geometry.pad, extents))


def forward(device: Any, layer: Any, bottom: Blobs, top: Blobs, relu: bool = False) -> None:
    """Convolve; with `relu` also rectify."""
    bias = device.data_of(layer.blobs[1]) if len(layer.blobs) > 1 else None
    for below, above in zip(bottom, top):
        with device.convolving(_is_split(device, layer)):
            y = _convolved(device, layer, device.data_of(below), bias, relu)
        device.set_data(above, y)


def backward(
    device: Any, layer: Any, top: Blobs, wanted: Wanted, bottom: Blobs, relu: bool = False
) -> None:
    """Compute the gradients that are asked for; with `relu` mask the top's gradient first."""
    for below, above, is_wanted in zip(bottom, top, wanted):
        asked = (is_wanted, layer.wants_gradient(0), layer.wants_gradient(1))
        if not any(asked):
            continue
        dy = device.read_diff(above)
        if relu:
            dy = device.torch.ops.aten.threshold_backward(dy, device.data_of(above), 0)
        x, splits = device.data_of(below), _is_split(device, layer) and not any(asked[1:])
        with device.convolving(splits):
            if splits:
                device.set_diff(below, _split_slope(device, layer, dy, x))
                continue
            dx, *slopes = _slopes(device, layer, dy, x, device.filters(layer), asked)
        if is_wanted:
            device.set_diff(below, dx)
        add_slopes(device, layer, slopes)


def add_slopes(device: Any, layer: Any, slopes: Sequence[Any]) -> None:
    """Add to the gradients of a layer's parameters."""
    for index, slope in enumerate(slopes):
        if layer.wants_gradient(index):
            diff = device.diff_of(layer.blobs[index])
            diff += slope


def split(torch: Any, values: Any) -> Tuple[Any, Any]:
    """Split values into hi + lo, where TF32 holds hi exactly.

    Examples
    --------
    >>> import torch
    >>> hi, lo = split(torch, torch.tensor([1 + 2.0**-9 + 2.0**-12]))
    >>> hi.item() == 1 + 2.0**-9, lo.item() == 2.0**-12
    (True, True)
    """
    hi = values.view(torch.int32).bitwise_and(TF32_BITS).view(torch.float32)
    return hi, values - hi


def _is_split(device: Any, layer: Any) -> bool:
    return bool(
        device.splits and layer.group == 1 and min(layer.blobs[0].shape[:2]) >= LEAST_CHANNELS
    )


def _convolved(device: Any, layer: Any, x: Any, bias: Any, relu: bool) -> Any:
    geometry, torch = layer.geometry, device.torch
    how = geometry.stride, geometry.pad, geometry.dilation, layer.group

    def convolve(x: Any, filters: Any, bias: Any = None) -> Any:
        return torch.nn.functional.conv2d(x, filters, bias, *how)

    if not _is_split(device, layer):
        convolve = torch.cudnn_convolution_relu if relu else torch.nn.functional.conv2d
        return convolve(x, device.filters(layer), bias, *how)
    (hi, lo), (w_hi, w_lo) = split(torch, x), device.split_filters(layer)
    small = convolve(lo, w_hi).add_(convolve(hi, w_lo))
    if relu:
        return torch.cudnn_convolution_add_relu(hi, w_hi, small, 1.0, bias, *how)
    return small.add_(convolve(hi, w_hi, bias))


def _split_slope(device: Any, layer: Any, dy: Any, x: Any) -> Any:
    (hi, lo), (w_hi, w_lo) = split(device.torch, dy), device.split_filters(layer)
    pairs = (lo, w_hi), (hi, w_lo), (hi, w_hi)
    first, *others = (
        _slopes(device, layer, slope, x, filters, (True, False, False))[0]
        for slope, filters in pairs
    )
    for other in others:
        first += other
    return first


def _slopes(
    device: Any, layer: Any, dy: Any, x: Any, filters: Any, asked: Tuple[bool, bool, bool]
) -> Sequence[Any]:
    """The gradients with respect to input, filters and bias; None for those not asked for."""
    geometry = layer.geometry
    return device.torch.ops.aten.convolution_backward(
        dy,
        x,
        filters,
        [layer.outputs],
        geometry.stride,
        geometry.pad,
        geometry.dilation,
        False,
        [0, 0],
        layer.group,
        asked,
    )
