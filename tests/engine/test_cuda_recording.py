"""Evaluations that a GPU records once and then replays: as those that are run step by step."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from helpers.objective_nets import VGG, make

from caffe_style import losses
from caffe_style.backends.arrays import to_numpy
from caffe_style.engine import Net
from caffe_style.engine.devices import make_device
from caffe_style.engine.devices.cuda import convolution, recording
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.networks.margin import Margin
from caffe_style.objective.term import Term, single_term
from caffe_style.optimise.minimise import minimise

torch = pytest.importorskip("torch")

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU")
BLOBS = ["data", "conv1", "conv2", "conv3"]


def recorder(objective):
    return objective.net.device._recorders[objective._steps]


def recorded(objective, image):
    """Evaluate until the evaluation is recorded."""
    for _ in range(3):
        found = objective(image)
    assert recorder(objective)._recording is not None
    return found


def both(margin=None):
    """The same objective on the processor and on a GPU."""
    objective, image, rng = make(VGG, BLOBS, lean=True, margin=margin)
    other, _, _ = make(VGG, BLOBS, lean=True, margin=margin)
    objective.net.device = make_device("cuda")
    return objective, other, image, rng


def assert_equal(found, expected):
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert found[2] == pytest.approx(expected[2], rel=1e-4)
    scale = np.abs(expected[1]).max()
    np.testing.assert_allclose(to_numpy(found[1]), expected[1], atol=1e-4 * scale)


@gpu
@pytest.mark.parametrize("margin", [None, Margin(4)], ids=["whole", "margin"])
def test_replays_agree_with_the_cpu_device_for_new_images(margin):
    objective, other, image, rng = both(margin)
    place = objective.net.device.place
    recorded(objective, torch.from_numpy(image).to(place))
    for number in range(3):
        image = rng.standard_normal(image.shape)
        on_host = number == 1  # then the picture is copied there and the gradient back
        x = image if on_host else torch.from_numpy(image).to(place)
        found, expected = objective(x), other(image)
        assert_equal(found, expected)
        assert recorder(objective)._recording is not None
        name = "conv3"
        np.testing.assert_allclose(
            objective.net.blobs[name].data, other.net.blobs[name].data, atol=1e-4
        )


@gpu
def test_replays_are_the_same_bit_for_bit():
    objective, _, image, _ = both()
    x = torch.from_numpy(image).to(objective.net.device.place)
    value, gradient, _ = recorded(objective, x)
    gradient = gradient.clone()
    again, other, _ = objective(x)
    assert again == value and torch.equal(other, gradient)


@gpu
def test_who_holds_an_array_sees_each_replay():
    objective, other, image, rng = both()
    x = torch.from_numpy(image).to(objective.net.device.place)
    recorded(objective, x)
    held = objective.net.blobs["conv1"].data
    objective(2 * x)
    other(2 * image)
    np.testing.assert_allclose(held, other.net.blobs["conv1"].data, atol=1e-4)


@gpu
def test_new_filters_new_terms_and_new_targets_count():
    objective, other, image, _ = both()
    x = torch.from_numpy(image).to(objective.net.device.place)
    recorded(objective, x)
    for one in (objective, other):
        one.net.params["conv1"][0].data[...] *= 0.5
    assert_equal(objective(x), other(image))
    recorded(objective, x)
    for one in (objective, other):
        one.terms = one.terms[:3]
    assert_equal(objective(x), other(image))
    factor = [1.0]

    def loss(features, gradients):
        gradients[0] += factor[0]
        return factor[0]

    def renew(iteration):
        factor[0] = 10.0 + iteration

    for one in (objective, other):
        one.terms = [*one.terms, Term("changing", ("conv1",), loss, renew=renew)]
    recorded(objective, x)
    for one in (objective, other):
        one.redraw(3)
    found = objective(x)
    assert found[2]["changing"] == 13
    assert_equal(found, other(image))


@gpu
def test_another_size_between_counts():
    objective, other, image, _ = both()
    x = torch.from_numpy(image).to(objective.net.device.place)
    recorded(objective, x)
    net = objective.net
    net.blobs["data"].reshape(1, 3, 40, 30)
    net.reshape()
    net.forward()
    net.blobs["data"].reshape(*image.shape)
    net.reshape()
    for _ in range(4):
        assert_equal(objective(x), other(image))


@gpu
def test_what_waits_for_the_gpu_runs_step_by_step_and_is_told(caplog):
    objective, other, image, _ = both()
    objective.net.device._told.clear()

    def loss(features, target, weight, gradient):
        value, slope = losses.content(features, target, weight, gradient)
        return float(value), slope

    target = np.zeros(objective.net.blobs["conv2"].shape[1:], np.float32)
    for one in (objective, other):
        one.terms = [*one.terms, single_term("waiting", "conv2", loss, target, 1e-3)]
    x = torch.from_numpy(image).to(objective.net.device.place)
    with caplog.at_level(logging.INFO, "caffe_style"):
        for _ in range(4):
            assert_equal(objective(x), other(image))
    assert recorder(objective)._recording is None
    assert [record.getMessage() for record in caplog.records] == [
        "the evaluation is not recorded as a CUDA graph: a step of it waits for the GPU"
    ]


@gpu
def test_without_room_for_a_recording_evaluations_run_step_by_step(monkeypatch):
    monkeypatch.setattr(recording.Recorder, "_has_room", lambda self: False)
    objective, other, image, _ = both()
    x = torch.from_numpy(image).to(objective.net.device.place)
    for _ in range(4):
        assert_equal(objective(x), other(image))
    assert recorder(objective)._recording is None


@gpu
def test_recordings_go_with_their_objective():
    objective, _, image, _ = both()
    device = objective.net.device
    recorded(objective, torch.from_numpy(image).to(device.place))
    before = len(device._recorders)
    objective.terms = objective.terms[:1]
    assert len(device._recorders) == before - 1


@gpu
def test_nothing_of_the_pictures_size_crosses_the_bus(tmp_path):
    """While L-BFGS runs on the device, from the first evaluation that is recorded on."""
    from torch.profiler import ProfilerActivity, profile

    objective, _, image, _ = both(Margin(4))
    x = torch.from_numpy(image).to(objective.net.device.place)
    recorded(objective, x)
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        minimise(objective, x, 12, optimizer="device", corrections=3)
    profiled.export_chrome_trace(str(tmp_path / "trace.json"))
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    copies = [
        (event["name"], event["args"]["bytes"])
        for event in events
        if event.get("name", "").startswith("Memcpy") and "DtoD" not in event["name"]
    ]
    # One by one: values, products and factors of L-BFGS, and at the end the picture.
    assert len(copies) > 12
    large = [copy for copy in copies if copy[1] >= 4 * image.size]
    assert [name.split()[1] for name, _ in large] == ["DtoH"] * len(large) and len(large) <= 2


# -- split factors -----------------------------------------------------------------------------------


def test_split_factors_have_what_tf32_keeps():
    values = torch.from_numpy(np.random.default_rng(0).standard_normal(1000).astype(np.float32))
    hi, lo = convolution.split(torch, values)
    assert torch.equal(hi + lo, values)
    assert (hi.view(torch.int32) % (1 << 13) == 0).all()
    assert (lo.abs() <= values.abs() * 2.0**-10).all()
    # lo has up to two bits more than TF32 holds. They are dropped.
    dropped = lo - convolution.split(torch, lo)[0]
    assert (dropped.abs() <= values.abs() * 2.0**-20).all()


@gpu
@pytest.mark.parametrize("relu", [False, True])
def test_split_convolutions_are_within_2e_5(relu):
    device = make_device("cuda")
    if not device.splits:
        pytest.skip("this GPU's tensor cores are not used for single precision")
    rng = np.random.default_rng(0)
    x, dy, w = (
        torch.from_numpy(rng.standard_normal(shape).astype(np.float32)).cuda()
        for shape in ((1, 256, 40, 40), (1, 256, 40, 40), (256, 256, 3, 3))
    )
    exact = torch.nn.functional.conv2d(x.double(), w.double(), padding=1)
    net = Net.from_param(
        parse_net(
            """force_backward: true
            layer { name: "data" type: "Input" top: "data"
              input_param { shape { dim: 1 dim: 256 dim: 40 dim: 40 } } }
            layer { name: "c" type: "Convolution" bottom: "data" top: "c"
              convolution_param { num_output: 256 kernel_size: 3 pad: 1 bias_term: false } }
            """
            + ('layer { name: "r" type: "ReLU" bottom: "c" top: "c" }' if relu else "")
        )
    )
    net.lean, net.device = True, device
    net.params["c"][0].data[...] = w.cpu().numpy()
    net.blobs["data"].data[...] = x.cpu().numpy()
    net.forward()
    found = torch.from_numpy(net.blobs["c"].data).cuda()
    expected = exact.relu() if relu else exact
    assert (found - expected).norm() < 2e-5 * expected.norm()
    net.blobs["c"].diff[...] = dy.cpu().numpy()
    net.backward()
    masked = dy.double() * (exact > 0) if relu else dy.double()
    slope = torch.nn.functional.conv_transpose2d(masked, w.double(), padding=1)
    found = torch.from_numpy(net.blobs["data"].diff).cuda()
    # With a ReLU some responses near to zero are on its other side.
    assert (found - slope).norm() < (3e-3 if relu else 2e-5) * slope.norm()
