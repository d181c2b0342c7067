"""Names and tools of pycaffe besides nets: log, Timer, names for several GPUs, draw, coord_map, _caffe."""

from __future__ import annotations

import os
import re
import shutil
import time

import numpy as np
import pytest
from helpers.engine_nets import input_layer, net_of

import caffe_style.engine as caffe
from caffe_style.engine import _caffe, coord_map, draw
from caffe_style.engine import layers as L
from caffe_style.engine import params as P
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.errors import BackendError, OptionError

# -- log, Timer, several GPUs --------------------------------------------------------------------------


def test_log_writes_as_glog_does(capsys, monkeypatch):
    monkeypatch.delenv("GLOG_minloglevel", raising=False)
    caffe.init_log()
    caffe.log("hello")
    line = capsys.readouterr().err
    assert re.match(r"I\d{4} \d\d:\d\d:\d\d\.\d{6} +%d .*\] hello\n$" % os.getpid(), line)
    caffe.init_log(1)
    caffe.log("hello")
    caffe.init_log(0)
    monkeypatch.setenv("GLOG_minloglevel", "2")
    caffe.log("hello")
    assert capsys.readouterr().err == ""


def test_timer():
    timer = caffe.Timer()
    assert timer.ms == 0
    timer.start()
    time.sleep(0.02)
    timer.stop()
    measured = timer.ms
    assert measured >= 20
    time.sleep(0.01)
    assert timer.ms == measured


def test_several_gpus_are_refused_and_one_is_not():
    assert not caffe.has_nccl()
    for call in (caffe.NCCL.new_uid, lambda: caffe.NCCL(None, b"")):
        with pytest.raises(BackendError, match="NCCL.*train on one device"):
            call()
    caffe.set_solver_count(1)
    caffe.set_solver_rank(0)
    caffe.set_multiprocess(False)
    assert (caffe.solver_count(), caffe.solver_rank()) == (1, 0)
    with pytest.raises(BackendError, match="several GPUs"):
        caffe.set_solver_count(2)
    with pytest.raises(BackendError, match="several GPUs"):
        caffe.set_solver_rank(1)


def test_the_compiled_modules_names_are_the_packages():
    for name in _caffe.__all__:
        place = caffe.proto.caffe_pb2 if name.endswith("Parameter") else caffe
        assert getattr(_caffe, name) is getattr(place, name), name


# -- the net by numbers --------------------------------------------------------------------------------


def test_a_net_by_numbers():
    net = net_of(
        input_layer("b", (1, 2))
        + input_layer("a", (1, 2))
        + """layer { name: "fc" type: "InnerProduct" bottom: "a" top: "z"
          inner_product_param { num_output: 2 } }
        layer { name: "relu" type: "ReLU" bottom: "z" top: "z" }
        layer { name: "sum" type: "Eltwise" bottom: "z" bottom: "b" top: "y" }
        layer { name: "part" type: "Slice" bottom: "y" top: "s1" top: "s0" }"""
    )
    assert net._blob_names == ["b", "a", "z", "y", "s1", "s0"] == list(net.blobs)
    assert all(one is other for one, other in zip(net._blobs, net.blobs.values()))
    assert (net._inputs, net._outputs) == ([0, 1], [5, 4])
    assert net._blob_loss_weights == [0] * 6
    assert [net._bottom_ids(i) for i in range(6)] == [[], [], [1], [2], [2, 0], [3]]
    assert [net._top_ids(i) for i in range(6)] == [[0], [1], [2], [2], [3], [4, 5]]


def test_set_input_arrays_under_its_other_name():
    net = net_of(
        'layer { name: "m" type: "MemoryData" top: "d" top: "l" memory_data_param'
        " { batch_size: 1 channels: 1 height: 1 width: 2 } }"
    )
    data = np.arange(4, dtype=np.float32).reshape(2, 1, 1, 2)
    net._set_input_arrays(data, np.zeros((2, 1, 1, 1), np.float32))
    assert [net.forward()["d"].ravel().tolist() for _ in range(2)] == [[0, 1], [2, 3]]


# -- draw ----------------------------------------------------------------------------------------------

DRAWN = """name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 3 } param { lr_mult: 2 }
  convolution_param { num_output: 4 kernel_size: 3 stride: 2 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE kernel_size: 2 } }
layer { name: "loss" type: "EuclideanLoss" bottom: "pool" bottom: "pool" top: "loss" include { phase: TRAIN } }
layer { name: "deploy only" type: "Flatten" bottom: "pool" top: "flat" exclude { phase: TRAIN } }
"""


