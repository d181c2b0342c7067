"""The memory estimate against what a run really takes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from engine_nets import layer_net

from caffe_style.backends import estimate
from caffe_style.errors import ResourceError

MEASURE = """
import scipy.optimize
import caffe_style as cs
from caffe_style import images
from caffe_style.experiments import synthesis

network = cs.open_network("vgg16-random")
pictures = [images.coloured_noise(480, 640, 1.0, seed) for seed in (0, 1)]


def status(field):
    # Not resource.getrusage: there a process begins with the peak of the one that started it.
    fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(fields[field].split()[0]) * 1024


before = status("VmRSS")
network.resize(480, 640)
layers = list(network.model.style_layers) + list(network.model.content_layers)
estimated = synthesis.check_memory(network, layers, 10)
cs.transfer(*pictures, network, size=640, iterations=12)
print(estimated, status("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_estimate_is_what_a_run_takes():
    output = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True
    ).stdout
    estimated, measured = map(int, output.split()[-2:])
    assert 0.85 < estimated / measured < 1.15


def test_what_does_not_fit_is_refused_with_a_size_that_does(monkeypatch):
    monkeypatch.setattr(estimate, "available_bytes", lambda: 1000)
    estimate.check_fits(1000, 10, 20)
    with pytest.raises(ResourceError, match="--size 9 would fit"):
        estimate.check_fits(4000, 10, 20)


class OwnMemory:
    """A device with 1000 bytes."""

    free_bytes = 1000

    @staticmethod
    def needed_bytes(blobs, diffs, parameters):
        return blobs + diffs + 2 * parameters


def test_a_device_s_memory_counts_apart_or_with_the_host_s():
    net = layer_net("InnerProduct", [(1, 4)], "inner_product_param { num_output: 5 }")
    assert estimate.check_device(net, "layer", 7, 10, 20) == 7
    net.device = OwnMemory()
    # 9 values and their diffs, twice the 20 weights and 5 biases.
    assert estimate.device_bytes(net, "layer") == 4 * (2 * 9 + 2 * 25)
    assert estimate.check_device(net, "layer", 7, 10, 20) == 7
    net.device.free_bytes = None
    assert estimate.check_device(net, "layer", 7, 10, 20) == 7 + 272
    net.device.free_bytes = 68
    with pytest.raises(
        ResourceError, match="272 bytes of memory on the device.* --size 9 would fit"
    ):
        estimate.check_device(net, "layer", 7, 10, 20)


def test_sizes_read_well():
    assert estimate.as_text(950) == "950 bytes"
    assert estimate.as_text(1.4e9) == "1.4 GB"
