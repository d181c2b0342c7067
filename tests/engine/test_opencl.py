"""The opencl device: every kernel against the layers' numpy definition, on shapes drawn at random."""

from __future__ import annotations

import logging
import random

import numpy as np
import pytest
from conftest import skip_unless_it_computes
from helpers.engine_nets import input_layer, layer_net, net_of
from helpers.replay import relative_error

from caffe_style.engine import devices, set_random_seed
from caffe_style.engine.devices import opencl
from caffe_style.engine.devices.opencl import choice, platforms, trial, trials
from caffe_style.engine.devices.opencl.programs import Tuning
from caffe_style.engine.memory import Memory, Pool
from caffe_style.errors import BackendError, ResourceError
from caffe_style.networks import network as networks
from caffe_style.networks import zoo

HOST = devices.make_device("numpy")
CASES = 12  # random shapes a kernel
#: As on a GPU, and blocks so small that every loop over blocks goes round.
GPU = Tuning(vector=4, group=64, rows=8, vectors=1, lanes=16, team=8, scratch=1 << 12)


@pytest.fixture(autouse=True)
def same_filters():
    """With others a response may be so near to zero that rounding turns its ReLU on or off."""
    set_random_seed(0)


@pytest.fixture(scope="module", params=["as it is", "as a GPU"])
def device(request):
    skip_unless_it_computes("opencl")
    made = devices.make_device("opencl")
    if request.param == "as it is":
        return made
    return opencl.OpenclDevice(platforms.import_pyopencl(), made._device, GPU)


def both_ways(net, device, rng, lean=True):
    """Tops and input gradients of the host and of the device, for the same random values."""
    values = {name: rng.standard_normal(net.blobs[name].shape) for name in net.inputs}
    gradients = {name: rng.standard_normal(net.blobs[name].shape) for name in net.outputs}
    net.lean = lean
    results = []
    for net.device in (HOST, device):
        for name, value in values.items():
            net.blobs[name].data[...] = value
        net.clear_param_diffs()
        found = {name: value.copy() for name, value in net.forward().items()}
        for name, gradient in gradients.items():
            net.blobs[name].diff[...] = gradient
        found.update((name + " diff", diff.copy()) for name, diff in net.backward().items())
        for name, blobs in net.params.items():
            found.update(
                ("%s %d diff" % (name, i), blob.diff.copy()) for i, blob in enumerate(blobs)
            )
        results.append(found)
    return results


def check(net, device, seed, lean=True):
    wanted, found = both_ways(net, device, np.random.default_rng(seed), lean)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert relative_error(found[name], value) < 1e-4, name


def draw_convolution(draw):
    group = draw.choice([1, 1, 2, 3])
    channels, outputs = (group * draw.choice([1, 3, 8, 13, 16, 40]) for _ in range(2))
    kernel = [draw.choice([1, 2, 3, 3, 3, 5, 7]) for _ in range(2)]
    if draw.random() < 0.5:
        kernel[1] = kernel[0]
    plain = draw.random() < 0.5
    stride, dilation = ([1 if plain else draw.randint(1, 3) for _ in range(2)] for _ in range(2))
    pad = [draw.randint(0, 4) for _ in range(2)]
    size = [
        max(d * (k - 1) + 1 - 2 * p, 0) + draw.randint(1, 14)
        for d, k, p in zip(dilation, kernel, pad)
    ]
    fields = "num_output: %d group: %d bias_term: %s" % (
        outputs,
        group,
        draw.choice(["true", "false"]),
    )
    for name, (down, across) in (("kernel", kernel), ("stride", stride), ("pad", pad)):
        fields += " %s_h: %d %s_w: %d" % (name, down, name, across)
    fields += " dilation: %d dilation: %d" % tuple(dilation)
    filler = '{ type: "gaussian" std: 0.3 }'
    fields += " weight_filler %s bias_filler %s" % (filler, filler)
    return (draw.randint(1, 2), channels, *size), "convolution_param { %s }" % fields


