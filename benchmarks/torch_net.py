"""The same networks in plain PyTorch (eager, autograd), built from our prototxts."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

import torch
import torch.nn.functional as F


def build(
    param: Any, last_layer: str, place: str = "cpu"
) -> Callable[[torch.Tensor], Dict[str, torch.Tensor]]:
    """A function from the image to all blobs up to `last_layer`, on a device; filters are random."""
    steps: List[Callable[[Dict[str, torch.Tensor]], None]] = []
    channels = {"data": 3}
    generator = torch.Generator().manual_seed(0)
    for layer in param.layer:
        if layer.type != "Input":
            steps.append(_step(layer, channels, generator, place))
        if layer.name == last_layer:
            break

    def forward(image: torch.Tensor) -> Dict[str, torch.Tensor]:
        blobs = {"data": image}
        for step in steps:
            step(blobs)
        return blobs

    return forward


def _step(layer: Any, channels: Dict[str, int], generator: torch.Generator, place: str) -> Callable:
    bottom, top = list(layer.bottom), layer.top[0]
    channels[top] = sum(channels[name] for name in bottom)
    if layer.type == "Convolution":
        function = _convolution(layer, channels, generator, place)
    elif layer.type == "Pooling":
        function = _pooling(layer.pooling_param)
    elif layer.type == "LRN":
        p = layer.lrn_param

        def function(x: torch.Tensor) -> torch.Tensor:
            return F.local_response_norm(x, p.local_size, p.alpha, p.beta, p.k)
    else:
        function = {
            "ReLU": F.relu,
            "Concat": lambda *xs: torch.cat(xs, 1),
            "Dropout": lambda x: x,
        }[layer.type]

    def step(blobs: Dict[str, torch.Tensor]) -> None:
        blobs[top] = function(*(blobs[name] for name in bottom))

    return step


def _convolution(
    layer: Any, channels: Dict[str, int], generator: torch.Generator, place: str
) -> Callable:
    p = layer.convolution_param
    size = p.kernel_size[0]
    stride = p.stride[0] if len(p.stride) else 1
    pad = p.pad[0] if len(p.pad) else 0
    fan_in = channels[layer.bottom[0]] // p.group * size * size
    shape = (p.num_output, channels[layer.bottom[0]] // p.group, size, size)
    weight = (torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5).to(place)
    bias = torch.zeros(p.num_output, device=place)
    channels[layer.top[0]] = p.num_output
    return lambda x: F.conv2d(x, weight, bias, stride, pad, 1, p.group)


def _pooling(p: Any) -> Callable:
    if p.pool == p.MAX:
        return lambda x: F.max_pool2d(x, p.kernel_size, p.stride, p.pad, ceil_mode=True)
    return lambda x: F.avg_pool2d(x, p.kernel_size, p.stride, p.pad, ceil_mode=True)
