"""Genuine Caffe: what is done so that it computes no gradient in vain; what is told where it is not."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from conftest import REFERENCE, skip_unless_it_computes
from helpers.contract_net import NET, evaluate, fill, picture
from helpers.replay import Replay

from caffe_style.backends import genuine, genuine_net
from caffe_style.backends import select as backends
from caffe_style.engine import Net
from caffe_style.engine.devices import list_hardware
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.errors import BackendError, ResourceError


def changed(text=NET):
    param = parse_net(text)
    counts = {layer: len(blobs) for layer, blobs in Net.from_param(param).params.items()}
    return genuine_net.for_image_gradients(param, counts)


def test_nothing_learns_but_the_factor_on_the_image():
    param = changed()
    assert not param.force_backward
    learning = [
        layer.name
        for layer in param.layer
        if layer.type in ("Convolution", "Scale") and any(r.lr_mult for r in layer.param)
    ]
    assert learning == []
    rates = {layer.name: len(layer.param) for layer in param.layer}
    assert rates["conv1"] == 2 and rates[genuine_net.IMAGE_LAYER] == 0


def test_the_changed_network_has_the_same_gradient():
    """The engine follows Caffe's rules for which layers run backward: without force_backward, too."""
    plain, net = Net.from_param(parse_net(NET)), Net.from_param(changed())
    fill(plain)
    for layer, blobs in plain.params.items():
        for source, target in zip(blobs, net.params[layer]):
            target.data[...] = source.data
    image = picture(40, 44)
    value, gradient, _ = evaluate(net, image)
    wanted, slope, _ = evaluate(plain, image)
    assert value == pytest.approx(wanted, rel=1e-6)
    np.testing.assert_allclose(gradient, slope, atol=1e-6 * np.abs(slope).max())
    assert all(not blob.diff.any() for layer in plain.params for blob in net.params[layer])
    assert any(blob.diff.any() for blobs in plain.params.values() for blob in blobs)


def test_recorded_cases(tmp_path):
    """What this Caffe does is what was recorded, so that the engine is held to the right thing."""
    skip_unless_it_computes("caffe")
    caffe = genuine.import_caffe()
    caffe.set_mode_cpu()
    cases = sorted(REFERENCE.glob("*.npz"))
    assert cases
    found = {case.stem: Replay(caffe, case, tmp_path / "net.prototxt").run() for case in cases}
    assert {name: differences for name, differences in found.items() if differences} == {}


@pytest.fixture
def no_caffe(monkeypatch):
    monkeypatch.delitem(sys.modules, "caffe", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_absent(no_caffe):
    with pytest.raises(BackendError, match="Debian 11 has the package"):
        backends.open_net(parse_net(NET), None, "caffe")
    for row in genuine.MODES:
        with pytest.raises(BackendError, match="Debian 11 has the package"):
            list_hardware(row)


def test_an_empty_placeholder_is_not_caffe(tmp_path, monkeypatch):
    (tmp_path / "caffe.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "caffe", raising=False)
    with pytest.raises(BackendError, match="no genuine Caffe here"):
        genuine.import_caffe()


def test_built_for_another_python(tmp_path, monkeypatch):
    package = tmp_path / "caffe"
    package.mkdir()
    (package / "__init__.py").write_text("print 'Python 2'\n")
    (package / "_caffe.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "caffe", raising=False)
    monkeypatch.setattr("caffe_style.engine.shim.genuine_caffe_is_here", lambda: True)
    with pytest.raises(BackendError, match="does not load in Python .* another Python"):
        genuine.import_caffe()


@pytest.mark.parametrize(
    "program, told",
    [
        ("print('Cannot use GPU in CPU-only Caffe: check mode.', file=sys.stderr)", "without GPU"),
        ("print('F common.cpp:1] Check failed: no device', file=sys.stderr)", "no device"),
    ],
)
def test_a_gpu_that_cannot_be_used(program, told, tmp_path, monkeypatch):
    (tmp_path / "caffe.py").write_text("import os, sys\n%s\nos.abort()\n" % program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BackendError, match=told):
        genuine.check_gpu(0)


def test_our_own_module_is_not_taken_for_genuine(monkeypatch):
    from caffe_style import engine

    monkeypatch.setitem(sys.modules, "caffe", engine)
    with pytest.raises(BackendError, match="no genuine Caffe here"):
        genuine.import_caffe()


def test_more_values_than_caffe_counts_are_refused():
    """Caffe would abort. A convolution's columns are the largest blobs."""
    rules = Net.from_param(parse_net(NET))
    assert genuine_net.columns_count(rules, "right") == 8 * 25 * 20 * 22
    assert (
        genuine_net.columns_count(rules, "left") == genuine_net.columns_count(rules, "pool1") == 0
    )
    rules.blobs["data"].reshape(1, 3, 6000, 6000)
    rules.reshape()
    genuine_net.check_counts(rules)
    rules.blobs["data"].reshape(1, 3, 9000, 9000)
    rules.reshape()
    with pytest.raises(ResourceError, match="'conv1'.*--tile"):
        genuine_net.check_counts(rules)
