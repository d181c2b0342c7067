"""Random filters that transfer style: seeded, centred and normalised, for a first run without a download.

He, Wang & Hopcroft, *A Powerful Generative Model Using Random Weights for the Deep Image Representation*
(NIPS 2016), show that VGG with random filters transfers style. Uncentred random filters hardly do: their
responses are dominated by the mean brightness. So, from the bottom up, each filter is drawn from He's normal
distribution, its bias removes the mean response on calibration pictures (about half of the responses are
then active), and both are scaled so that the rectified response has mean 1, as Gatys et al. (2015) do with
the trained network. Then default weights of layers carry over.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

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
        A pycaffe net whose convolutions are each followed by a ReLU. Its input blob is reshaped.
    input_blob : str
        The image.
    mean : sequence of 3 floats
        Mean (B, G, R), 0..255.
    seed : int
        Same seed, same filters.
    """
    rng = np.random.RandomState(seed)
    pictures = [
        to_caffe(coloured_noise(CALIBRATION_SIZE, CALIBRATION_SIZE, 1.0, seed + i), mean)
        for i in range(CALIBRATION_PICTURES)
    ]
    batch = np.concatenate(pictures)
    net.blobs[input_blob].reshape(*batch.shape)
    net.blobs[input_blob].data[...] = batch
    for layer in net._layer_names:
        if layer in net.params:
            _fill_convolution(net, layer, rng)
        else:
            net.forward(start=layer, end=layer)


def _fill_convolution(net: TrainableNet, layer: str, rng: np.random.RandomState) -> None:
    filters, bias = net.params[layer][0], net.params[layer][1]
    fan_in = np.prod(filters.data.shape[1:])
    filters.data[...] = rng.standard_normal(filters.data.shape) * np.sqrt(2.0 / fan_in)
    bias.data[...] = 0
    blob = net.top_names[layer][0]
    net.forward(start=layer, end=layer)
    response = net.blobs[blob].data
    axes = (0, 2, 3)
    centre = response.mean(axes, dtype=np.float64)
    shape = (1, -1, 1, 1)
    rectified = np.maximum(response - centre.reshape(shape), 0)
    scale = 1 / np.maximum(rectified.mean(axes, dtype=np.float64), 1e-8)
    filters.data[...] *= scale.reshape(-1, 1, 1, 1)
    bias.data[...] = -centre * scale
    net.forward(start=layer, end=layer)