@pytest.mark.parametrize("seed", range(3 * CASES))
def test_convolution(device, seed):
    shape, options = draw_convolution(random.Random(seed))
    check(layer_net("Convolution", [shape], options), device, seed, lean=seed % 3 > 0)


@pytest.mark.parametrize("pad", range(4))
@pytest.mark.parametrize("channels", [(8, 8), (16, 48), (24, 10)])
def test_winograd_and_its_relu(device, channels, pad):
    """Convolution and ReLU run as one, with masks on the way back, at sizes that no tile divides."""
    text = "force_backward: true\n" + input_layer("data", (2, channels[0], 9, 14))
    text += """
        layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param {
          num_output: %d kernel_size: 3 pad: %d
          weight_filler { type: "gaussian" std: 0.2 } bias_filler { type: "gaussian" std: 1 } } }
        layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
        """ % (channels[1], pad)
    for lean in (True, False):
        check(net_of(text), device, pad, lean)


@pytest.mark.parametrize("seed", range(2 * CASES))
def test_pooling(device, seed):
    draw = random.Random(seed)
    kernel = [draw.randint(1, 4) for _ in range(2)]
    options = "pool: %s kernel_h: %d kernel_w: %d" % (draw.choice(["MAX", "AVE"]), *kernel)
    options += " stride_h: %d stride_w: %d" % (draw.randint(1, 4), draw.randint(1, 4))
    options += " pad_h: %d pad_w: %d" % tuple(draw.randint(0, k - 1) for k in kernel)
    shape = (draw.randint(1, 2), draw.choice([1, 3, 16, 20]), *(draw.randint(4, 12) for _ in "hw"))
    check(layer_net("Pooling", [shape], "pooling_param { %s }" % options), device, seed)


def test_the_first_maximum_wins(device):
    net = layer_net("Pooling", [(1, 16, 6, 6)], "pooling_param { kernel_size: 3 stride: 2 }")
    net.blobs["b0"].data[...] = 1
    results = []
    for net.device in (HOST, device):
        net.forward()
        net.blobs["top"].diff[...] = 1
        results.append(net.backward()["b0"].copy())
    assert np.array_equal(*results) and results[1].sum() == 16 * 9


@pytest.mark.parametrize("size", [1, 3, 5, 9])
@pytest.mark.parametrize("channels", [1, 3, 16, 40])
@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_lrn(device, size, channels, beta):
    options = "lrn_param { local_size: %d alpha: 2 beta: %g k: 2 }" % (size, beta)
    check(layer_net("LRN", [(2, channels, 3, 4)], options), device, size)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("type_", ["ReLU", "Dropout"])
def test_element_wise(device, type_, in_place):
    options = "relu_param { negative_slope: 0.3 }" if type_ == "ReLU" else ""
    for shape in ((2, 5, 3, 7), (3,), (4, 33)):
        check(layer_net(type_, [shape], options, in_place=in_place), device, 0)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "operation", ["PROD", "PROD stable_prod_grad: false", "SUM", "SUM coeff", "MAX"]
)
def test_eltwise(device, operation, count):
    if operation.endswith("coeff"):
        operation = "SUM " + " ".join("coeff: %g" % (i - 0.5) for i in range(count))
    options = "eltwise_param { operation: %s }" % operation
    check(layer_net("Eltwise", [(2, 5, 4, 3)] * count, options), device, count)


@pytest.mark.parametrize("axis", range(4))
def test_concat(device, axis):
    whole, one, other = [2, 24, 6, 5], [2, 24, 6, 5], [2, 24, 6, 5]
    one[axis], other[axis] = 1, whole[axis] - 1
    net = layer_net("Concat", [one, other, whole], "concat_param { axis: %d }" % axis)
    check(net, device, axis)


@pytest.mark.parametrize("transpose", ["true", "false"])
@pytest.mark.parametrize("shape", [(1, 7, 3, 5), (13, 50)])
def test_inner_product(device, shape, transpose):
    options = (
        'inner_product_param { num_output: 37 transpose: %s weight_filler { type: "xavier" } }'
    )
    for lean in (True, False):
        check(layer_net("InnerProduct", [shape], options % transpose), device, 0, lean)


