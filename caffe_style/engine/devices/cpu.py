"""The cpu device: native kernels for the layers that matter, the layers' own numpy for the others."""

from __future__ import annotations

import sys
from typing import Any, Callable, Dict, NamedTuple, Sequence

from .. import native
from ..blob import Blob
from ..layers.base import Layer
from .base import Device
from .host import HostDevice

_told = False


def make_cpu_device() -> Device:
    """The native device where its kernels were built, else the numpy one (told once)."""
    global _told
    if native.available:
        return CpuDevice()
    if not _told:
        _told = True
        print(
            "caffe_style: no native kernels (%s): running on numpy, several times slower"
            % native.why_not,
            file=sys.stderr,
        )
    return HostDevice()


class Kernel(NamedTuple):
    """How the device runs one layer type, where it can (`serves`)."""

    serves: Callable[[Layer, Sequence[Blob]], bool]
    forward: Callable
    backward: Callable


class CpuDevice(HostDevice):
    """Runs the kernels of `KERNELS`; a layer they do not serve runs as it defines itself."""

    name = "cpu"
    fuses_relu = True

    def forward(self, layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Run the layer's forward."""
        kernel = KERNELS.get(layer.type)
        if kernel is not None and kernel.serves(layer, bottom):
            kernel.forward(layer, bottom, top)
        else:
            layer.forward(bottom, top)

    def backward(
        self,
        layer: Layer,
        top: Sequence[Blob],
        propagate_down: Sequence[bool],
        bottom: Sequence[Blob],
    ) -> None:
        """Run the layer's backward."""
        kernel = KERNELS.get(layer.type)
        if kernel is not None and kernel.serves(layer, bottom):
            kernel.backward(layer, top, propagate_down, bottom)
        else:
            layer.backward(top, propagate_down, bottom)

    def forward_with_relu(self, layer: Layer, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Run a convolution and its ReLU in one pass over the top."""
        if _is_plain(layer, bottom):
            _convolution_forward(layer, bottom, top, relu=True)
        else:
            layer.forward(bottom, top)
            native.relu(top[0].data_buffer(), top[0].data_buffer())

    def backward_with_relu(
        self,
        layer: Layer,
        top: Sequence[Blob],
        propagate_down: Sequence[bool],
        bottom: Sequence[Blob],
    ) -> None:
        """Run both, the mask applied while the diff is read."""
        if _is_plain(layer, bottom) and not any(layer.param_propagate_down):
            _convolution_backward(layer, top, propagate_down, bottom, relu=True)
        else:
            diff = top[0].diff_buffer()
            native.relu_gradient(top[0].data_buffer(), diff, diff)
            self.backward(layer, top, propagate_down, bottom)


def _is_plain(layer: Layer, bottom: Sequence[Blob]) -> bool:
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


def _is_image_convolution(layer: Any, bottom: Sequence[Blob]) -> bool:
    return layer.axis == 1 and _is_plain(layer, bottom)


def _convolution_forward(
    layer: Any, bottom: Sequence[Blob], top: Sequence[Blob], relu: bool = False
) -> None:
    weights = layer.blobs[0].data
    bias = layer.blobs[1].data if len(layer.blobs) > 1 else None
    for below, above in zip(bottom, top):
        native.convolve(
            below.data_buffer(), weights, bias, above.data_buffer(), relu=relu, **_window(layer)
        )


def _convolution_backward(
    layer: Any,
    top: Sequence[Blob],
    propagate_down: Sequence[bool],
    bottom: Sequence[Blob],
    relu: bool = False,
) -> None:
    window = _window(layer)
    for below, above, wanted in zip(bottom, top, propagate_down):
        dy = above.diff_buffer()
        _filter_gradient(layer, below.data_buffer, dy, window)
        if wanted:
            native.convolve_input_gradient(
                dy,
                layer.blobs[0].data,
                below.diff_buffer(overwritten=True),
                mask=above.data_buffer() if relu else None,
                **window,
            )


def _filter_gradient(layer: Any, x: Callable, dy: Any, window: Dict[str, Any]) -> None:
    for_bias = layer.wants_gradient(1)
    if layer.wants_gradient(0):
        bias = layer.blobs[1].diff if for_bias else None
        native.convolve_filter_gradient(x(), dy, layer.blobs[0].diff, bias, **window)
    elif for_bias:
        layer.add_bias_gradient(dy)


# -- the others ------------------------------------------------------------------------------------


def _relu_forward(layer: Any, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
    native.relu(bottom[0].data_buffer(), top[0].data_buffer(), layer.slope)


def _relu_backward(
    layer: Any, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
) -> None:
    if propagate_down[0]:
        overwritten = bottom[0] is not top[0]
        native.relu_gradient(
            bottom[0].data_buffer(),
            top[0].diff_buffer(),
            bottom[0].diff_buffer(overwritten),
            layer.slope,
        )


def _is_pooling(layer: Any, bottom: Sequence[Blob]) -> bool:
    return layer.method != "STOCHASTIC" and _is_plain(layer, bottom)


def _pooling_forward(layer: Any, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
    if len(top) > 1:
        # The second top wants the winners' positions, which only the plain layer keeps.
        layer.forward(bottom, top)
        return
    pool = native.pool_max if layer.method == "MAX" else native.pool_average
    x, y = bottom[0].data_buffer(), top[0].data_buffer()
    pool(x, y, layer.kernel, layer.stride, layer.pad)


def _pooling_backward(
    layer: Any, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
) -> None:
    if not propagate_down[0]:
        return
    window = layer.kernel, layer.stride, layer.pad
    dy, dx = top[0].diff_buffer(), bottom[0].diff_buffer(overwritten=True)
    if layer.method == "MAX":
        native.pool_max_gradient(bottom[0].data_buffer(), dy, dx, *window)
    else:
        native.pool_average_gradient(dy, dx, *window)


def _is_across_channels(layer: Any, bottom: Sequence[Blob]) -> bool:
    return layer.across and _is_plain(layer, bottom)


def _lrn_forward(layer: Any, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
    x, y = bottom[0].data_buffer(), top[0].data_buffer()
    native.lrn_across(x, y, layer.size, layer.alpha, layer.beta, layer.k)


def _lrn_backward(
    layer: Any, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
) -> None:
    if propagate_down[0]:
        native.lrn_across_gradient(
            bottom[0].data_buffer(),
            top[0].data_buffer(),
            top[0].diff_buffer(),
            bottom[0].diff_buffer(overwritten=True),
            layer.size,
            layer.alpha,
            layer.beta,
            layer.k,
        )


def _split_backward(
    layer: Any, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
) -> None:
    if propagate_down[0]:
        total = bottom[0].diff_buffer(overwritten=True)
        total[...] = top[0].diff_buffer()
        for blob in top[1:]:
            native.add_scaled(total, blob.diff_buffer(), 1.0)


_CONVOLUTION = Kernel(_is_image_convolution, _convolution_forward, _convolution_backward)

KERNELS: Dict[str, Kernel] = {
    "Convolution": _CONVOLUTION,
    "ConvolutionDepthwise": _CONVOLUTION,
    "DepthwiseConvolution": _CONVOLUTION,
    "Pooling": Kernel(_is_pooling, _pooling_forward, _pooling_backward),
    "LRN": Kernel(_is_across_channels, _lrn_forward, _lrn_backward),
    "ReLU": Kernel(lambda layer, bottom: True, _relu_forward, _relu_backward),
    "Split": Kernel(
        lambda layer, bottom: True,
        lambda layer, bottom, top: layer.forward(bottom, top),
        _split_backward,
    ),
}
