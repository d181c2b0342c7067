"""`blob.data` and `blob.diff` are Caffe's arrays on every device: contiguous, and in step while they are held.

What genuine Caffe shows is computed here from what it does: a blob has one flat array in the order
(N, C, H, W), which is kept until a reshape outgrows it. Every array that a caller holds is a part of it.
"""

from __future__ import annotations

import ctypes
import gc

import numpy as np
import pytest
from conftest import skip_unless_it_computes
from helpers.engine_nets import input_layer, net_of

from caffe_style import engine as caffe
from caffe_style.engine import devices
from caffe_style.engine.blob import Blob
from caffe_style.errors import BackendError

CONV = (
    'layer { name: "%s" type: "Convolution" bottom: "%s" top: "%s" convolution_param { num_output: %d'
    ' kernel_size: %d weight_filler { type: "gaussian" std: 0.3 } } }\n'
)
RELU = 'layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }\n'
NET = (
    "force_backward: true\n"
    + input_layer("data", (1, 3, 9, 8))
    + CONV % ("conv", "data", "conv", 4, 3)
    + RELU
    + 'layer { name: "scale" type: "Power" bottom: "conv" top: "scaled" power_param { scale: 2 } }\n'
)
#: As MTCNN's first net: everything is convolutional, two outputs of one body.
PROPOSALS = (
    input_layer("data", (1, 3, 12, 12))
    + CONV % ("conv", "data", "conv", 6, 3)
    + 'layer { name: "prelu" type: "PReLU" bottom: "conv" top: "conv" }\n'
    + 'layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param'
    + " { pool: MAX kernel_size: 2 stride: 2 } }\n"
    + CONV % ("score", "pool", "score", 2, 5)
    + CONV % ("box", "pool", "box", 4, 5)
    + 'layer { name: "prob" type: "Softmax" bottom: "score" top: "prob" }\n'
)


@pytest.fixture(params=devices.NAMES)
def device(request):
    if request.param not in ("cpu", "numpy"):
        skip_unless_it_computes(request.param)
    try:
        return devices.make_device(request.param)
    except BackendError as error:
        pytest.skip(str(error))


def open_net(text, device):
    caffe.set_random_seed(0)
    net = net_of(text)
    net.device = device
    return net


