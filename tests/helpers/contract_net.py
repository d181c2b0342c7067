"""The network and objective on which all backends must agree."""

from __future__ import annotations

import numpy as np

from caffe_style import losses
from caffe_style.objective.objective import Objective
from caffe_style.objective.term import single_term

NET = """
name: "small" force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 40 dim: 44 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 8 kernel_size: 3 pad: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "left" type: "Convolution" bottom: "pool1" top: "left"
  convolution_param { num_output: 6 kernel_size: 1 } }
layer { name: "right" type: "Convolution" bottom: "pool1" top: "right"
  convolution_param { num_output: 4 kernel_size: 5 pad: 2 stride: 1 } }
layer { name: "both" type: "Concat" bottom: "left" bottom: "right" top: "both" }
layer { name: "norm" type: "LRN" bottom: "both" top: "norm" lrn_param { local_size: 5 alpha: 0.01 } }
layer { name: "top" type: "Convolution" bottom: "norm" top: "top"
  convolution_param { num_output: 5 kernel_size: 3 stride: 2 } }
"""


def fill(net):
    rng = np.random.RandomState(0)
    for blobs in net.params.values():
        for blob in blobs:
            shape = tuple(blob.data.shape)
            blob.data[...] = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)


def evaluate(net, image):
    rng = np.random.RandomState(1)
    net.blobs["data"].reshape(*image.shape)
    net.reshape()
    terms = []
    for blob in ("conv1", "both", "top"):
        shape = tuple(net.blobs[blob].shape)[1:]
        painted = rng.standard_normal(shape).astype(np.float32)
        gram = losses.target_gram(painted)
        terms.append(single_term("style " + blob, blob, losses.gram, gram, 1e3))
    terms.append(
        single_term("content", "both", losses.content, 0 * painted_like(net, "both"), 1e-3)
    )
    terms.append(single_term("variation", "data", losses.total_variation, None, 1e-5))
    value, gradient, parts = Objective(net, "data", terms)(image)
    return value, np.array(gradient), parts


def painted_like(net, blob):
    return np.ones(tuple(net.blobs[blob].shape)[1:], np.float32)


def picture(height, width, seed=0):
    rng = np.random.RandomState(seed)
    return (30 * rng.standard_normal((1, 3, height, width))).astype(np.float32)
