"""SqueezeNet v1.0 in PyTorch: the network that strokenet learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import torch
from network import PIXEL_SCALE
from torch.nn.functional import avg_pool2d, conv2d, relu

#: The layers that are taught, and their channels.
CHANNELS = {"conv1": 96, "fire2": 128, "fire4": 256, "fire5": 256, "fire6": 384, "fire8": 512}
CHANNELS.update({"fire9": 512})


class Teacher:
    """Responses of SqueezeNet's modules, with average pooling, as it paints here.

    Its layers are padded so that each map has strokenet's size, and each place lies within a quarter of a
    cell of strokenet's.
    """

    def __init__(self, caffemodel: Path) -> None:
        import caffe_style.engine as caffe
        from caffe_style.networks.resources import folder

        net = caffe.Net(
            str(folder("prototxt") / "squeezenet.prototxt"), str(caffemodel), caffe.TEST
        )
        self._params = {
            name: [torch.from_numpy(blob.data.copy()) for blob in blobs]
            for name, blobs in net.params.items()
        }

    @torch.no_grad()
    def __call__(self, x: torch.Tensor, last: str) -> Dict[str, torch.Tensor]:
        """Responses (N, C, H', W') to pictures (N, 3, H, W) as strokenet reads them, up to a layer."""
        responses = {}
        x = responses["conv1"] = self._conv(x * PIXEL_SCALE, "conv1", 2, 3)
        for number in range(2, 10):
            if number in (2, 9):
                x = avg_pool2d(x, 3, 2, ceil_mode=True)
            elif number == 5:
                x = avg_pool2d(x, 3, 2, 1, count_include_pad=False)
            name = "fire%d" % number
            x = responses[name] = self._fire(x, name)
            if name == last:
                break
        return responses

    def _conv(self, x: torch.Tensor, name: str, stride: int = 1, pad: int = 0) -> torch.Tensor:
        filters, bias = self._params[name]
        return relu(conv2d(x, filters, bias.flatten(), stride, pad))

    def _fire(self, x: torch.Tensor, name: str) -> torch.Tensor:
        x = self._conv(x, name + "/conv1x1_1")
        wide = [self._conv(x, name + "/conv1x1_2"), self._conv(x, name + "/conv3x3_2", pad=1)]
        return torch.cat(wide, 1)