def picture(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def feed(net, values):
    net.blobs["data"].reshape(*values.shape)
    net.blobs["data"].data[...] = values


def outputs_of(text, device, values):
    """Copies of a fresh net's outputs."""
    net = open_net(text, device)
    feed(net, values)
    return {name: array.copy() for name, array in net.forward().items()}


class Storage:
    """What genuine Caffe has behind one blob."""

    def __init__(self):
        self.flat = np.zeros(0, np.float32)

    def write(self, values):
        """A forward writes; the view that a caller gets."""
        if values.size > self.flat.size:
            self.flat = np.zeros(values.size, np.float32)
        self.flat[: values.size] = values.ravel()
        return self.flat[: values.size].reshape(values.shape)


# -- one array ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (5,), (4, 5), (2, 3, 4), (2, 3, 4, 5), (2, 3, 4, 2, 3)])
def test_arrays_are_contiguous_and_writable(shape):
    blob = Blob(shape)
    for name in ("data", "diff"):
        array = getattr(blob, name)
        assert array.shape == shape and array.dtype == np.float32
        assert array.flags.c_contiguous and array.flags.writeable
        array.reshape(-1)[...] = np.arange(array.size)
        assert (getattr(blob, name).ravel() == np.arange(array.size)).all()
        assert (getattr(blob, name + "_view").ravel() == np.arange(array.size)).all()
        getattr(blob, name + "_view")[...] = 7
        blob.show()
        assert (array == 7).all()


def test_empty_blobs_have_arrays():
    blob = Blob((2, 0, 3, 3))
    assert blob.data.shape == (2, 0, 3, 3) and blob.diff.size == 0
    blob.reshape(0)
    assert blob.data.shape == (0,)


@pytest.mark.parametrize("shape", [(1, 3, 9, 8), (2, 3, 9, 8)])
def test_flat_writes_reach_the_net(device, shape):
    values = picture(*shape)
    wanted = outputs_of(NET, device, values)["scaled"]
    net = open_net(NET, device)
    net.blobs["data"].reshape(*shape)
    net.blobs["data"].data.ravel()[...] = values.ravel()
    assert (net.forward()["scaled"] == wanted).all()
    net.blobs["data"].data.reshape(-1)[:] = 0
    net.blobs["data"].data.reshape(-1)[:] = values.reshape(-1)
    assert (net.forward()["scaled"] == wanted).all()
    pointer = net.blobs["data"].data.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    for index, value in enumerate(-values.ravel()):
        pointer[index] = value
    assert (net.forward()["scaled"] == outputs_of(NET, device, -values)["scaled"]).all()


def test_pointers_see_caffes_order(device):
    net = open_net(NET, device)
    feed(net, picture(1, 3, 9, 8))
    net.forward()
    array = net.blobs["conv"].data
    pointer = array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    assert [pointer[index] for index in range(array.size)] == array.copy().ravel().tolist()


def test_diffs_written_flat_reach_the_net(device):
    gradients = []
    for flat in (False, True):
        net = open_net(NET, device)
        feed(net, picture(1, 3, 9, 8))
        net.forward()
        diff = net.blobs["scaled"].diff
        (diff.ravel() if flat else diff)[...] = picture(diff.size).reshape(
            -1 if flat else diff.shape
        )
        gradients.append(net.backward()["data"].copy())
    assert gradients[0].any() and (gradients[0] == gradients[1]).all()


# -- arrays that are held ----------------------------------------------------------------------------


def test_a_held_array_shows_each_later_forward_and_is_read_by_it(device):
    net = open_net(NET, device)
    data, conv, out = (net.blobs[name].data for name in ("data", "conv", "scaled"))
    for sign in (1, -1, 2):
        values = sign * picture(1, 3, 9, 8)
        data[...] = values
        net.forward()
        assert (data == values).all()
        assert (out == outputs_of(NET, device, values)["scaled"]).all()
        assert np.allclose(conv * 2, out)
        assert (net.blobs["scaled"].data == out).all()


def test_a_view_is_held_like_its_array(device):
    net = open_net(NET, device)
    one = net.blobs["scaled"].data[0, 1].T
    gc.collect()
    feed(net, picture(1, 3, 9, 8))
    net.forward()
    assert one.any() and (one == net.blobs["scaled"].data[0, 1].T).all()


def test_held_diffs_and_parameters_are_in_step(device):
    net = open_net(NET, device)
    weights, bias = (blob.data for blob in net.params["conv"])
    slopes = net.params["conv"][0].diff
    top, below = net.blobs["scaled"].diff, net.blobs["data"].diff
    feed(net, picture(1, 3, 9, 8))
    net.forward()
    for factor in (1, 2):
        top[...] = factor
        net.clear_param_diffs()
        assert not slopes.any()
        net.backward()
        assert below.any() and slopes.any()
        if factor == 1:
            first = below.copy(), slopes.copy()
    assert np.allclose(below, 2 * first[0], atol=1e-5) and np.allclose(
        slopes, 2 * first[1], atol=1e-4
    )
    bias[...] = 3
    weights[...] = 0
    assert (net.forward()["scaled"] == 6).all()


def test_what_is_written_into_a_held_array_counts_after_it_is_let_go(device):
    net = open_net(NET, device)
    feed(net, picture(1, 3, 9, 8))
    held = net.blobs["data"].data, net.params["conv"][0].data, net.blobs["scaled"].diff
    net.forward()
    net.backward()
    for array in held:
        array[...] = 1
    del array, held
    gc.collect()
    # Biases are zero, so each response is the sum of 3 x 3 x 3 products, doubled.
    assert (net.forward()["scaled"] == 54).all()
    # In the middle four maps with 3 x 3 weights of one look at a pixel.
    assert (net.backward()["data"][0, :, 4, 4] == 72).all()


def test_held_arrays_of_a_blob_with_a_loss_weight_are_in_step(device):
    net = open_net(NET.replace("power_param", "loss_weight: 1 power_param"), device)
    feed(net, picture(1, 3, 9, 8))
    slopes = net.blobs["scaled"].diff
    net.forward()
    net.backward()
    first = net.blobs["data"].diff.copy()
    net.forward()
    slopes[...] = 2
    net.backward()
    assert first.any() and np.allclose(net.blobs["data"].diff, 2 * first, atol=1e-5)


def test_held_arrays_show_values_given_to_a_part_of_the_net(device):
    net = open_net(NET, device)
    held = net.blobs["data"].data
    given = picture(1, 3, 9, 8)
    net.forward(start="scale", data=given)
    assert (held == given).all()
    held[...] = 0
    assert not net.forward()["scaled"].any()


def test_held_parameters_show_loaded_weights(device, tmp_path):
    shape = "shape { dim: 1 dim: 2 dim: 3 dim: 4 }"
    text = 'layer { name: "own" type: "Parameter" top: "own" parameter_param { %s } }' % shape
    net, path = open_net(text, device), str(tmp_path / "own.caffemodel")
    held = net.params["own"][0].data
    held[...] = wanted = picture(1, 2, 3, 4)
    net.save(path)
    held[...] = 0
    net.forward()
    net.copy_from(path)
    assert (held == wanted).all()
    held[...] = 5
    assert (net.forward()["own"] == 5).all()


def test_hooks_see_and_change_held_arrays(device):
    net = open_net(NET, device)
    conv = net.blobs["conv"].data
    seen = []

    def hook(index):
        if net._layer_names[index] == "relu":
            seen.append(conv.min())
            conv[...] += 1

    net.after_forward(hook)
    feed(net, picture(1, 3, 9, 8))
    out = net.forward()["scaled"]
    assert seen == [0] and out.min() == 2 and (out == 2 * conv).all()


def test_blobs_nobody_looked_at_have_no_array():
    net = open_net(NET, devices.make_device("numpy"))
    feed(net, picture(1, 3, 9, 8))
    net.forward()
    copies = {name: blob.data_memory._flat is not None for name, blob in net.blobs.items()}
    assert copies == {"data": True, "conv": False, "scaled": True}


# -- reshape -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels_last", [True, False])
def test_reshape_keeps_the_leading_values_in_caffes_order(channels_last):
    blob = Blob((1, 3, 4, 5), channels_last=channels_last)
    blob.data_view[...] = np.arange(60).reshape(1, 3, 4, 5)
    for shape in ((1, 2, 3, 4), (24,), (2, 12), (3, 2, 2, 2), (2, 30), (1, 3, 4, 5)):
        blob.reshape(*shape)
        size = blob.count
        assert (blob.data_view.ravel() == np.arange(size)).all()
        assert (blob.data.ravel() == np.arange(size)).all()


def test_a_larger_shape_gives_new_memory_and_leaves_what_is_held():
    blob = Blob((1, 2, 2, 2))
    held = blob.data
    held[...] = 5
    blob.reshape(1, 2, 3, 3)
    assert not blob.data.any() and (held == 5).all()
    blob.data[...] = 1
    assert (held == 5).all()


SIZES = [(14, 20), (13, 17), (12, 12), (14, 20), (12, 13)]


def test_a_split_whose_diff_has_less_room_than_its_data(device):
    body = input_layer("data", (1, 3, 4, 4))
    for name in ("one", "two"):
        body += 'layer { name: "%s" type: "Power" bottom: "data" top: "%s" }\n' % (name, name)
    net = open_net("force_backward: true\n" + body, device)
    net.blobs["data"].reshape(1, 3, 9, 9)
    net.blobs["data"].data[...] = 1
    for edge in (5, 7):
        feed(net, picture(1, 3, edge, edge))
        net.forward()
        for name in ("one", "two"):
            net.blobs[name].diff[...] = 1
        assert (net.backward()["data"] == 2).all()


def test_arrays_of_forward_held_over_shrinking_reshapes(device):
    """The published MTCNN demo's way: one net, a pyramid of sizes, all results kept."""
    net = open_net(PROPOSALS, device)
    held, wanted = [], []
    storages = {"box": Storage(), "prob": Storage()}
    for size in SIZES:
        values = picture(1, 3, *size)
        feed(net, values)
        held.append(net.forward())
        fresh = outputs_of(PROPOSALS, device, values)
        wanted.append({name: storages[name].write(fresh[name]) for name in storages})
        for then, should in zip(held, wanted):
            for name in storages:
                assert then[name].shape == should[name].shape
                assert np.allclose(then[name], should[name], rtol=1e-5, atol=1e-6), (size, name)
    assert held[0]["prob"].shape != held[2]["prob"].shape


def test_a_held_input_is_the_same_memory_after_a_smaller_shape(device):
    net = open_net(PROPOSALS, device)
    large, small = picture(1, 3, 14, 20), picture(1, 3, 12, 13)
    feed(net, large)
    held = net.blobs["data"].data
    net.forward()
    net.blobs["data"].reshape(*small.shape)
    assert (net.blobs["data"].data.ravel() == large.ravel()[: small.size]).all()
    held.ravel()[: small.size] = small.ravel()
    found = net.forward()
    wanted = outputs_of(PROPOSALS, device, small)
    assert all(np.allclose(found[name], wanted[name], atol=1e-6) for name in wanted)
    assert (held.ravel()[small.size :] == large.ravel()[small.size :]).all()


def test_lean_nets_do_not_recycle_what_is_held(device):
    net = open_net(NET, device)
    net.lean = True
    feed(net, picture(1, 3, 9, 8))
    net.forward()
    net.blobs["scaled"].diff[...] = 1
    held = net.blobs["scaled"].diff
    net.backward()
    values = held.copy()
    for _ in range(3):
        net.blobs["scaled"].diff[...] = 2
        net.backward()
    assert (held == values).all() and values.any()


# -- layers from outside -----------------------------------------------------------------------------


def test_python_layers_read_and_write_caffes_order(device, tmp_path, monkeypatch):
    (tmp_path / "doubling_layer.py").write_text(
        "import caffe_style.engine as caffe\n"
        "class Doubling(caffe.Layer):\n"
        "    def setup(self, bottom, top):\n"
        "        self.kept = bottom[0].data\n"
        "    def reshape(self, bottom, top):\n"
        "        top[0].reshape(*bottom[0].shape)\n"
        "    def forward(self, bottom, top):\n"
        "        assert (self.kept == bottom[0].data).all()\n"
        "        top[0].data.ravel()[...] = 2 * bottom[0].data.ravel()\n"
        "    def backward(self, top, propagate_down, bottom):\n"
        "        bottom[0].diff.reshape(-1)[...] = 2 * top[0].diff.reshape(-1)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    start = NET.index('layer { name: "scale"')
    text = NET[:start] + (
        'layer { name: "scale" type: "Python" bottom: "conv" top: "scaled" python_param'
        ' { module: "doubling_layer" layer: "Doubling" } }\n'
    )
    net, plain = open_net(text, device), open_net(NET, device)
    for each in (net, plain):
        feed(each, picture(1, 3, 9, 8))
        each.forward()
        each.blobs["scaled"].diff[...] = picture(1, 4, 7, 6)
        each.backward()
    assert np.allclose(net.blobs["scaled"].data, plain.blobs["scaled"].data)
    assert np.allclose(net.blobs["data"].diff, plain.blobs["data"].diff, atol=1e-5)