def test_not_a_number_passes_through(device):
    relu = layer_net("ReLU", [(1, 16, 2, 2)])
    convolution = layer_net(
        "Convolution", [(1, 16, 8, 8)], "convolution_param { num_output: 16 kernel_size: 3 }"
    )
    for net in (relu, convolution):
        net.device = device
        net.blobs["b0"].data[...] = np.nan
        assert np.isnan(net.forward()["top"]).all()


# -- nets ------------------------------------------------------------------------------------------


def image_gradient(network, image, last, rng):
    net = network.net
    net.blobs[network.input_blob].data[...] = image
    net.forward(end=last)
    blob = net.blobs[net.top_names[last][0]]
    blob.diff[...] = rng.standard_normal(blob.shape)
    net.backward(start=last)
    return blob.data.copy(), net.blobs[network.input_blob].diff.copy()


@pytest.mark.parametrize(
    "model, last",
    [
        ("vgg19", "relu4_1"),
        ("squeezenet", "fire9/concat"),
        ("googlenet", "inception_5a/output"),
        ("alexnet", "relu5"),
    ],
)
def test_whole_networks(model, last, device):
    """As the cpu device, as far as rounding allows: it turns some ReLUs on or off."""
    from caffe_style.backends import select as backends
    from caffe_style.engine.formats.prototxt import read_prototxt

    described = zoo.get_model(model)
    param = read_prototxt(str(described.prototxt))
    for layer in param.layer:
        if layer.type == "Pooling":
            layer.pooling_param.pool = layer.pooling_param.AVE
    network = networks.Network(backends.open_net(param, None, "cpu"), described, "cpu", param)
    rng = np.random.default_rng(0)
    for blobs in network.net.params.values():
        for blob in blobs:
            scale = (2 / np.prod(blob.shape[1:])) ** 0.5 if len(blob.shape) > 1 else 0.1
            blob.data[...] = scale * rng.standard_normal(blob.shape)
    for size in ((75, 90), (64, 64)):  # the second shows that resizing leaves nothing behind
        network.resize(*size)
        image = 50 * rng.standard_normal((1, 3) + size)
        results = []
        for network.net.device in (devices.make_device("cpu"), device):
            results.append(image_gradient(network, image, last, np.random.default_rng(1)))
        for wanted, found in zip(*results):
            assert np.abs(wanted).max() > 0
            assert np.linalg.norm(found - wanted) < 5e-3 * np.linalg.norm(wanted)


def test_changed_weights_are_used(device):
    options = "convolution_param { num_output: 16 kernel_size: %d }"
    for kernel in (1, 3):
        net = layer_net("Convolution", [(1, 16, 8, 8)], options % kernel)
        net.device = device
        net.blobs["b0"].data[...] = 1
        for weight, bias in ((1, 0), (2, 0), (2, 5)):
            net.params["layer"][0].data[...] = weight
            net.params["layer"][1].data[...] = bias
            wanted = weight * 16 * kernel**2 + bias
            assert np.allclose(net.forward()["top"], wanted, rtol=1e-5)


def test_values_stay_on_the_device(device, monkeypatch):
    """Between layers nothing is copied: the image up, the last responses down, and so back."""
    copies = []
    for name in ("upload", "download"):
        plain = getattr(opencl.OpenclDevice, name)

        def counting(self, one, other, name=name, plain=plain):
            copies.append(name)
            plain(self, one, other)

        monkeypatch.setattr(opencl.OpenclDevice, name, counting)
    text = "force_backward: true\n" + input_layer("data", (1, 16, 8, 8))
    bottom = "data"
    for i in range(3):
        text += 'layer { name: "c%d" type: "Convolution" bottom: "%s" top: "c%d"' % (i, bottom, i)
        text += " convolution_param { num_output: 16 kernel_size: 3 pad: 1 } }\n"
        text += 'layer { name: "r%d" type: "ReLU" bottom: "c%d" top: "c%d" }\n' % (i, i, i)
        bottom = "c%d" % i
    net = net_of(text)
    net.device, net.lean = device, True
    for turn in range(2):
        del copies[:]  # the second time the filters are there already
        net.blobs["data"].data[...] = turn
        net._run_forward(0, 6)
        assert net.blobs["c2"].read_data().shape == (1, 16, 8, 8)
        net.blobs["c2"].diff[...] = 1
        net._run_backward(6, 0)
        assert net.blobs["data"].diff.shape == (1, 16, 8, 8)
    assert copies == ["upload", "download", "upload", "download"]


