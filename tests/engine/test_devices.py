"""The table of devices, and what a device is where it says nothing."""

from __future__ import annotations

import ast
import importlib
import sys

import numpy as np
import pytest
from conftest import ROOT
from helpers.engine_nets import input_layer, net_of

from caffe_style.backends import genuine
from caffe_style.backends import select as backends
from caffe_style.engine import devices
from caffe_style.engine.devices import Device, listing, table
from caffe_style.errors import BackendError

NET = (
    "force_backward: true\n"
    + input_layer("data", (1, 3, 9, 8))
    + 'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"'
    + ' convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "gaussian" std: 1 } } }'
    + ' layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }'
)


class Fusing(Device):
    """The numpy device, asked to run a convolution and its ReLU as one."""

    fuses_relu = True


def gradient(net, device, lean):
    rng = np.random.default_rng(0)
    net.device, net.lean = device, lean
    net.blobs["data"].data[...] = rng.standard_normal(net.blobs["data"].shape)
    net.forward()
    found = net.blobs["conv"].data.copy()
    net.blobs["conv"].diff[...] = rng.standard_normal(found.shape)
    net.backward()
    return found, net.blobs["data"].diff.copy()


def test_a_device_need_not_fuse_relus_itself():
    net = net_of(NET)
    plain, fused = gradient(net, Device(), False), gradient(net, Fusing(), True)
    assert (plain[0] == 0).any() and (plain[0] > 0).any()
    for wanted, found in zip(plain, fused):
        np.testing.assert_array_equal(found, wanted)


def test_each_row_names_what_its_module_has():
    for row in (*devices.DEVICES, *genuine.MODES):
        module = importlib.import_module(row.module)
        assert not row.probe or callable(getattr(module, row.probe))
    assert set(devices.GPUS) < set(devices.NAMES) < set(backends.BACKENDS)


def test_a_row_more_is_a_backend_more(monkeypatch):
    """Without its library it is absent, and the error says how to get that."""
    library = table.Library("no_such_library", "Nothing", "pip install nothing")
    rows = (*devices.DEVICES, devices.row_of("numpy")._replace(name="new", needs=library))
    monkeypatch.setattr(table, "DEVICES", rows)
    monkeypatch.setattr(backends, "DEVICES", rows)
    with pytest.raises(BackendError, match="no Nothing here: pip install nothing"):
        devices.make_device("new")
    assert "numpy" in backends.present() and "new" not in backends.present()


def test_what_a_genuine_net_keeps_is_every_diff_and_the_columns():
    net = net_of(NET)
    net.rules = net
    counts = 3 * 9 * 8 + 4 * 7 * 6
    kept = genuine.GenuineDevice("caffe").kept_bytes(net, "relu")
    assert kept == 4 * (counts + 3 * 9 * 7 * 6)
    assert Device().kept_bytes(net, "relu") == 0


def test_the_engine_imports_errors_and_system_alone():
    """Of what lies outside it."""
    package = ROOT / "caffe_style"
    outside = set()
    for path in (package / "engine").rglob("*.py"):
        inside = path.relative_to(package).parts
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level >= len(inside):
                outside.add((node.module or node.names[0].name).split(".")[0])
    assert outside - {"engine"} == {"errors", "system"}


@pytest.fixture
def nothing_listed():
    listing._ask.cache_clear()
    yield
    listing._ask.cache_clear()


def test_a_library_that_aborts_while_hardware_is_listed_is_one_line(
    tmp_path, monkeypatch, nothing_listed
):
    """As PyTorch on a broken driver of CUDA, or Caffe where one of its checks fails."""
    (tmp_path / "torch.py").write_text("import os\nos.abort()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("cuda", "cuda-tf32"):
        with pytest.raises(BackendError, match="PyTorch cannot be used: it crashes .SIGABRT."):
            devices.list_hardware(devices.row_of(name))
    assert "cpu" in backends.present() and "cuda" not in backends.present()


def test_hardware_is_listed_where_the_path_has_more_than_texts(
    tmp_path, monkeypatch, nothing_listed
):
    (tmp_path / "torch.py").write_text("import os\nos.abort()\n")
    monkeypatch.setattr(sys, "path", [tmp_path, str(tmp_path), "", *sys.path])
    with pytest.raises(BackendError, match="PyTorch cannot be used: it crashes"):
        devices.list_hardware(devices.row_of("cuda"))


def test_a_caffe_that_aborts_is_one_line(tmp_path, monkeypatch, nothing_listed):
    package = tmp_path / "caffe"
    package.mkdir()
    (package / "__init__.py").write_text("import os\nos.abort()\n")
    (package / "_caffe.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "caffe", raising=False)
    for row in genuine.MODES:
        with pytest.raises(BackendError, match="genuine Caffe cannot be used: it crashes"):
            devices.list_hardware(row)
