"""The layers' forward and backward by native kernels."""

from __future__ import annotations

from typing import Any, Callable, Dict

from ... import native
from ..kernels import Blobs, Kernel, Wanted


def is_plain(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    """Whether a layer reads (N, C, H, W) with nothing empty."""
    return all(len(blob.shape) == 4 and blob.count for blob in bottom)


# -- convolution -----------------------------------------------------------------------------------


def _window(layer: Any) -> Dict[str, Any]:
    geometry = layer.geometry
    return {
        "pad": geometry.pad,
        "stride": geometry.stride,
        "dilation": geometry.dilation,
        "group": layer.group,
    }


def _is_image_convolution(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    return layer.axis == 1 and is_plain(layer, bottom, top)


def convolution_forward(
    device: Any, layer: Any, bottom: Blobs, top: Blobs, relu: bool = False
) -> None:
    """Convolve, and rectify in the same pass if `relu`."""
    weights = layer.blobs[0].read_data()
    bias = layer.blobs[1].read_data() if len(layer.blobs) > 1 else None
    kept = device.keeper.kept(layer, forward=True)
    for below, above in zip(bottom, top):
        native.convolve(
            below.read_buffer(),
            weights,
            bias,
            above.data_buffer(overwritten=True),
            relu=relu,
            kept=kept and kept.filters,
            signs=kept and kept.signs,
            **_window(layer),
        )
        if kept:
            kept.saw(above)


def convolution_backward(
    device: Any,
    layer: Any,
    top: Blobs,
    propagate_down: Wanted,
    bottom: Blobs,
    relu: bool = False,
) -> None:
    """Send the gradient through a convolution, and with `relu` through the ReLU on its top before."""
    window = _window(layer)
    kept = device.keeper.kept(layer, forward=False)
    for below, above, wanted in zip(bottom, top, propagate_down):
        dy = above.diff_buffer()
        _filter_gradient(layer, below.read_buffer, dy, window)
        if wanted:
            signs = kept.signs_of(above) if relu and kept else None
            native.convolve_input_gradient(
                dy,
                layer.blobs[0].read_data(),
                below.diff_buffer(overwritten=True),
                mask=above.read_buffer() if relu and signs is None else signs,
                kept=kept and kept.filters,
                **window,
            )


def _filter_gradient(layer: Any, x: Callable, dy: Any, window: Dict[str, Any]) -> None:
    for_bias = layer.wants_gradient(1)
    if layer.wants_gradient(0):
        bias = layer.blobs[1].diff_view if for_bias else None
        native.convolve_filter_gradient(x(), dy, layer.blobs[0].diff_view, bias, **window)
    elif for_bias:
        layer.add_bias_gradient(dy)


# -- the others ------------------------------------------------------------------------------------


def _always(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    return True


def _relu_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    native.relu(bottom[0].read_buffer(), top[0].data_buffer(overwritten=True), layer.slope)


def _relu_backward(
    device: Any, layer: Any, top: Blobs, propagate_down: Wanted, bottom: Blobs
) -> None:
    if propagate_down[0]:
        overwritten = bottom[0] is not top[0]
        native.relu_gradient(
            bottom[0].read_buffer(),
            top[0].diff_buffer(),
            bottom[0].diff_buffer(overwritten),
            layer.slope,
        )


def _is_pooling(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    return layer.method != "STOCHASTIC" and is_plain(layer, bottom, top)


def _pooling_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    if len(top) > 1:
        # The second top wants the winners' positions, which only the plain layer keeps.
        layer.forward(bottom, top)
        return
    pool = native.pool_max if layer.method == "MAX" else native.pool_average
    x, y = bottom[0].read_buffer(), top[0].data_buffer(overwritten=True)
    pool(x, y, layer.kernel, layer.stride, layer.pad)


def _pooling_backward(
    device: Any, layer: Any, top: Blobs, propagate_down: Wanted, bottom: Blobs
) -> None:
    if not propagate_down[0]:
        return
    window = layer.kernel, layer.stride, layer.pad
    dy, dx = top[0].diff_buffer(), bottom[0].diff_buffer(overwritten=True)
    if layer.method == "MAX":
        native.pool_max_gradient(bottom[0].read_buffer(), dy, dx, *window)
    else:
        native.pool_average_gradient(dy, dx, *window)


def _is_across_channels(layer: Any, bottom: Blobs, top: Blobs) -> bool:
    return layer.across and is_plain(layer, bottom, top)


def _lrn_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    x, y = bottom[0].read_buffer(), top[0].data_buffer(overwritten=True)
    native.lrn_across(x, y, layer.size, layer.alpha, layer.beta, layer.k)


def _lrn_backward(
    device: Any, layer: Any, top: Blobs, propagate_down: Wanted, bottom: Blobs
) -> None:
    if propagate_down[0]:
        native.lrn_across_gradient(
            bottom[0].read_buffer(),
            top[0].read_buffer(),
            top[0].diff_buffer(),
            bottom[0].diff_buffer(overwritten=True),
            layer.size,
            layer.alpha,
            layer.beta,
            layer.k,
        )


def _split_forward(device: Any, layer: Any, bottom: Blobs, top: Blobs) -> None:
    layer.forward(bottom, top)


def _split_backward(
    device: Any, layer: Any, top: Blobs, propagate_down: Wanted, bottom: Blobs
) -> None:
    if propagate_down[0]:
        total = bottom[0].diff_buffer(overwritten=True)
        total[...] = top[0].diff_buffer()
        for blob in top[1:]:
            native.add_scaled(total, blob.diff_buffer(), 1.0)


_CONVOLUTION = Kernel(_is_image_convolution, convolution_forward, convolution_backward)

KERNELS: Dict[str, Kernel] = {
    "Convolution": _CONVOLUTION,
    "ConvolutionDepthwise": _CONVOLUTION,
    "DepthwiseConvolution": _CONVOLUTION,
    "Pooling": Kernel(_is_pooling, _pooling_forward, _pooling_backward),
    "LRN": Kernel(_is_across_channels, _lrn_forward, _lrn_backward),
    "ReLU": Kernel(_always, _relu_forward, _relu_backward),
    "Split": Kernel(_always, _split_forward, _split_backward),
}