def test_graph_text():
    net = parse_net(DRAWN)
    text = draw.graph_text(net, "TB")
    assert text.startswith('digraph "small" {\nrankdir=TB;') and text.rstrip().endswith("}")
    edges = re.findall(r'^("blob \w+"|layer\d) -> ("blob \w+"|layer\d)', text, re.MULTILINE)
    assert (
        len(edges) == 12
        and ('"blob conv"', "layer2") in edges
        and ("layer2", '"blob conv"') in edges
    )
    assert 'label="conv (Convolution) kernel size: 3 stride: 2 pad: 0"' in text
    assert 'label="pool (AVE Pooling) kernel size: 2 stride: 1 pad: 0"' in text
    assert 'layer1 -> "blob conv" [label="4"]' in text
    assert text.count("shape=octagon") == 5  # each blob once
    assert "conv\\n(Convolution)\\nkernel size: 3" in draw.graph_text(net)
    assert "lr mult: 3" in draw.graph_text(net, display_lrm=True) and "lr mult" not in text
    assert '[label="4"]' not in draw.graph_text(net, label_edges=False)


def test_a_phase_is_drawn_alone():
    net = parse_net(DRAWN)
    train, test = (draw.graph_text(net, phase=phase) for phase in (caffe.TRAIN, caffe.TEST))
    assert "EuclideanLoss" in train and "Flatten" not in train
    assert "EuclideanLoss" not in test and "Flatten" in test


def test_draw_to_a_file(tmp_path):
    net = parse_net(DRAWN)
    draw.draw_net_to_file(net, str(tmp_path / "net.raw"), "BT")
    assert (tmp_path / "net.raw").read_text() == draw.graph_text(net, "BT")
    with pytest.raises(OptionError, match="rankdir"):
        draw.draw_net(net, "up")


def test_drawing_without_graphviz_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendError, match="Graphviz's program dot"):
        draw.draw_net_to_file(parse_net(DRAWN), str(tmp_path / "net.png"))
    assert not (tmp_path / "net.png").exists()


def test_graphviz_draws_it():
    if shutil.which("dot") is None:
        pytest.skip("Graphviz's program dot is not here")
    assert draw.draw_net(parse_net(DRAWN), "LR", "png").startswith(b"\x89PNG")
    with pytest.raises(BackendError, match="cannot draw this as 'nothing'"):
        draw.draw_net(parse_net(DRAWN), "LR", "nothing")


def test_the_way_to_graphviz(tmp_path, monkeypatch):
    """What the program is given and what is made of its answer, with a program that answers."""
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho $1\ncat\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))
    net = parse_net(DRAWN)
    assert draw.draw_net(net, "RL", "svg").decode() == "-Tsvg\n" + draw.graph_text(net, "RL")
    program.write_text("#!/bin/sh\necho Format unknown >&2\nexit 1\n")
    with pytest.raises(BackendError, match="'svg': Format unknown"):
        draw.draw_net(net, "RL", "svg")


def test_pydot_graph():
    net = parse_net(DRAWN)
    try:
        import pydot  # noqa: F401
    except ImportError:
        with pytest.raises(BackendError, match="pip install pydot"):
            draw.get_pydot_graph(net)
        return
    graph = draw.get_pydot_graph(net)
    assert len(graph.get_edges()) == 12


# -- coord_map -----------------------------------------------------------------------------------------


def fcn(stride_pools=3):
    """The shape of FCN-8s, Long et al. 2015: VGG-16 padded by 100, two skips, three upsamplings."""
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 3, 500, 500]))
    below, pools = n.data, []
    for block in range(5):
        for layer in range(2 if block < 2 else 3):
            pad = 100 if block == layer == 0 else 1
            below = L.Convolution(below, kernel_size=3, pad=pad, num_output=1)
            below = L.ReLU(below, in_place=True)
        below = L.Pooling(below, pool=P.Pooling.MAX, kernel_size=2, stride=2)
        pools.append(below)
    fc6 = L.Dropout(L.ReLU(L.Convolution(below, kernel_size=7, pad=0, num_output=1)))
    score = L.Convolution(
        L.Convolution(fc6, kernel_size=1, num_output=1), kernel_size=1, num_output=1
    )
    return n.data, pools, score


def up(top, stride):
    return L.Deconvolution(
        top, convolution_param=dict(num_output=1, kernel_size=2 * stride, stride=stride)
    )


def offset_of(top):
    return top.fn.params["crop_param"]