def test_what_has_no_kernel_is_told_once(device, caplog):
    device._told.clear()
    net = layer_net("TanH", [(1, 2, 3, 3)])
    with caplog.at_level(logging.INFO, "caffe_style"):
        check(net, device, 0)
    told = [record.message for record in caplog.records]
    assert len(told) == 1 and "TanH" in told[0] and "host" in told[0]


# -- choosing --------------------------------------------------------------------------------------


def test_devices_by_number_and_name(device):
    found = opencl.list_devices()
    assert choice.choose_device(0) == found[0]
    assert choice.choose_device(found[0].handle.name[2:7].upper()) == found[0]
    for nothing in (len(found), -1, "no such name"):
        with pytest.raises(BackendError, match="0: ") as raised:
            choice.choose_device(nothing)
        assert found[0].name in str(raised.value) and str(nothing) in str(raised.value)


def test_the_trial_runs_what_our_kernels_serve(device):
    """What a driver may die of is tried: all layers that have kernels, but those that copy nothing."""
    tried = {layer[0] for layer in trial.LAYERS} | {"ReLU", "Split"}
    assert tried == set(device._kernels) - {"Dropout"}
    deviations = [trial.try_layer(device, "layer", *layer) for layer in trial.LAYERS]
    assert max(deviations) < trial.TOLERANCE / 10


@pytest.mark.parametrize(
    "layer", [layer for layer in trial.LAYERS if layer[0] != "Eltwise"], ids=lambda layer: layer[0]
)
def test_no_response_of_the_trial_is_near_zero(layer):
    """There rounding would turn a ReLU on or off, and a good driver be refused; no product changes its sign."""
    net = trial.layer_and_relu("relu", *layer)
    net.device = HOST
    net.blobs["data"].data[...] = np.random.default_rng(0).standard_normal(net.blobs["data"].shape)
    net.forward()
    assert np.abs(net.blobs["layer"].data).min() > 1e-5


def test_the_trial_notices_what_is_computed_wrongly(device, monkeypatch):
    monkeypatch.setitem(device._kernels, "LRN", device._kernels["Dropout"])
    lrn = next(layer for layer in trial.LAYERS if layer[0] == "LRN")
    assert not trial.try_layer(device, "layer", *lrn) < trial.TOLERANCE


def test_a_device_that_failed_its_trial_is_not_offered(device, monkeypatch):
    monkeypatch.setattr(trials, "try_device", lambda name, libraries: "gives wrong values")
    assert all(each.fault for each in opencl.list_devices())
    with pytest.raises(BackendError, match="cannot be used: its driver gives wrong values"):
        choice.choose_device(0)


def test_no_driver_says_what_to_install(device, monkeypatch):
    monkeypatch.setattr(trials, "try_drivers", dict)
    with pytest.raises(BackendError, match=r"caffe-style\[opencl\].*driver"):
        opencl.list_devices()


def test_no_pyopencl_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyopencl", None)
    with pytest.raises(BackendError, match=r"caffe-style\[opencl\]"):
        opencl.list_devices()


def test_no_room_on_the_device(device):
    with pytest.raises(ResourceError, match="no room for .* --size"):
        Memory(1 << 50).device_array(device)


def test_released_diffs_are_recycled(device):
    memory = Memory(1 << 16)
    memory.pool = Pool()
    held = set()
    for _ in range(3):
        memory.device_array(device, overwritten=True)
        held.add(device._pool.managed_bytes)
        memory.release()
    assert len(held) == 1


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_names_of_devices_are_for_opencl(name):
    with pytest.raises(BackendError, match="%s takes a number, not 'radeon'" % name):
        devices.make_device(name, "radeon")
