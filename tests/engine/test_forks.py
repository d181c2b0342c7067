"""The layers of Caffe's forks, each against its definition written out in plain numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.engine_nets import layer_net, run

from caffe_style.engine import TRAIN, set_random_seed

IMAGE = (2, 6, 4, 3)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


# -- the same values in another order --------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (3, 1), (1,)])
def test_permute(rng, order):
    x = rng.standard_normal(IMAGE)
    options = "permute_param { %s }" % " ".join("order: %d" % axis for axis in order)
    y = run(layer_net("Permute", [IMAGE], options), x)
    full = list(order) + [axis for axis in range(4) if axis not in order]
    assert y.shape == tuple(IMAGE[axis] for axis in full)
    for index in np.ndindex(*y.shape):
        source = [0] * 4
        for place, axis in enumerate(full):
            source[axis] = index[place]
        assert y[index] == np.float32(x[tuple(source)])


def test_shuffle_channel(rng):
    x = rng.standard_normal(IMAGE)
    y = run(layer_net("ShuffleChannel", [IMAGE], "shuffle_channel_param { group: 2 }"), x)
    for to, source in enumerate([0, 3, 1, 4, 2, 5]):
        assert np.array_equal(y[:, to], x[:, source].astype(np.float32))


# -- value by value, channel by channel ------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "negative_slope: 0.25"])
def test_relu6(options):
    x = np.array([[-4.0, -1, 0, 3, 6, 9]])
    slope = 0.25 if options else 0
    for field in ("relu6_param", "relu_param"):
        net = layer_net("ReLU6", [x.shape], "%s { %s }" % (field, options))
        assert run(net, x).tolist() == [[-4 * slope, -slope, 0, 3, 6, 6]]
        net.blobs["top"].diff[...] = 2
        assert net.backward()["b0"].tolist() == [[2 * slope, 2 * slope, 2 * slope, 2, 0, 0]]


def test_axpy(rng):
    factor, x, y = (rng.standard_normal(shape) for shape in (IMAGE[:2] + (1, 1), IMAGE, IMAGE))
    found = run(layer_net("Axpy", [factor.shape, IMAGE, IMAGE]), factor, x, y)
    expected = np.array([[factor[n, c, 0, 0] * x[n, c] for c in range(6)] for n in range(2)]) + y
    assert np.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_normalize(rng, across, shared):
    x = rng.standard_normal(IMAGE)
    options = "norm_param { across_spatial: %s channel_shared: %s }" % (
        str(across).lower(),
        str(shared).lower(),
    )
    net = layer_net("Normalize", [IMAGE], options)
    scale = net.params["layer"][0]
    assert (scale.data == 1).all() and scale.shape == (() if shared else (6,))
    scale.data[...] = 3 if shared else np.arange(1, 7)
    y = run(net, x)
    for n, c, i, j in np.ndindex(*IMAGE):
        norm = np.linalg.norm(x[n] if across else x[n, :, i, j])
        assert math.isclose(
            y[n, c, i, j], x[n, c, i, j] / norm * (3 if shared else c + 1), rel_tol=1e-5
        )


def test_normalize_of_nothing_is_nothing():
    net = layer_net("Normalize", [IMAGE], "norm_param { across_spatial: false }")
    assert not run(net, np.zeros(IMAGE)).any()


# -- BN --------------------------------------------------------------------------------------------


SEGNET = "bn_param { scale_filler { type: 'constant' value: 2 } shift_filler { value: 1 } %s }"


def batch_normalised(x, eps):
    mean = x.mean((0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(x.var((0, 2, 3), keepdims=True) + eps)


def test_bn_of_segnet(rng):
    x = rng.standard_normal(IMAGE) * 3 + 1
    net = layer_net("BN", [IMAGE], SEGNET % "bn_mode: INFERENCE")
    assert [blob.shape for blob in net.params["layer"]] == [(1, 6, 1, 1)] * 2
    assert np.allclose(run(net, x), 2 * x + 1, atol=1e-5)
    learning = layer_net("BN", [IMAGE], SEGNET % "")
    assert np.allclose(run(learning, x), 2 * batch_normalised(x, 1e-9) + 1, atol=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
def test_bn_of_pspnet(rng, frozen):
    options = (
        "bn_param { slope_filler { value: 2 } bias_filler { value: 1 } momentum: 0.8 frozen: %s }"
    )
    options %= str(frozen).lower()
    x = rng.standard_normal(IMAGE)
    mean, variance = rng.standard_normal(6), rng.uniform(0.5, 2, 6)
    running = [values.reshape(1, 6, 1, 1) for values in (mean, variance)]

    def filled(phase):
        net = layer_net("BN", [IMAGE], options, phase=phase)
        for blob, values in zip(net.params["layer"][2:], running):
            blob.data[...] = values
        return net

    with_running = 2 * (x - running[0]) / np.sqrt(running[1] + 1e-5) + 1
    assert np.allclose(run(filled(1), x), with_running, atol=1e-5)
    training = filled(TRAIN)
    y = run(training, x)
    found = [blob.data for blob in training.params["layer"][2:]]
    if frozen:
        assert np.allclose(y, with_running, atol=1e-5)
        assert np.allclose(found, running)
    else:
        assert np.allclose(y, 2 * batch_normalised(x, 1e-5) + 1, atol=1e-5)
        own = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
        for blob, old, new in zip(found, running, own):
            assert np.allclose(blob, 0.8 * old + 0.2 * new, atol=1e-5)


def test_frozen_statistics_begin_as_0_and_1():
    net = layer_net("BN", [IMAGE], "bn_param { frozen: true }")
    assert [blob.data.mean() for blob in net.params["layer"]] == [0, 0, 0, 1]


@pytest.mark.parametrize("average", [False, True])
def test_bn_of_the_first_pspnet(rng, average):
    options = "bn_param { scale_filler { value: 2 } shift_filler { value: 1 } decay: 0.25 "
    options += "var_eps: 0.001 moving_average: %s }" % str(average).lower()
    x, nets = rng.standard_normal(IMAGE), {}
    for phase in (TRAIN, 1):
        nets[phase] = layer_net("BN", [IMAGE], options, phase=phase)
        for blob, value in zip(nets[phase].params["layer"][2:], (0.5, 3)):
            blob.data[...] = value
    own = 2 * batch_normalised(x, 1e-3) + 1
    assert np.allclose(run(nets[TRAIN], x), own, atol=1e-5)
    mixed = [0.375 + 0.25 * x.mean((0, 2, 3)), 2.25 + 0.25 * x.var((0, 2, 3))]
    assert np.allclose([blob.data.ravel() for blob in nets[TRAIN].params["layer"][2:]], mixed)
    expected = 2 * (x - 0.5) / np.sqrt(3.001) + 1 if average else own
    assert np.allclose(run(nets[1], x), expected, atol=1e-5)
    assert [blob.data.mean() for blob in nets[1].params["layer"][2:]] == [0.5, 3]


def test_segnets_dropout_drops_in_tests_too():
    set_random_seed(1)
    options = "dropout_param { dropout_ratio: 0.25 sample_weights_test: true }"
    net = layer_net("Dropout", [(20, 50)], options)
    y = run(net, np.ones((20, 50)))
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)} and 0.2 < (y == 0).mean() < 0.3
    net.blobs["top"].diff[...] = 2
    assert np.array_equal(net.backward()["b0"], 2 * y)


# -- depthwise convolution -------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["ConvolutionDepthwise", "DepthwiseConvolution"])
@pytest.mark.parametrize("outputs", [6, 12])
def test_depthwise_convolution(rng, type_, outputs):
    x = rng.standard_normal(IMAGE)
    options = "convolution_param { num_output: %d kernel_size: 3 pad: 1 }" % outputs
    net = layer_net(type_, [IMAGE], options)
    weights, bias = (blob.data for blob in net.params["layer"])
    assert weights.shape == (outputs, 1, 3, 3)
    weights[...], bias[...] = rng.standard_normal(weights.shape), rng.standard_normal(outputs)
    y = run(net, x)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for n, k, i, j in np.ndindex(*y.shape):
        window = padded[n, k * 6 // outputs, i : i + 3, j : j + 3]
        assert math.isclose(y[n, k, i, j], (window * weights[k, 0]).sum() + bias[k], abs_tol=1e-4)


# -- losses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [0, 1, 2])
def test_smooth_l1_loss(rng, weights):
    shape, sigma = (3, 8), 1.5
    values = [rng.standard_normal(shape) for _ in range(2)]
    values += [rng.uniform(0, 2, shape) for _ in range(weights)]
    options = "smooth_l1_loss_param { sigma: 1.5 }"
    loss = run(layer_net("SmoothL1Loss", [shape] * (2 + weights), options), *values)
    total = 0.0
    for index in np.ndindex(*shape):
        d = values[0][index] - values[1][index]
        d *= values[2][index] if weights else 1
        near = abs(d) < 1 / sigma**2
        each = (sigma * d) ** 2 / 2 if near else abs(d) - 0.5 / sigma**2
        total += each * (values[3][index] if weights > 1 else 1)
    assert loss.shape == () and math.isclose(loss, total / 3, rel_tol=1e-5)
