"""The process in which drivers are tried first: it lists the devices, or runs our kernels on one of them."""

from __future__ import annotations

import itertools
import json
import sys
from typing import Any, List

import numpy as np

from ..apart import Answering
from . import drivers
from .platforms import import_pyopencl, name_of, visible_devices

#: Seconds of the processor's time for one step: listing, or building and running one of `LAYERS`.
LIMIT = 14

#: Type, channels of the picture, how often the layer reads it, parameters. The product of matrices, which asks
#: most of a compiler, comes first.
LAYERS = (
    ("InnerProduct", 16, 1, "inner_product_param { num_output: 16 %(filler)s }"),
    ("Convolution", 16, 1, "convolution_param { num_output: 16 kernel_size: 3 pad: 1 %(filler)s }"),
    ("Convolution", 3, 1, "convolution_param { num_output: 16 kernel_size: 3 pad: 1 %(filler)s }"),
    ("Convolution", 16, 1, "convolution_param { num_output: 8 kernel_size: 5 %(filler)s }"),
    ("Pooling", 16, 1, "pooling_param { pool: MAX kernel_size: 3 stride: 2 }"),
    ("Pooling", 16, 1, "pooling_param { pool: AVE kernel_size: 2 stride: 2 }"),
    ("LRN", 16, 1, "lrn_param { local_size: 5 alpha: 0.01 }"),
    ("Eltwise", 16, 2, "eltwise_param { operation: SUM }"),
    ("Eltwise", 16, 2, "eltwise_param { operation: PROD }"),
    ("Eltwise", 16, 2, "eltwise_param { operation: MAX }"),
    ("Concat", 16, 2, ""),
)
FILLER = {"filler": 'weight_filler { type: "gaussian" std: 0.2 }'}
#: Largest relative deviation from numpy; rounding alone stays below a hundredth of it.
TOLERANCE = 1e-3


def layer_and_relu(top: str, type_: str, channels: int, readers: int, parameters: str) -> Any:
    """A net of a layer and a ReLU, which is in place with `top` "layer"; its filters are always the same."""
    from ... import Net, set_random_seed
    from ...formats.prototxt import parse_net

    # By chance a response may be so near to zero that rounding turns its ReLU on or off.
    set_random_seed(0)
    net = Net.from_param(
        parse_net(
            'force_backward: true layer { name: "data" type: "Input" top: "data"'
            " input_param { shape { dim: 1 dim: %d dim: 15 dim: 18 } } }"
            ' layer { name: "layer" type: "%s" %s top: "layer" %s }'
            ' layer { name: "relu" type: "ReLU" bottom: "layer" top: "%s" }'
            % (channels, type_, 'bottom: "data" ' * readers, parameters % FILLER, top)
        )
    )
    net.lean = True
    return net


def try_layer(device: Any, top: str, *layer: Any) -> float:
    """Run `layer_and_relu` on numpy and on the device.

    Returns
    -------
    float
        The largest relative deviation of responses and of the gradient.
    """
    from ..base import Device

    net = layer_and_relu(top, *layer)
    rng = np.random.default_rng(0)
    picture, slope = (rng.standard_normal(net.blobs[name].shape) for name in ("data", top))
    found: List[List[np.ndarray]] = []
    for net.device in (Device(), device):
        net.blobs["data"].data[...] = picture
        responses = net.forward()[top].copy()
        net.blobs[top].diff[...] = slope
        found.append([responses, net.backward()["data"].copy()])
    return max(
        float(np.linalg.norm(ours - plain) / np.linalg.norm(plain)) for plain, ours in zip(*found)
    )


def try_device(name: str, answering: Answering) -> None:
    """Run all of `LAYERS` on the device of this name; an answer that is not empty is its fault."""
    from .device import OpenclDevice

    cl = import_pyopencl()
    handle = next(each for each in visible_devices(cl) if name_of(each) == name)
    try:
        device = OpenclDevice(cl, handle)
        # Alone, and as one with a ReLU in place.
        for top, layer in itertools.product(("relu", "layer"), LAYERS):
            deviation = try_layer(device, top, *layer)
            wrong = "gives wrong values (%s off by %.1g)" % (layer[0], deviation)
            answering.tell("" if deviation < TOLERANCE else wrong)
    except cl.Error as error:
        lines = [line.strip() for line in str(error).splitlines() if "error:" in line]
        answering.tell("cannot compile: " + (lines or str(error).splitlines())[0])


def main() -> None:
    """Do the job on the command line: null lists the devices, a name tries that one."""
    job = json.loads(sys.argv[1])
    answering = Answering(LIMIT)
    drivers.preload_siblings()
    if job is None:
        answering.tell([name_of(device) for device in visible_devices(import_pyopencl())])
    else:
        try_device(job, answering)


if __name__ == "__main__":
    main()
