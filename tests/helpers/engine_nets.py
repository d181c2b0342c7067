"""Small nets for tests of the engine, from a few lines of text."""

from __future__ import annotations

import os
import tempfile
from typing import Sequence

import numpy as np

from caffe_style.engine import TEST, Net


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