def test_the_offsets_of_the_published_fcns():
    data, pools, score = fcn()
    assert offset_of(coord_map.crop(up(score, 32), data)) == {"axis": 2, "offset": [19]}
    up2 = up(score, 2)
    score4 = coord_map.crop(L.Convolution(pools[3], kernel_size=1, num_output=1), up2)
    assert offset_of(score4)["offset"] == [5]
    fused = L.Eltwise(up2, score4)
    assert offset_of(coord_map.crop(up(fused, 16), data))["offset"] == [27]
    up4 = up(fused, 2)
    score3 = coord_map.crop(L.Convolution(pools[2], kernel_size=1, num_output=1), up4)
    assert offset_of(score3)["offset"] == [9]
    assert offset_of(coord_map.crop(up(L.Eltwise(up4, score3), 8), data))["offset"] == [31]


def test_a_map_says_where_a_position_comes_from():
    """The centre of gravity of what a position of the top sees, by running the net."""
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 1, 40]))
    n.conv = L.Convolution(n.data, kernel_size=3, stride=2, pad=2, dilation=2, num_output=1)
    n.pool = L.Convolution(n.conv, kernel_size=4, stride=3, pad=1, num_output=1)
    net = net_of("force_backward: true " + str(n.to_proto()))
    for name in ("conv", "pool"):
        net.params[name][0].data[...] = 1
    net.forward()
    _, scale, shift = coord_map.coord_map_from_to(n.data, n.pool)
    for position in (2, 3):
        net.blobs["pool"].diff[...] = 0
        net.blobs["pool"].diff[0, 0, position] = 1
        seen = net.backward()["data"].ravel()
        centre = (seen * np.arange(40)).sum() / seen.sum()
        assert np.allclose(scale * centre + shift, position)


def test_maps_compose_and_invert():
    one, other = (1, 0.5, np.array([2.0])), (None, 3.0, 1.0)
    axis, scale, shift = coord_map.compose(one, other)
    assert (axis, scale, shift.tolist()) == (1, 1.5, [2.5])
    axis, scale, shift = coord_map.compose(one, coord_map.inverse(one))
    assert (axis, scale, shift.tolist()) == (1, 1.0, [0.0])
    with pytest.raises(coord_map.AxisMismatchException):
        coord_map.compose(one, (2, 1, 0))


def test_kernels_of_two_sizes_and_crops_on_the_way():
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 1, 9, 9]))
    n.conv = L.Convolution(n.data, kernel_size=[3, 5], num_output=1)
    axis, scale, shift = coord_map.coord_map_from_to(n.conv, n.data)
    assert (axis, scale.tolist(), shift.tolist()) == (1, [1], [1, 2])
    n.part = L.Crop(n.data, n.conv, crop_param=dict(axis=2, offset=[1, 2]))
    assert coord_map.coord_map_from_to(n.part, n.data)[2].tolist() == [1, 2]
    cropped = coord_map.crop(n.data, n.conv)
    assert offset_of(cropped) == {"axis": 2, "offset": [1, 2]}
    net = caffe.NetSpec()
    net.cropped = cropped
    assert net_of(str(net.to_proto())).blobs["cropped"].shape == (1, 1, 7, 5)


def test_what_cannot_be_mapped():
    data = L.Input(shape=dict(dim=[1, 1, 9, 9]))
    conv = L.Convolution(data, kernel_size=3, num_output=1)
    with pytest.raises(coord_map.UndefinedMapException, match="InnerProduct"):
        coord_map.coord_map(L.InnerProduct(data).fn)
    with pytest.raises(RuntimeError, match="Could not compute map"):
        coord_map.coord_map_from_to(L.InnerProduct(data), data)
    with pytest.raises(RuntimeError, match="Could not compute map"):
        coord_map.coord_map_from_to(conv, L.Input())
    with pytest.raises(coord_map.AxisMismatchException):
        other = L.Convolution(conv, kernel_size=3, axis=2, num_output=1)
        coord_map.coord_map_from_to(other, data)
    with pytest.raises(ValueError, match="_h and _w"):
        coord_map.coord_map(L.Convolution(data, kernel_h=3, kernel_w=3).fn)
    for wrong, message in (
        (L.Convolution(data, kernel_size=3, stride=2), "scale mismatch"),
        (L.Convolution(data, kernel_size=2), "noninteger"),
    ):
        with pytest.raises(AssertionError, match=message):
            coord_map.crop(data, wrong)
    with pytest.raises(AssertionError, match="negative"):
        coord_map.crop(conv, data)
