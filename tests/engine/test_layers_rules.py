"""Rules of single layers that the recorded cases do not show."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
from helpers.engine_nets import input_layer, layer_net, net_of, run

from caffe_style.engine import TRAIN, io, set_random_seed
from caffe_style.engine.layers import PythonLayer
from caffe_style.errors import LayerError


def test_pooling_mask_is_the_position_of_the_first_maximum():
    net = layer_net(
        "Pooling", [(1, 2, 3, 5)], "pooling_param { kernel_size: 2 stride: 2 }", ("top", "mask")
    )
    x = np.zeros((1, 2, 3, 5))
    x[0, 0, 1, 1] = x[0, 0, 0, 1] = 3
    x[0, 1, 2, 4] = 2
    run(net, x)
    mask = net.blobs["mask"].data
    assert mask.shape == (1, 2, 2, 3)
    assert mask[0, 0].tolist() == [[1, 2, 4], [10, 12, 14]]
    assert mask[0, 1].tolist() == [[0, 2, 4], [10, 12, 14]]


def test_pooling_of_nothing_has_no_position():
    net = layer_net(
        "Pooling", [(1, 1, 2, 2)], "pooling_param { kernel_size: 1 stride: 3 }", ("top", "mask")
    )
    y = run(net, np.ones((1, 1, 2, 2)))
    assert y.ravel().tolist() == [1] + [-np.finfo(np.float32).max] * 3
    assert net.blobs["mask"].data.ravel().tolist() == [0, -1, -1, -1]
    net.blobs["top"].diff[...] = 1
    assert net.backward()["b0"].sum() == 1


@pytest.mark.parametrize("kernel", [15, 16, 17])
def test_global_pooling_of_any_size(kernel):
    net = layer_net("Pooling", [(1, 1, kernel, kernel)], "pooling_param { global_pooling: true }")
    x = np.arange(kernel * kernel, dtype=np.float32).reshape(1, 1, kernel, kernel)
    assert run(net, x).item() == kernel * kernel - 1
    net.blobs["top"].diff[...] = 5
    assert net.backward()["b0"][0, 0, -1, -1] == 5


def test_stochastic_pooling_draws_from_its_window():
    set_random_seed(0)
    options = "pooling_param { pool: STOCHASTIC kernel_size: 2 stride: 2 }"
    x = np.random.default_rng(0).uniform(0.1, 1, (2, 3, 4, 4)).astype(np.float32)
    net = layer_net("Pooling", [x.shape], options, phase=TRAIN)
    y = run(net, x)
    windows = x.reshape(2, 3, 2, 2, 2, 2)
    assert all(y[i] in windows[i[0], i[1], i[2], :, i[3], :] for i in np.ndindex(y.shape))
    net.blobs["top"].diff[...] = 1
    assert net.backward()["b0"].sum() == y.size
    expected = (windows**2).sum((3, 5)) / windows.sum((3, 5))
    assert np.allclose(run(layer_net("Pooling", [x.shape], options), x), expected, rtol=1e-5)


def test_batch_norm_gathers_statistics():
    options = "batch_norm_param { moving_average_fraction: 0.5 }"
    net = layer_net("BatchNorm", [(4, 2)], options, phase=TRAIN)
    x = np.array([[0, 1], [2, 3], [4, 5], [6, 7]], np.float32)
    run(net, x)
    run(net, x)
    mean, variance, factor = (blob.data for blob in net.params["layer"])
    assert factor[0] == 1.5
    assert np.allclose(mean / factor, x.mean(0))
    assert np.allclose(variance / factor, x.var(0, ddof=1))
    assert [spec.lr_mult for spec in net.layer_dict["layer"].param.param] == [0, 0, 0]


def test_mvn_makes_four_axes():
    net = layer_net("MVN", [(3, 4)], "mvn_param { across_channels: true }")
    assert net.blobs["top"].shape == (3, 4, 1, 1)


def test_scale_and_bias_as_caffe_add_parameter_gradients():
    """Where Caffe's code replaces the parameter's diff instead of adding to it, so do we."""
    for shape, options, factor in (
        ((1, 3, 2, 2), "", 1),  # one image: replaced
        ((2, 3, 2, 2), "", 2),
        ((2, 3), "scale_param { axis: 0 num_axes: 2 }", 1),  # value by value: replaced
        ((1, 3, 2, 2), "scale_param { num_axes: 0 }", 2),
    ):
        net = layer_net("Scale", [shape], options)
        run(net, np.ones(shape))
        net.blobs["top"].diff[...] = 1
        net.backward()
        once = net.params["layer"][0].diff.copy()
        net.backward()
        assert np.array_equal(net.params["layer"][0].diff, factor * once), (shape, options)


def test_accuracy_of_classes_with_an_ignored_label():
    net = layer_net(
        "Accuracy",
        [(5, 3), (5,)],
        "accuracy_param { ignore_label: 2 }",
        ("top", "classes"),
    )
    scores = np.array([[3, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [2, 2, 0]])
    accuracy = run(net, scores, np.array([0, 1, 1, 2, 0]))
    assert accuracy == np.float32(0.5)  # the tie of the last item counts as wrong
    assert net.blobs["classes"].data.tolist() == [0.5, 0.5, 0]


@pytest.mark.parametrize(
    "options, divisor",
    [("", 3), ("normalization: FULL", 4), ("normalization: BATCH_SIZE", 2)]
    + [("normalization: NONE", 1), ("normalize: false", 2), ("normalize: true", 3)],
)
def test_softmax_loss_normalisation(options, divisor):
    net = layer_net(
        "SoftmaxWithLoss",
        [(2, 3, 2), (2, 2)],
        "loss_param { ignore_label: 255 %s }" % options,
        ("loss", "prob"),
    )
    labels = np.array([[0, 255], [2, 1]])
    assert np.allclose(run(net, np.zeros((2, 3, 2)), labels), 3 * np.log(3) / divisor)
    assert np.allclose(net.blobs["prob"].data, 1 / 3)
    gradient = net.backward()["b0"]
    assert np.allclose(gradient[0, :, 0], np.array([-2, 1, 1]) / 3 / divisor)
    assert not gradient[0, :, 1].any()


@pytest.mark.parametrize(
    "options, divisor", [("", 2), ("normalize: true", 5), ("normalization: FULL", 6)]
)
def test_sigmoid_loss_normalisation(options, divisor):
    net = layer_net(
        "SigmoidCrossEntropyLoss",
        [(2, 3), (2, 3)],
        "loss_param { ignore_label: -1 %s }" % options,
    )
    loss = run(net, np.zeros((2, 3)), np.array([[0, 1, -1], [1, 0, 1]]))
    assert np.allclose(loss, 5 * np.log(2) / divisor)


def test_filter_forwards_what_the_selector_marks():
    net = layer_net("Filter", [(4, 2, 1, 3), (4,)])
    assert net.blobs["top"].shape == (4, 2, 1, 3)
    text = 'layer { name: "f" type: "Filter" bottom: "x" bottom: "s" top: "top" }'
    text = input_layer("x", (4, 2)) + input_layer("s", (4,)) + text
    text += 'layer { name: "sum" type: "Reduction" bottom: "top" top: "sum" }'
    net = net_of(text)
    net.blobs["x"].data[...] = np.arange(8).reshape(4, 2)
    net.blobs["s"].data[...] = [0, 1, 0, 2]
    assert net.forward()["sum"] == 2 + 3 + 6 + 7
    assert net.blobs["top"].data.tolist() == [[2, 3], [6, 7]]
    net.blobs["top"].diff[...] = [[1, 2], [3, 4]]
    net.blobs["x"].diff[...] = 99
    net.layer_dict["f"].backward([net.blobs["top"]], [True, False], [net.blobs["x"], None])
    assert net.blobs["x"].diff.tolist() == [[0, 0], [1, 2], [0, 0], [3, 4]]


def test_batch_reindex_repeats_items():
    text = input_layer("x", (3, 2, 1, 2)) + input_layer("i", (4,))
    net = net_of(text + 'layer { name: "r" type: "BatchReindex" bottom: "x" bottom: "i" top: "y" }')
    net.blobs["x"].data[...] = np.arange(12).reshape(3, 2, 1, 2)
    net.blobs["i"].data[...] = [2, 0, 2, 1]
    assert np.array_equal(net.forward()["y"], net.blobs["x"].data[[2, 0, 2, 1]])
    net.blobs["y"].diff[...] = 1
    net.layer_dict["r"].backward([net.blobs["y"]], [True, False], [net.blobs["x"], net.blobs["i"]])
    assert net.blobs["x"].diff[:, 0, 0, 0].tolist() == [1, 1, 2]


def test_dummy_data_refills_random_tops_only():
    net = net_of(
        'layer { name: "d" type: "DummyData" top: "a" top: "b" dummy_data_param {'
        " num: 2 channels: 1 height: 3 width: 1 width: 2 data_filler { value: 4 }"
        ' data_filler { type: "uniform" } } }'
    )
    assert (net.blobs["a"].shape, net.blobs["b"].shape) == ((2, 1, 3, 1), (2, 1, 3, 2))
    assert (net.blobs["a"].data == 4).all() and not net.blobs["b"].data.any()
    first = net.forward()["b"].copy()
    assert not np.array_equal(first, net.forward()["b"])
    net.blobs["a"].data[...] = 5
    assert (net.forward()["a"] == 5).all()


def test_memory_data_serves_batches_in_turn():
    net = net_of(
        'layer { name: "m" type: "MemoryData" top: "data" top: "label" memory_data_param {'
        " batch_size: 2 channels: 1 height: 1 width: 3 } }"
    )
    with pytest.raises(LayerError, match="set_input_arrays"):
        net.forward()
    data = np.arange(12, dtype=np.float32).reshape(4, 1, 1, 3)
    net.set_input_arrays(data, np.arange(4, dtype=np.float32))
    for first in (0, 2, 0):
        out = net.forward()
        assert np.array_equal(out["data"], data[first : first + 2])
        assert out["label"].tolist() == [first, first + 1]
    with pytest.raises(LayerError, match="multiple of 2"):
        net.set_input_arrays(data[:3], np.zeros(3))


def test_parameter_is_its_top():
    net = net_of(
        'layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 2 dim: 3 dim: 4 } } }'
    )
    net.params["p"][0].data[...] = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(net.forward()["p"], np.arange(24).reshape(2, 3, 4))
    net.blobs["p"].diff[...] = 3
    assert (net.params["p"][0].diff == 3).all()


def test_a_parameter_layer_is_saved_in_caffes_order(tmp_path):
    text = 'layer { name: "p" type: "Parameter" top: "p" parameter_param { shape {'
    text += " dim: 1 dim: 2 dim: 3 dim: 4 } } }"
    net, other = net_of(text), net_of(text)
    net.params["p"][0].data[...] = np.arange(24).reshape(1, 2, 3, 4)
    net.save(str(tmp_path / "p.caffemodel"))
    other.copy_from(str(tmp_path / "p.caffemodel"))
    assert np.array_equal(other.forward()["p"], np.arange(24).reshape(1, 2, 3, 4))


def test_infogain_matrix_from_a_file(tmp_path):
    matrix = np.random.default_rng(0).uniform(0, 1, (3, 3)).astype(np.float32)
    path = tmp_path / "h.binaryproto"
    path.write_bytes(io.array_to_blobproto(matrix.reshape(1, 1, 3, 3)).SerializeToString())
    options = 'infogain_loss_param { source: "%s" }'
    net = layer_net("InfogainLoss", [(2, 3), (2,)], options % path)
    assert np.allclose(run(net, np.zeros((2, 3)), [1, 2]), matrix[1:].sum() * np.log(3) / 2)
    with pytest.raises(LayerError, match="cannot read the array"):
        layer_net("InfogainLoss", [(2, 3), (2,)], options % (tmp_path / "nope"))


def test_input_of_any_axes():
    net = net_of(
        'layer { name: "i" type: "Input" top: "s" top: "v" input_param { shape { } shape {'
        " dim: 2 dim: 1 dim: 2 dim: 1 dim: 3 } } }"
        'layer { name: "a" type: "AbsVal" bottom: "s" top: "abs" }'
    )
    assert (net.blobs["s"].shape, net.blobs["v"].shape) == ((), (2, 1, 2, 1, 3))
    net.blobs["s"].data[...] = -2
    assert net.forward()["abs"] == 2
    with pytest.raises(LayerError, match="at most 4 axes"):
        _ = net.blobs["v"].channels


# -- Python layers -------------------------------------------------------------------------------


class Times(PythonLayer):
    """y = factor * w * x, the factor from param_str, w a parameter."""

    def setup(self, bottom, top):
        self.factor = float(self.param_str)
        self.reshapes = 0
        self.blobs.add_blob(1)
        self.blobs[0].data[...] = 1

    def reshape(self, bottom, top):
        self.reshapes += 1
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.factor * self.blobs[0].data * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            bottom[0].diff[...] = self.factor * self.blobs[0].data * top[0].diff
        self.blobs[0].diff[...] += self.factor * (bottom[0].data * top[0].diff).sum()


@pytest.fixture()
def user_module(monkeypatch):
    module = types.ModuleType("user_layers")
    module.Times = Times
    monkeypatch.setitem(sys.modules, "user_layers", module)


def python_net(layer, module="user_layers"):
    param = 'python_param { module: "%s" layer: "%s" param_str: "3" }' % (module, layer)
    return layer_net("Python", [(2, 3, 4, 4)], param)


def test_python_layer(user_module):
    net = python_net("Times")
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
    assert np.allclose(run(net, x), 3 * x)
    net.params["layer"][0].data[...] = 2
    net.blobs["top"].diff[...] = x
    assert np.allclose(net.backward()["b0"], 6 * x)
    assert np.allclose(net.params["layer"][0].diff, 3 * (x**2).sum(), rtol=1e-5)
    user = net.layers[1]
    assert isinstance(user, Times) and net.layer_dict["layer"] is user and user.type == "Python"
    before = user.reshapes
    net.forward()
    assert user.reshapes == before + 1  # Caffe reshapes before every forward


def test_python_layer_that_is_not_there(user_module):
    with pytest.raises(LayerError, match="cannot import module 'no_such_module'"):
        python_net("Times", "no_such_module")
    with pytest.raises(LayerError, match="no class 'Nope'"):
        python_net("Nope")


def test_power_of_1_in_place_loses_the_gradient_as_in_caffe():
    """Values of genuine Caffe 1.0, whose backward overwrites the gradient before it reads it."""
    net = layer_net("Power", [(4,)], "power_param { scale: 3 shift: 1 }", in_place=True)
    assert run(net, np.array([1, 2, 0.5, 3])).tolist() == [4, 7, 2.5, 10]
    net.blobs["b0"].diff[...] = [1, 10, 100, 1000]
    net.backward()
    assert net.blobs["b0"].diff.tolist() == [9, 9, 9, 9]
