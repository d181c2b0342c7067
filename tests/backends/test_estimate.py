"""The memory estimate against what a run really takes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from helpers.engine_nets import layer_net

from caffe_style.backends import estimate
from caffe_style.engine.devices import Device
from caffe_style.errors import ResourceError
from caffe_style.pictures import images

MEASURE = """
import json, logging, sys
import scipy.fft, scipy.optimize
import caffe_style as cs
from caffe_style.pictures import images
from caffe_style.runs import budget as memory


def status(field):
    # Not resource.getrusage: there a process begins with the peak of the one that started it.
    fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(fields[field].split()[0]) * 1024


content, *styles = json.loads(sys.argv[1])
estimates = []
noted = memory.transfer_needs
memory.transfer_needs = lambda *given: estimates.append(noted(*given)) or estimates[-1]
network = cs.open_network("strokenet")
content, *styles = (images.coloured_noise(*size, 1.0, 0) for size in (content, *styles))
network.resize(2000, 2000)  # nothing is held any more of the size it was opened with
before = status("VmRSS")
cs.transfer(content, styles, network, corrections=2, **json.loads(sys.argv[2]))
layers = network.net.device.keeper._layers.values() if hasattr(network.net.device, "keeper") else []
filters = sum(kept.filters.nbytes for _, kept in layers if kept)
print(estimates[-1].total + filters, status("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "sizes, options",
    [
        ([[360, 480], [360, 480]], {"size": 480, "iterations": 3}),
        ([[360, 480], [360, 480]], {"size": 480, "iterations": 6, "optimizer": "device"}),
        # The style picture takes it all: it is larger, or wider, or there are several.
        ([[192, 256], [480, 640]], {"size": 160, "style_scale": 3.0}),
        ([[64, 2048], [480, 640]], {"size": 512}),
        ([[96, 96], [300, 400], [512, 64]], {"size": 256, "style_scale": 2.0}),
        ([[192, 256], [480, 640]], {"size": 160, "style_scale": 4.0, "style_loss": "covariation"}),
        ([[240, 320], [480, 640]], {"size": 320, "iterations": 3, "style_loss": "spatial-pairs"}),
        ([[120, 160], [480, 640]], {"size": 160, "style_scale": 4.0, "style_loss": "wasserstein"}),
        ([[120, 160], [480, 640]], {"size": 160, "style_scale": 4.0, "style_loss": "chained"}),
        (
            [[240, 320], [480, 640]],
            {"size": 320, "style_scale": 2.0, "style_loss": "neighbours", "scales": 1},
        ),
        # The term has two blobs, and gets copies without the margin.
        ([[240, 320], [240, 320]], {"size": 320, "style_loss": "covariation", "guides": "own"}),
        # Kinds are found in a larger picture.
        ([[240, 320], [240, 320]], {"size": 320, "regions": 3}),
    ],
    ids=lambda value: json.dumps(value),
)
def test_estimate_is_what_a_run_takes(sizes, options):
    arguments = [json.dumps(sizes), json.dumps({"iterations": 1, **options})]
    output = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, check=True
    ).stdout
    estimated, measured = map(int, output.split()[-2:])
    # What does not grow with the picture is estimated amply. Filters are kept only in memory that is left.
    assert measured < 1.15 * estimated and estimated - estimate.OVERHEAD < 1.3 * measured


def test_a_style_picture_that_does_not_fit_is_refused_at_once(tmp_path):
    """In a child whose address space is limited: 16 times the size would take 16 GB."""
    images.write_image(tmp_path / "a.png", images.coloured_noise(48, 64, 1.0, 0))
    command = ["transfer", "a.png", "a.png", "--style-loss", "covariation"]
    command += ["--size", "256", "--style-scale", "16", "--model", "strokenet"]
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30));"
        "from caffe_style import cli; sys.exit(cli.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert "with a style picture of 4096 x 3072 needs about" in done.stderr
    assert "Traceback" not in done.stderr and "--size " in done.stderr


def test_what_does_not_fit_is_refused_with_a_size_that_does(monkeypatch):
    monkeypatch.setattr(estimate, "available_bytes", lambda: 1000)
    estimate.check_fits(1000, 10, 20)
    with pytest.raises(ResourceError, match="--size 9 would fit"):
        estimate.check_fits(4000, 10, 20)


class OwnMemory(Device):
    """A device with 1000 bytes."""

    own_memory = True
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
