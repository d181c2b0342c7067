"""Small networks with an objective on some of their blobs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Optional

import numpy as np

from caffe_style import losses
from caffe_style.engine import Net
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.networks.margin import Frame, Margin
from caffe_style.objective.objective import Objective
from caffe_style.objective.term import single_term

VGG = """
force_backward: true
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 17 dim: 14 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1
    weight_filler { type: "gaussian" std: 0.3 } bias_filler { type: "constant" value: 0.1 } } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param { num_output: 5 kernel_size: 3 pad: 1
    weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "conv3" type: "Convolution" bottom: "conv2" top: "conv3"
  convolution_param { num_output: 4 kernel_size: 3 pad: 1
    weight_filler { type: "gaussian" std: 0.3 } } }
"""

BRANCHES = """
force_backward: true
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 9 dim: 8 } } }
layer { name: "stem" type: "Convolution" bottom: "data" top: "stem"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1
    weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "a" type: "Convolution" bottom: "stem" top: "a"
  convolution_param { num_output: 4 kernel_size: 1 weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "b" type: "Convolution" bottom: "stem" top: "b"
  convolution_param { num_output: 3 kernel_size: 3 pad: 1
    weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "both" type: "Concat" bottom: "a" bottom: "b" top: "both" }
layer { name: "top" type: "Convolution" bottom: "both" top: "top"
  convolution_param { num_output: 4 kernel_size: 1 weight_filler { type: "gaussian" std: 0.3 } } }
"""


def make(text: str, blobs: list, lean: bool, seed: int = 0, margin: Optional[Margin] = None):
    rng = np.random.RandomState(seed)
    net = Net.from_param(parse_net(text))
    net.lean = lean
    for filters, bias in net.params.values():
        filters.data[...] = 0.3 * rng.standard_normal(filters.data.shape)
        # Channels that are clearly on or clearly off: few responses cross a ReLU's kink on the way.
        bias.data[...] = 6
        bias.data[::2] = -6
    shape = net.blobs["data"].data.shape
    frame = None if margin is None else Frame(_network(net), shape[2:], margin)
    image = rng.standard_normal(shape)
    net.blobs["data"].data[...] = image if frame is None else frame.pad(image)
    net.forward()
    terms = []
    for blob in blobs:
        features = net.blobs[blob].data[0]
        features = (features if frame is None else features[frame.places[blob]]).copy(order="K")
        terms.append(
            single_term("style " + blob, blob, losses.gram, losses.target_gram(features), 1.0)
        )
        terms.append(
            single_term(
                "content " + blob, blob, losses.content, losses.target_content(features), 1e-4
            )
        )
    return Objective(net, "data", terms, frame), rng.standard_normal(shape), rng


def _network(net: Net) -> SimpleNamespace:
    """What a frame needs of a network."""

    def resize(height: int, width: int) -> None:
        net.blobs["data"].reshape(1, 3, height, width)
        net.reshape()

    return SimpleNamespace(net=net, resize=resize)
