"""Small nets for tests of the engine, from a few lines of text."""

from __future__ import annotations

import os
import tempfile
from typing import Sequence

import numpy as np

from caffe_style.engine import TEST, Net, set_random_seed


def net_of(text: str, phase: int = TEST, **kwargs) -> Net:
    """A net of a prototxt's text."""
    handle, path = tempfile.mkstemp(".prototxt")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
        return Net(network_file=path, phase=phase, **kwargs)
    finally:
        os.unlink(path)


def input_layer(name: str, shape: Sequence[int]) -> str:
    """An Input layer's text."""
    dims = " ".join("dim: %d" % size for size in shape)
    return 'layer { name: "%s" type: "Input" top: "%s" input_param { shape { %s } } }\n' % (
        name,
        name,
        dims,
    )


def layer_net(
    type_: str,
    shapes: Sequence[Sequence[int]],
    options: str = "",
    tops: Sequence[str] = ("top",),
    phase: int = TEST,
    in_place: bool = False,
) -> Net:
    """One layer on inputs b0, b1, ... of the given shapes, with force_backward."""
    names = ["b%d" % i for i in range(len(shapes))]
    text = "force_backward: true\n" + "".join(map(input_layer, names, shapes))
    tops = names[:1] if in_place else tops
    ends = ['bottom: "%s"' % name for name in names] + ['top: "%s"' % name for name in tops]
    text += 'layer { name: "layer" type: "%s" %s %s }\n' % (type_, " ".join(ends), options)
    return net_of(text, phase)


def run(net: Net, *values: np.ndarray) -> np.ndarray:
    """Fill the inputs, run forward, a copy of the first top's data."""
    for name, value in zip(net.inputs, values):
        net.blobs[name].data[...] = value
    net.forward()
    return net.blobs[net.top_names["layer"][0]].data.copy()


def smooth(rng, shape):
    """Values whose neighbours differ by more than a step, so that no maximum changes."""
    values = (np.arange(np.prod(shape)) + 0.5) / np.prod(shape) * 4 - 2
    return rng.permutation(values).reshape(shape)


#: A convolution and a ReLU of a name, a bottom and a top.
CONV = (
    'layer { name: "%s" type: "Convolution" bottom: "%s" top: "%s" convolution_param {'
    ' num_output: 3 kernel_size: 3 pad: 1 weight_filler { type: "gaussian" std: 0.2 } } }\n'
)
RELU = 'layer { name: "%s" type: "ReLU" bottom: "%s" top: "%s" }\n'
#: As VGG begins.
VGG = (
    "force_backward: true\n"
    + input_layer("data", (2, 3, 6, 6))
    + CONV % ("conv1", "data", "conv1")
    + RELU % ("relu1", "conv1", "conv1")
    + CONV % ("conv2", "conv1", "conv2")
    + RELU % ("relu2", "conv2", "conv2")
    + 'layer { name: "pool" type: "Pooling" bottom: "conv2" top: "pool" pooling_param'
    " { kernel_size: 2 stride: 2 } }\n"
)


def filled_vgg() -> Net:
    """A net of `VGG` whose filters and input are the same each time."""
    set_random_seed(0)
    net = net_of(VGG)
    net.blobs["data"].data[...] = np.random.default_rng(0).standard_normal((2, 3, 6, 6))
    return net


def branches(readers: Sequence[str] = ("a", "b")) -> Net:
    """A net whose conv1 is rectified in place and read by several layers."""
    text = "force_backward: true\n" + input_layer("data", (1, 2, 4, 4))
    text += CONV % ("conv1", "data", "conv1") + RELU % ("relu1", "conv1", "conv1")
    for name in readers:
        text += 'layer { name: "%s" type: "Sigmoid" bottom: "conv1" top: "%s" }\n' % (name, name)
    return net_of(text)
