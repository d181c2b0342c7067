"""What every backend that is here must do alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import skip_unless_it_computes
from helpers.contract_net import NET, evaluate, fill, picture
from helpers.gradients import check_gradient

import caffe_style as cs
from caffe_style.backends import select as backends
from caffe_style.backends.net import Blob, Net, TrainableNet
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.errors import BackendError, CaffeStyleError, ImageError, LayerError, WeightsError
from caffe_style.experiments.compare.float64 import Float64Net

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module", params=backends.BACKENDS)
def backend(request):
    skip_unless_it_computes(request.param)
    return request.param


def open_small(backend):
    net = backends.open_net(parse_net(NET), None, backend)
    fill(net)
    return net


def test_losses_and_gradient_are_the_plain_ones(backend):
    net, plain = open_small(backend), open_small("numpy")
    for size in ((40, 44), (52, 36), (40, 44)):
        image = picture(*size)
        value, gradient, parts = evaluate(net, image)
        wanted, slope, wanted_parts = evaluate(plain, image)
        assert value == pytest.approx(wanted, rel=1e-4)
        assert parts == {name: pytest.approx(part, rel=1e-3) for name, part in wanted_parts.items()}
        assert np.linalg.norm(gradient - slope) < 1e-3 * np.linalg.norm(slope)


def test_nets_have_what_is_asked_of_them(backend):
    net = open_small(backend)
    assert isinstance(net, TrainableNet)
    parameters = [blob for blobs in net.params.values() for blob in blobs]
    assert all(isinstance(blob, Blob) for blob in (*net.blobs.values(), *parameters))


def test_the_float64_reference_is_a_net():
    net = Float64Net(open_small("numpy"))
    assert isinstance(net, Net) and not isinstance(net, TrainableNet)
    assert not isinstance(object(), Net)


def test_gradient_is_the_slope_of_the_value(backend):
    net = open_small(backend)
    image = picture(40, 44)
    _, gradient, _ = evaluate(net, image)
    direction = gradient / np.linalg.norm(gradient)
    # Rectifiers and maxima tip over a long step, float32 rounds over a short one.
    check_gradient(lambda x: evaluate(net, x), image, direction, step=2.0, tolerance=0.02)


def test_parts_of_the_net_run(backend):
    net, plain = open_small(backend), open_small("numpy")
    image = picture(40, 44)
    for one in (net, plain):
        one.blobs["data"].data[...] = image
        # Not between a blob's layer and one of several that read it: Caffe has another in between there.
        one.forward(end="conv1")
        one.forward(start="relu1", end="both")
        one.blobs["both"].diff[...] = 1
        one.backward(start="both", end="conv1")
    for blob in ("conv1", "pool1", "both"):
        np.testing.assert_allclose(
            net.blobs[blob].data, plain.blobs[blob].data, rtol=1e-4, atol=1e-3
        )
    np.testing.assert_allclose(
        net.blobs["data"].diff, plain.blobs["data"].diff, rtol=1e-3, atol=1e-4
    )


def test_a_saved_caffemodel_is_read(backend, tmp_path):
    plain = open_small("cpu")
    path = tmp_path / "small.caffemodel"
    plain.save(str(path))
    net = backends.open_net(parse_net(NET), path, backend)
    assert list(net.params) == list(plain.params)
    for layer, blobs in plain.params.items():
        for theirs, ours in zip(net.params[layer], blobs):
            np.testing.assert_array_equal(theirs.data, ours.data)


def ten_iterations(backend):
    """Losses of a transfer."""
    # On a small picture one rectifier that tips changes the loss by more than rounding does.
    result = cs.transfer(
        str(EXAMPLES / "cat.jpg"),
        str(EXAMPLES / "fractal.jpg"),
        cs.open_network("strokenet", backend),
        size=128,
        iterations=10,
        content_layers={"conv2_2": 1.0},
        style_layers={"conv1_1": 0.5, "conv2_1": 0.5},
        content_weight=1.0,
        style_weight=10.0,
    )
    return [record.loss for record in result.history if record.accepted]


@pytest.fixture(scope="module")
def plain_run():
    return ten_iterations("numpy")


def test_the_same_run_as_on_numpy(backend, plain_run):
    ours = ten_iterations(backend)
    assert len(ours) == len(plain_run) == 11
    np.testing.assert_allclose(ours, plain_run, rtol=1e-3)


# -- what would kill genuine Caffe ----------------------------------------------------------------


def test_a_truncated_caffemodel_is_refused(backend, tmp_path):
    path = tmp_path / "small.caffemodel"
    open_small("cpu").save(str(path))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="small.caffemodel"):
        backends.open_net(parse_net(NET), path, backend)


def test_mismatched_weights_are_refused(backend, tmp_path):
    path = tmp_path / "small.caffemodel"
    open_small("cpu").save(str(path))
    wider = NET.replace("num_output: 8", "num_output: 9")
    with pytest.raises(WeightsError, match="conv1"):
        backends.open_net(parse_net(wider), path, backend)


@pytest.mark.parametrize(
    "change, told",
    [
        (('bottom: "pool1" top: "left"', 'bottom: "nope" top: "left"'), "nope"),
        (('type: "LRN"', 'type: "Nonsense"'), "Nonsense"),
        (("kernel_size: 1 ", ""), "kernel"),
        (('top: "top"', 'top: "left"'), "left"),
    ],
)
def test_a_network_that_makes_no_sense_is_refused(backend, change, told):
    assert change[0] in NET
    with pytest.raises(CaffeStyleError, match=told):
        backends.open_net(parse_net(NET.replace(*change)), None, backend)


def test_a_picture_of_four_channels_is_refused_and_the_next_is_not(backend):
    net = open_small(backend)
    net.blobs["data"].reshape(1, 4, 40, 44)
    with pytest.raises(LayerError, match="conv1"):
        net.reshape()
    value = evaluate(net, picture(40, 44))[0]
    assert value == pytest.approx(evaluate(open_small("numpy"), picture(40, 44))[0], rel=1e-4)


def test_a_network_too_deep_for_the_picture(backend):
    network = cs.open_network("strokenet", backend)
    with pytest.raises(ImageError, match="too small"):
        network.resize(8, 8)


def test_an_unknown_backend_is_refused():
    with pytest.raises(BackendError, match="unknown backend 'cudnn': choose one of cpu"):
        backends.open_net(parse_net(NET), None, "cudnn")
