"""Lean backward: the same image gradients, no parameter gradients, on every device."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import REFERENCE, skip_unless_it_computes
from helpers.replay import relative_error

from caffe_style import engine
from caffe_style.engine import devices

NETS = [
    "net_alexnet_full",
    "net_inception_full",
    "net_nin_full",
    "net_vgg_full",
    "net_inplace_chain",
]


@pytest.fixture(params=devices.NAMES)
def device(request):
    skip_unless_it_computes(request.param)
    return devices.make_device(request.param)


def open_case(name, tmp_path, device):
    """The net of a recorded case with its inputs and parameters."""
    with np.load(str(REFERENCE / (name + ".npz"))) as case:
        (tmp_path / "net.prototxt").write_text(str(case["prototxt"]))
        net = engine.Net(str(tmp_path / "net.prototxt"), engine.TEST)
        for key in case.files:
            kind, _, rest = key.partition(":")
            if kind == "input":
                net.blobs[rest].data[...] = case[key]
            elif kind == "param":
                layer, index = rest.rsplit(":", 1)
                net.params[layer][int(index)].data[...] = case[key]
    net.device = device
    return net


def inject_and_run(net, rng):
    """Random diffs on every output; the inputs' diffs."""
    net.forward()
    for name in net.outputs:
        net.blobs[name].diff[...] = rng.standard_normal(net.blobs[name].shape)
    return {name: diff.copy() for name, diff in net.backward().items()}


@pytest.mark.parametrize("name", NETS)
def test_lean_gradients_are_the_same(name, tmp_path, device):
    net = open_case(name, tmp_path, device)
    wanted = inject_and_run(net, np.random.default_rng(0))
    assert any(blob.diff.any() for blobs in net.params.values() for blob in blobs)
    net.clear_param_diffs()
    net.lean = True
    for _ in range(2):  # the second time all buffers are recycled ones
        found = inject_and_run(net, np.random.default_rng(0))
        for blob, diff in wanted.items():
            assert relative_error(found[blob], diff) < 1e-5
    assert not any(blob.diff.any() for blobs in net.params.values() for blob in blobs)
    net.lean = False
    again = inject_and_run(net, np.random.default_rng(0))
    assert all(relative_error(again[blob], diff) < 1e-5 for blob, diff in wanted.items())


def test_lean_injection_between_partial_runs(tmp_path, device):
    """As style transfer runs: top down, adding each layer's gradient on the way."""
    net = open_case("net_vgg_full", tmp_path, device)
    layers = [name for name in net._layer_names if net.layer_dict[name].type == "ReLU"]
    last, mid = layers[-1], layers[1]
    below = list(net._layer_names).index(mid) + 1
    results = []
    for lean in (False, True):
        net.lean = lean
        net.forward(end=last)
        top, middle = net.top_names[last][0], net.top_names[mid][0]
        rng = np.random.default_rng(1)
        net.blobs[top].diff[...] = rng.standard_normal(net.blobs[top].shape)
        net.backward(start=last, end=net._layer_names[below])
        net.blobs[middle].diff[...] += rng.standard_normal(net.blobs[middle].shape)
        net.backward(start=mid)
        results.append(net.blobs[net.inputs[0]].diff.copy())
    assert results[0].any() and relative_error(results[1], results[0]) < 1e-5
