"""The cuda device, on a GPU and on PyTorch's tensors of the processor: nothing leaves it, failures are told."""

from __future__ import annotations

import functools
import json
import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT
from helpers.gradients import check_gradient, steep
from helpers.objective_nets import BRANCHES, VGG, make
from PIL import Image

from caffe_style import losses
from caffe_style.backends import select as backends
from caffe_style.backends.arrays import to_numpy
from caffe_style.cli import main
from caffe_style.engine import Net
from caffe_style.engine.devices import make_device
from caffe_style.engine.devices.cuda import choice
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.errors import BackendError, ResourceError
from caffe_style.experiments.transfer import transfer
from caffe_style.networks.network import open_network
from caffe_style.objective.term import single_term
from caffe_style.watch.watcher import Watcher

torch = pytest.importorskip("torch")

EXAMPLES = ROOT / "examples"


@pytest.fixture(params=["torch", "cuda"])
def backend(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("PyTorch sees no GPU")
    return request.param


@pytest.fixture
def device(backend):
    return make_device(backend)


@pytest.mark.parametrize(
    "text, blobs",
    [(VGG, ["data", "conv1", "pool1", "conv2"]), (BRANCHES, ["a", "both", "stem", "data"])],
)
def test_evaluations_agree_with_the_cpu_devices_and_are_central_differences(text, blobs, device):
    objective, image, rng = make(text, blobs, lean=True)
    value, gradient, parts = objective(image)
    gradient = gradient.copy()
    objective.net.device = device
    for x in (image, device.placed(image)):
        found, slope, found_parts = objective(x)
        assert type(slope) is type(x) and tuple(slope.shape) == image.shape
        assert found == pytest.approx(value, rel=1e-5)
        assert found_parts == pytest.approx(parts, rel=1e-4)
        np.testing.assert_allclose(to_numpy(slope), gradient, atol=1e-4 * np.abs(gradient).max())
    check_gradient(objective, image, steep(gradient, rng), step=3e-3, tolerance=1e-3)


def test_nothing_is_copied_between_host_and_device(device, monkeypatch):
    """With the picture on the device; without, the picture there and its gradient back."""
    copied = []
    for name in ("upload", "download", "placed"):
        plain = getattr(type(device), name)
        monkeypatch.setattr(
            type(device),
            name,
            lambda self, *buffers, name=name, plain=plain: (
                copied.append((name, np.prod(buffers[0].shape))) or plain(self, *buffers)
            ),
        )
    objective, image, _ = make(VGG, ["data", "conv1", "conv2", "conv3"], lean=True)
    objective.net.device = device
    x = device.placed(image)
    copied.clear()
    objective(x)
    assert ("upload", 6 * 3 * 3 * 3) in copied  # the first time filters go there
    copied.clear()
    objective(x)
    assert copied == []
    objective(image)
    copied.clear()
    objective(image)
    assert copied == [("placed", image.size), ("download", image.size)]


def test_the_callers_tensor_is_left_alone(device):
    objective, image, _ = make(VGG, ["conv1"], lean=True)
    objective.net.device = device
    for kind in (torch.float32, torch.float64):
        x = device.placed(image).to(kind)
        objective(x)
        objective.net.blobs["data"].data[...] = 0
        assert torch.equal(x, device.placed(image).to(kind))


def test_what_has_no_kernel_runs_on_the_host_and_is_told_once(caplog):
    from caffe_style.engine.devices.cuda import TorchDevice

    net = Net.from_param(
        parse_net(
            """layer { name: "data" type: "Input" top: "data"
              input_param { shape { dim: 1 dim: 2 dim: 3 dim: 4 } } }
            layer { name: "a" type: "AbsVal" bottom: "data" top: "a" }
            layer { name: "r" type: "ReLU" bottom: "a" top: "r" }"""
        )
    )
    net.device = TorchDevice(torch, "torch", torch.device("cpu"))
    net.blobs["data"].data[...] = -3
    with caplog.at_level(logging.INFO, "caffe_style"):
        for _ in range(3):
            net.forward()
    assert (net.blobs["r"].data == 3).all()
    assert [record.getMessage() for record in caplog.records] == [
        "the torch device has no kernel for AbsVal here: it runs on the host"
    ]


def test_new_filters_count(device):
    objective, image, _ = make(VGG, ["conv1"], lean=True)
    net = objective.net
    net.device = device
    net.forward()
    before = net.blobs["conv1"].data.copy()
    net.params["conv1"][0].data[...] = 0
    net.forward()
    assert not np.array_equal(net.blobs["conv1"].data, before)
    bias = net.params["conv1"][1].data.clip(0, None)
    np.testing.assert_array_equal(net.blobs["conv1"].data[0, :, 5, 5], bias)


def test_a_smaller_picture_after_a_larger_one(device):
    objective, image, _ = make(VGG, ["conv3"], lean=True)
    net = objective.net
    expected = objective(image)[0]
    net.device = device
    net.blobs["data"].reshape(1, 3, 40, 30)
    net.reshape()
    net.blobs["data"].data[...] = 1
    net.forward()
    net.blobs["data"].reshape(*image.shape)
    net.reshape()
    assert objective(device.placed(image))[0] == pytest.approx(expected, rel=1e-5)


def test_tf32_is_off_unless_it_is_asked_for():
    from caffe_style.engine.devices.cuda import TorchDevice

    before = torch.backends.cudnn.allow_tf32
    for name, allowed in (("cuda", False), ("cuda-tf32", True)):
        with TorchDevice(torch, name, torch.device("cpu")).convolving(split=False):
            assert torch.backends.cudnn.allow_tf32 is allowed
    assert torch.backends.cudnn.allow_tf32 is before


# -- transfers ---------------------------------------------------------------------------------------


@functools.cache
def opened(model, backend, weights):
    return open_network(model, backend, weights_file=weights)


def run(backend, model="strokenet", weights=None, **options):
    settings = {"size": 96, "iterations": 3, **options}
    network = opened(model, backend, weights)
    return transfer(EXAMPLES / "cat.jpg", EXAMPLES / "fractal.jpg", network, **settings)


def accepted(result):
    return [record.loss for record in result.history if record.accepted]


@pytest.mark.parametrize("optimizer", ["scipy", "device"])
def test_a_transfer_has_the_losses_of_the_cpu_devices(backend, optimizer, squeezenet_weights):
    options = {"model": "squeezenet", "weights": squeezenet_weights, "size": 128}
    options.update(optimizer=optimizer, iterations=10, space="pixels")
    on_cpu, on_tensors = (run(name, **options) for name in ("cpu", backend))
    assert len(accepted(on_cpu)) == 11
    assert accepted(on_tensors) == pytest.approx(accepted(on_cpu), rel=1e-3)
    assert on_tensors.image.shape == on_cpu.image.shape and on_tensors.image.dtype == np.uint8
    assert np.abs(on_tensors.image.astype(int) - on_cpu.image).mean() < 1


@pytest.mark.parametrize("optimizer", ["scipy", "device"])
def test_with_random_filters_too(backend, optimizer):
    """For some steps: then rounding decides on which side of their kinks more and more ReLUs are."""
    options = {"model": "vgg16-random", "optimizer": optimizer, "iterations": 5, "init": "style"}
    on_cpu, on_tensors = (run(name, **options) for name in ("cpu", backend))
    assert accepted(on_tensors) == pytest.approx(accepted(on_cpu), rel=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"tile": 64, "style_layers": {"conv1_1": 1}, "content_layers": {"conv2_1": 1}},
        {"style_loss": "covariation", "guides": "own"},
        {"style_loss": "spatial"},
    ],
    ids=["tiles", "covariation", "spatial"],
)
def test_tiles_and_other_losses_too(backend, options):
    options = {"tv_weight": 1e-3, "optimizer": "device", **options}
    on_cpu, on_tensors = (run(name, **options) for name in ("cpu", backend))
    assert accepted(on_tensors) == pytest.approx(accepted(on_cpu), rel=1e-3)


