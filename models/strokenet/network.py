"""strokenet in PyTorch, as it is trained, and its way into a caffemodel."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import torch
from torch import nn

#: One layer of each block, for pictures that are painted during training.
LEVELS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CHANNELS = {"conv1_1": 32, "conv1_2": 32, "conv2_1": 64, "conv2_2": 64, "conv3_1": 128}
CHANNELS.update({"conv3_2": 128, "conv4_1": 256, "conv4_2": 256, "conv5_1": 256})
#: Caffe's pictures (BGR, 0..255 less the mean) are divided by this for training, and so is conv1_1 on export.
PIXEL_SCALE = 58.0
MEAN = (103.939, 116.779, 123.68)


class Strokenet(nn.Module):
    """Convolutions, batch normalisation, ReLUs; average pooling between blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions, self.norms = nn.ModuleDict(), nn.ModuleDict()
        before = 3
        for name, channels in CHANNELS.items():
            self.convolutions[name] = nn.Conv2d(before, channels, 3, padding=1, bias=False)
            self.norms[name] = nn.BatchNorm2d(channels, momentum=0.05)
            before = channels

    def forward(self, x: torch.Tensor) -> Dict[str, torch.Tensor]:
        """Rectified responses (N, C, H, W) of pictures (N, 3, H, W), by layer."""
        responses = {}
        for name, convolution in self.convolutions.items():
            if name.endswith("_1") and name != "conv1_1":
                x = nn.functional.avg_pool2d(x, 2)
            x = responses[name] = nn.functional.relu(self.norms[name](convolution(x)))
        return responses


def to_input(pictures: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 RGB -> what the network reads, (N, 3, H, W) float32 BGR around 0."""
    blue_first = pictures.flip(3).permute(0, 3, 1, 2).float()
    return (blue_first - torch.tensor(MEAN).view(1, 3, 1, 1)) / PIXEL_SCALE


def clipped(x: torch.Tensor) -> torch.Tensor:
    """Pictures (N, 3, H, W) as the network reads them, with values that a picture can have."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    return torch.maximum(torch.minimum(x, (255 - mean) / PIXEL_SCALE), -mean / PIXEL_SCALE)


@torch.no_grad()
def folded(
    model: Strokenet, pictures: torch.Tensor
) -> Dict[str, Tuple[torch.Tensor, torch.Tensor]]:
    """Filters and biases that do what a model does, with a mean response of 1 over pictures.

    That scale is Gatys et al.'s (2015): weights of layers then mean the same as in other networks. The next
    layer's filters make up for it.

    Returns
    -------
    dict of str to (Tensor (C, C', 3, 3), Tensor (C,))
        By layer, for pictures in 0..255 less the mean.
    """
    model.eval()
    responses = model(pictures)
    found, before = {}, torch.full((3,), 1 / PIXEL_SCALE)
    for name, convolution in model.convolutions.items():
        norm = model.norms[name]
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        mean = responses[name].mean((0, 2, 3)).clamp(min=1e-3)
        filters = convolution.weight * (gain / mean).view(-1, 1, 1, 1) * before.view(1, -1, 1, 1)
        found[name] = filters, (norm.bias - norm.running_mean * gain) / mean
        before = mean
    return found


def export(model: Strokenet, pictures: torch.Tensor, net: Any) -> None:
    """Copy a model's filters into a pycaffe net."""
    for name, (filters, bias) in folded(model, pictures).items():
        net.params[name][0].data[...] = filters.numpy()
        net.params[name][1].data[...] = bias.numpy()
