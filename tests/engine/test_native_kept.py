"""What the cpu device keeps of convolutions, transformed filters and signs: it changes no result."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from helpers.native_kernels import built, floats, with_threads

from caffe_style.engine import native
from caffe_style.engine.devices.cpu import kept as cpu
from caffe_style.engine.devices.cpu.device import CpuDevice
from caffe_style.engine.pycaffe import Net

#: Height, width, channels and filters: large tiles, small tiles, and edges that no tile or vector fits.
SIZES = [(48, 60, 16, 32), (8, 8, 80, 300), (13, 7, 5, 70)]


@pytest.fixture(params=built())
def kernels(request):
    yield from with_threads(request.param)


def results(kernels, x, dy, weights, kept, group):
    out, dx = np.empty_like(dy), np.empty_like(x)
    window = {"pad": (1, 1), "stride": (1, 1), "dilation": (1, 1), "group": group, "kept": kept}
    kernels.convolve(x, weights, None, out, **window)
    kernels.convolve_input_gradient(dy, weights, dx, **window)
    return out, dx


@pytest.mark.parametrize("group", [1, 5])
@pytest.mark.parametrize("size", SIZES)
def test_results_are_the_same_bit_for_bit(kernels, size, group):
    height, width, c, k = size
    c, k = c * group, k * group
    rng = np.random.default_rng(c)
    x, dy = floats(rng, 2, height, width, c), floats(rng, 2, height, width, k)
    weights = floats(rng, k, c // group, 3, 3)
    expected = results(kernels, x, dy, weights, None, group)
    kept = kernels.KeptFilters()
    assert kept.nbytes == 0
    # Made in the first call, read in the second: with weights of zero nothing else could give these results.
    for given in (weights, np.zeros_like(weights)):
        for found, wanted in zip(results(kernels, x, dy, given, kept, group), expected):
            assert found.tobytes() == wanted.tobytes()
    assert kept.nbytes >= 2 * 4 * 36 * weights.size // 9


def test_pictures_of_another_size_have_tiles_of_another_kind(kernels):
    rng = np.random.default_rng(0)
    weights, kept = floats(rng, 32, 16, 3, 3), kernels.KeptFilters()
    sizes = set()
    for edge in (4, 96, 5, 40):
        x, dy = floats(rng, 1, edge, edge, 16), floats(rng, 1, edge, edge, 32)
        expected = results(kernels, x, dy, weights, None, 1)
        for found, wanted in zip(results(kernels, x, dy, weights, kept, 1), expected):
            assert found.tobytes() == wanted.tobytes()
        sizes.add(kept.nbytes)
    assert len(sizes) > 1


def test_other_windows_keep_nothing(kernels):
    rng = np.random.default_rng(0)
    kept = kernels.KeptFilters()
    x, out = floats(rng, 1, 20, 20, 16), np.empty((1, 16, 16, 8), np.float32)
    kernels.convolve(x, floats(rng, 8, 16, 5, 5), None, out, kept=kept)
    assert kept.nbytes == 0


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize("channels", [3, 32])
def test_signs_serve_as_the_responses_do(kernels, channels, group):
    channels = channels if group == 1 else 32
    rng = np.random.default_rng(channels)
    x, weights = floats(rng, 2, 21, 30, channels), floats(rng, 64, channels // group, 3, 3)
    out, signs = np.empty((2, 21, 30, 64), np.float32), kernels.Signs()
    kernels.convolve(x, weights, None, out, (1, 1), group=group, relu=True, signs=signs)
    assert signs.size == out.size
    dy, wanted, found = floats(rng, *out.shape), np.empty_like(x), np.empty_like(x)
    kernels.convolve_input_gradient(dy, weights, wanted, (1, 1), group=group, mask=out)
    kernels.convolve_input_gradient(dy, weights, found, (1, 1), group=group, mask=signs)
    assert found.tobytes() == wanted.tobytes()


def test_signs_are_empty_where_they_gain_nothing(kernels):
    rng = np.random.default_rng(0)
    x, signs = floats(rng, 1, 9, 9, 8), kernels.Signs()
    for filters, edge, rectified in ((32, 3, True), (32, 3, False), (7, 3, True), (32, 5, True)):
        out = np.empty((1, 10 - edge, 10 - edge, filters), np.float32)
        weights = floats(rng, filters, 8, edge, edge)
        kernels.convolve(x, weights, None, out, relu=rectified, signs=signs)
        assert signs.size == (out.size if (filters, edge, rectified) == (32, 3, True) else 0)


def test_signs_of_other_responses_are_refused(kernels):
    dy, dx = np.zeros((1, 9, 9, 32), np.float32), np.zeros((1, 9, 9, 8), np.float32)
    with pytest.raises(ValueError, match="mask has the wrong number of values"):
        kernels.convolve_input_gradient(
            dy, np.zeros((32, 8, 3, 3), np.float32), dx, (1, 1), mask=kernels.Signs()
        )


# -- the device --------------------------------------------------------------------------------------

needs_kernels = pytest.mark.skipif(not native.available, reason=native.why_not)

TWO_CONVOLUTIONS = """
force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 20 dim: 30 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 32 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2"
        convolution_param { num_output: 48 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(TWO_CONVOLUTIONS)
    return Net(str(path), 1)


def kept_bytes(net):
    return sum(kept.filters.nbytes for _, kept in net.device.keeper._layers.values() if kept)


def run(net, x):
    net.blobs["data"].data[...] = x
    out = net.forward()["conv2"].copy()
    net.blobs["conv2"].diff[...] = 1
    net.backward(diffs=["data"])
    return out, net.blobs["data"].diff.copy()


@needs_kernels
def test_filters_are_kept_until_the_weights_change(net, tmp_path):
    x = np.random.default_rng(0).standard_normal((1, 3, 20, 30))
    first = run(net, x)
    assert kept_bytes(net) == 0
    for _ in range(2):
        for found, wanted in zip(run(net, x), first):
            assert found.tobytes() == wanted.tobytes()
    assert kept_bytes(net) > 0
    net.params["conv2"][0].data[:12] *= 2
    changed = run(net, x)
    assert np.allclose(changed[0][:, :12], 2 * first[0][:, :12], rtol=1e-4, atol=1e-4)
    assert changed[0][:, 12:].tobytes() == first[0][:, 12:].tobytes()
    assert not np.allclose(changed[1], first[1])


@needs_kernels
def test_what_a_caller_writes_into_weights_that_it_holds_counts(net):
    x = np.random.default_rng(0).standard_normal((1, 3, 20, 30))
    held = net.params["conv2"][0].data
    for factor in (1, 3, 1 / 3):
        held *= factor
        first, second = run(net, x)[0], run(net, x)[0]
        assert first.tobytes() == second.tobytes()
    before = run(net, x)[0]
    held *= 2
    assert np.allclose(run(net, x)[0], 2 * before, rtol=1e-4, atol=1e-4)


@needs_kernels
def test_nothing_is_kept_where_weights_change(net):
    x = np.random.default_rng(0).standard_normal((1, 3, 20, 30))
    for _ in range(3):
        run(net, x)
        net.params["conv1"][0].data[...] += 1
        net.params["conv2"][0].data[...] += 1
    assert kept_bytes(net) == 0


@needs_kernels
def test_filters_leave_a_run_the_memory_that_it_needs(net, monkeypatch):
    free = 4 * 10**6
    monkeypatch.setattr(cpu, "available_bytes", lambda: free - kept_bytes(net))
    net.device = CpuDevice()
    x = np.random.default_rng(0).standard_normal((1, 3, 20, 30))
    for needed, keeps in ((free, False), (10**6, True), (free, False), (10**6, True)):
        net.device.reserve(needed)
        for _ in range(3):
            run(net, x)
        assert bool(kept_bytes(net)) == keeps
        assert needed + kept_bytes(net) <= free or not keeps


@needs_kernels
def test_a_copied_net_keeps_nothing_yet(net):
    net.device = CpuDevice()
    x = np.random.default_rng(0).standard_normal((1, 3, 20, 30))
    first = [run(net, x) for _ in range(2)][0]
    assert kept_bytes(net) > 0
    assert kept_bytes(copy.deepcopy(net)) == 0
    assert run(copy.deepcopy(net), x)[0].tobytes() == first[0].tobytes()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("group", [1, 8])
def test_no_more_is_kept_than_announced(kernels, size, group):
    height, width, c, k = size
    rng = np.random.default_rng(0)
    weights, kept = floats(rng, k * group, c, 3, 3), kernels.KeptFilters()
    dy = floats(rng, 1, height, width, k * group)
    results(kernels, floats(rng, 1, height, width, c * group), dy, weights, kept, group)
    assert 0 < kept.nbytes <= kernels.most_kept_bytes(weights, group=group)
    assert kernels.most_kept_bytes(floats(rng, 8, 16, 5, 5)) == 0
    assert kernels.most_kept_bytes(weights, stride=(2, 2), group=group) == 0


# -- signs -------------------------------------------------------------------------------------------

RECTIFIED = (
    TWO_CONVOLUTIONS.replace("num_output: 48", "num_output: 64")
    + """
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "pool" type: "Pooling" bottom: "conv2" top: "pool"
        pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
"""
)


@pytest.fixture
def rectified(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(RECTIFIED)
    net = Net(str(path), 1)
    net.lean = True
    net.blobs["data"].data[...] = np.random.default_rng(0).standard_normal((1, 3, 20, 30))
    return net


def slope(net):
    net.blobs["pool"].diff[...] = 1
    net.backward(diffs=["data"])
    return net.blobs["data"].diff.copy()


def knows_signs(net):
    kept = net.device.keeper._layers[net.layers[2]][1]
    return kept is not None and kept.signs_of(net.blobs["conv2"]) is not None


@needs_kernels
def test_signs_are_used_until_the_responses_change(rectified):
    net = rectified
    assert net._layer_names[2] == "conv2"
    net.forward()
    first = slope(net)
    assert not knows_signs(net)
    net.forward()
    assert knows_signs(net)
    assert slope(net).tobytes() == first.tobytes()
    assert knows_signs(net)
    # A caller's own responses count, with the array let go or held.
    net.blobs["conv2"].data[:, :16] = 0
    assert not knows_signs(net)
    changed = slope(net)
    assert not np.allclose(changed, first)
    net.forward()
    held = net.blobs["conv2"].data
    held[:, :16] = 0
    assert slope(net).tobytes() == changed.tobytes()


@needs_kernels
def test_a_reshape_ends_the_signs(rectified):
    net = rectified
    for _ in range(2):
        net.forward()
    assert knows_signs(net)
    net.blobs["conv2"].reshape(1, 32, 40, 30)
    assert not knows_signs(net)


IN_PLACE = """
layer { name: "shift" type: "Power" bottom: "conv2" top: "conv2" power_param { shift: -0.5 } }
"""


@needs_kernels
def test_a_layer_in_place_after_the_relu_ends_the_signs(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(RECTIFIED.replace('layer { name: "pool"', IN_PLACE + 'layer { name: "pool"'))
    net = Net(str(path), 1)
    net.lean = True
    net.blobs["data"].data[...] = np.random.default_rng(0).standard_normal((1, 3, 20, 30))
    net.forward()
    first = slope(net)
    net.forward()
    assert not knows_signs(net)
    assert slope(net).tobytes() == first.tobytes()


def test_signs_of_responses_that_are_streamed(kernels):
    rng = np.random.default_rng(0)
    x, weights = floats(rng, 1, 420, 512, 3), floats(rng, 32, 3, 3, 3)
    out, signs = np.empty((1, 420, 512, 32), np.float32), kernels.Signs()
    assert out.nbytes > 24 << 20
    kernels.convolve(x, weights, None, out, (1, 1), relu=True, signs=signs)
    wanted, found = np.empty_like(x), np.empty_like(x)
    for mask, dx in ((out, wanted), (signs, found)):
        kernels.convolve_input_gradient(out, weights, dx, (1, 1), mask=mask)
    assert found.tobytes() == wanted.tobytes()