@pytest.mark.parametrize("scales", [1, 2])
def test_pictures_are_made_for_who_looks(backend, scales):
    class Callback(Watcher):
        def __init__(self):
            self.seen = []

        def wants_image(self, record):
            return record.iteration % 2 == 0

        def step(self, record, image):
            self.seen.append((record.iteration, image is not None))

    callback = Callback()
    run(backend, optimizer="device", iterations=4, scales=scales, callback=callback)
    assert callback.seen == [(1, False), (2, True), (3, False), (4, True)]


def status_of(command):
    try:
        return main(command)
    except SystemExit as end:
        return end.code


def test_the_command_line_takes_it(backend, tmp_path, capsys):
    out = tmp_path / "out.png"
    command = ["transfer", str(EXAMPLES / "cat.jpg"), str(EXAMPLES / "fractal.jpg"), "-q"]
    command += ["-o", str(out), "--model", "strokenet", "--size", "48", "--iterations", "2"]
    assert main([*command, "--backend", backend, "--optimizer", "device"]) == 0
    parameters = json.loads(Image.open(out).text["caffe_style"])
    assert (parameters["backend"], parameters["optimizer"]) == (backend, "device")
    for options, said in (
        (["--optimizer", "adam"], "unknown optimizer 'adam': choose one of scipy, device"),
        (["--optimizer", "device", "--bounds"], "takes no bounds"),
    ):
        assert status_of([*command, *options]) == 2
        assert said in capsys.readouterr().err


