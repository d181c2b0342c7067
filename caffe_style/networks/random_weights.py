"""Random filters for style transfer: seeded, centred and normalised. They need no download.

He, Wang & Hopcroft, *A Powerful Generative Model Using Random Weights for the Deep Image Representation*
(NIPS 2016), show that VGG with random filters transfers style. Filters without centring hardly work, since the
mean brightness dominates their responses. Therefore, from the bottom up, each filter is drawn from He's normal
distribution, and its bias removes the mean response to calibration pictures, so that about half of the
responses are active. Both are scaled so that the rectified response has mean 1, as Gatys et al. (2015) do with
the trained network. The default weights of the layers then suit both networks.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..backends import arrays
from ..backends.net import TrainableNet
from ..pictures.images import coloured_noise, to_caffe

#: Calibration pictures: 1/f noise has the second-order statistics of natural pictures.
CALIBRATION_SIZE = 128
CALIBRATION_PICTURES = 3


def fill_random(net: TrainableNet, input_blob: str, mean: Sequence[float], seed: int = 0) -> None:
    """Give every convolution of `net` random filters, in place.

    Parameters
    ----------
    net : Net
        A pycaffe net in which a ReLU follows each convolution. Its input blob is reshaped.
    input_blob : str
        Name of the blob that holds the image.
    mean : sequence of 3 floats
        Mean (B, G, R), from 0 to 255.
    seed : int
        Seed of the filters.
    """
    rng = np.random.RandomState(seed)
    pictures = [
        to_caffe(coloured_noise(CALIBRATION_SIZE, CALIBRATION_SIZE, 1.0, seed + i), mean)
        for i in range(CALIBRATION_PICTURES)
    ]
    batch = np.concatenate(pictures)
    net.blobs[input_blob].reshape(*batch.shape)
    net.blobs[input_blob].data[...] = batch
    for index, layer in enumerate(net._layer_names):
        if layer in net.params:
            _fill_convolution(net, index, layer, rng)
        else:
            net._forward(index, index)


def _fill_convolution(
    net: TrainableNet, index: int, layer: str, rng: np.random.RandomState
) -> None:
    filters, bias = net.params[layer][0], net.params[layer][1]
    fan_in = np.prod(filters.data.shape[1:])
    filters.data[...] = rng.standard_normal(filters.data.shape) * np.sqrt(2.0 / fan_in)
    bias.data[...] = 0
    blob = net.top_names[layer][0]
    net._forward(index, index)
    # Checkpoints identify a network by the exact bits of its filters, and sums depend on the order in memory.
    response = arrays.to_numpy(net.device.data_of(net.blobs[blob]))
    axes = (0, 2, 3)
    centre = response.mean(axes, dtype=np.float64)
    shape = (1, -1, 1, 1)
    rectified = np.maximum(response - centre.reshape(shape), 0)
    scale = 1 / np.maximum(rectified.mean(axes, dtype=np.float64), 1e-8)
    filters.data[...] *= scale.reshape(-1, 1, 1, 1)
    bias.data[...] = -centre * scale
    net._forward(index, index)