# -- what may be missing -----------------------------------------------------------------------------


def test_without_pytorch_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BackendError, match=r"pip install 'caffe_style\[cuda\]'"):
        choice.import_torch()


def fake_torch(gpus, cuda="12.6"):
    properties = SimpleNamespace(name="GeForce", total_memory=8_000_000_000)
    return SimpleNamespace(
        __version__="2.9",
        version=SimpleNamespace(cuda=cuda, hip=None),
        device=lambda *where: where,
        cuda=SimpleNamespace(
            is_available=lambda: gpus > 0,
            device_count=lambda: gpus,
            get_device_properties=lambda index: properties,
        ),
    )


@pytest.mark.parametrize("cuda, said", [("12.6", "sees no GPU"), (None, "for the processor only")])
def test_without_a_gpu_it_says_why(cuda, said, monkeypatch):
    monkeypatch.setattr(choice, "import_torch", lambda: fake_torch(0, cuda))
    with pytest.raises(BackendError, match=said):
        choice.choose_gpu(0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_only_the_processor_is_listed():
    assert "torch" in backends.present() and "cuda" not in backends.present()


def test_a_gpu_that_is_not_there_is_told_with_those_that_are(monkeypatch):
    monkeypatch.setattr(choice, "import_torch", lambda: fake_torch(2))
    assert choice.choose_gpu(1) == ("cuda", 1)
    with pytest.raises(BackendError, match="no GPU 2: there are 0: GeForce, 8 GB, 1: GeForce"):
        choice.choose_gpu(2)


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
        MemoryError(),
    ],
    ids=["gpu", "processor", "numpy"],
)
def test_out_of_memory_is_one_line_that_says_what_helps(error, device):
    objective, image, _ = make(VGG, ["conv1"], lean=True)
    objective.net.device = device

    def runs_out(features, target, weight, gradient):
        raise error

    objective.terms = [single_term("hungry", "conv1", runs_out, None, 1.0)]
    with pytest.raises(ResourceError, match=r"for 14 x 17 pixels: --size 12 needs half") as caught:
        objective(image)
    assert "\n" not in str(caught.value)


def test_other_errors_stay_what_they_are(device):
    objective, image, _ = make(VGG, ["conv1"], lean=True)

    def fails(features, target, weight, gradient):
        raise RuntimeError("shapes do not match")

    objective.terms = [single_term("broken", "conv1", fails, None, 1.0)]
    with pytest.raises(RuntimeError, match="shapes"):
        objective(image)


def test_losses_get_tensors(device):
    objective, image, _ = make(VGG, ["conv1"], lean=True)
    objective.net.device = device
    seen = []

    def loss(features, target, weight, gradient):
        seen.append((type(features), type(target), type(gradient)))
        return losses.content(features, target, weight, gradient)

    target = np.zeros(objective.net.blobs["conv1"].shape[1:], np.float32)
    objective.terms = [single_term("content", "conv1", loss, target, 1.0)]
    objective(image)
    assert seen == [(torch.Tensor,) * 3]
