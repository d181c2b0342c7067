"""Gradients of layers against central differences in a random direction."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.engine_nets import layer_net, net_of, smooth
from helpers.gradients import check_gradient, check_layer

from caffe_style.engine import TRAIN, set_random_seed

IMAGE = (2, 3, 5, 4)


SINGLE = [
    ("BNLL", ""),
    ("ELU", "elu_param { alpha: 0.7 }"),
    ("Swish", "swish_param { beta: 0.6 }"),
    ("Power", "power_param { power: 3 scale: 0.5 shift: 4 }"),
    ("Exp", "exp_param { base: 3 scale: 0.5 shift: 0.2 }"),
    ("Log", "log_param { base: 2 scale: 0.5 shift: 4 }"),
    ("Scale", "scale_param { axis: 2 num_axes: 1 bias_term: true }"),
    ("Scale", "scale_param { axis: 0 num_axes: 2 }"),
    ("Bias", "bias_param { axis: 0 num_axes: -1 }"),
    ("PReLU", ""),
    ("PReLU", "prelu_param { channel_shared: true }"),
    ("MVN", ""),
    ("MVN", "mvn_param { normalize_variance: false }"),
    ("BatchNorm", "batch_norm_param { use_global_stats: false }"),
    ("LRN", "lrn_param { local_size: 3 alpha: 2 beta: 0.6 k: 1.5 }"),
    ("LRN", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 alpha: 2 beta: 0.6 }"),
    ("InnerProduct", "inner_product_param { num_output: 4 axis: 2 }"),
    ("InnerProduct", "inner_product_param { num_output: 4 transpose: true }"),
    (
        "Convolution",
        "convolution_param { num_output: 4 kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 0 }",
    ),
    (
        "Convolution",
        "convolution_param { num_output: 6 kernel_size: 2 group: 3 dilation: 2 pad: 1 }",
    ),
    ("Deconvolution", "convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 }"),
    ("Im2col", "convolution_param { kernel_size: 2 stride: 1 pad: 1 }"),
    ("Pooling", "pooling_param { kernel_size: 3 stride: 2 pad: 1 }"),
    ("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 round_mode: FLOOR }"),
    ("SPP", "spp_param { pyramid_height: 2 }"),
    ("Reduction", "reduction_param { operation: SUMSQ axis: 1 coeff: 0.5 }"),
    ("Softmax", "softmax_param { axis: -1 }"),
    ("Tile", "tile_param { axis: 3 tiles: 2 }"),
    ("Reshape", "reshape_param { shape { dim: -1 dim: 0 dim: 2 } }"),
    ("Flatten", "flatten_param { axis: 2 }"),
    ("Slice", "slice_param { axis: 2 slice_point: 1 slice_point: 3 }"),
]


@pytest.mark.parametrize("type_, options", SINGLE, ids=lambda value: value.replace(" ", "")[:40])
def test_one_bottom(type_, options):
    rng = np.random.default_rng(3)
    tops = ("t0", "t1", "t2") if type_ == "Slice" else ("top",)
    net = layer_net(type_, [IMAGE], options, tops)
    check_layer(net, [smooth(rng, IMAGE)], ["b0"], rng, parameters=type_ != "BatchNorm")


@pytest.mark.parametrize(
    "type_", ["BNLL", "ELU", "Swish", "Power", "Log", "Scale", "PReLU", "Bias"]
)
def test_in_place(type_):
    options = {"Power": "power_param { power: 3 shift: 4 }", "Log": "log_param { shift: 4 }"}
    rng = np.random.default_rng(4)
    text = (
        'force_backward: true layer { name: "b0" type: "Input" top: "b0" input_param '
        "{ shape { dim: 2 dim: 3 dim: 4 dim: 4 } } }"
        'layer { name: "c" type: "Power" bottom: "b0" top: "c" }'
        'layer { name: "layer" type: "%s" bottom: "c" top: "c" %s }'
        % (type_, options.get(type_, ""))
    )
    check_layer(net_of(text), [smooth(rng, (2, 3, 4, 4))], ["b0"], rng)


PAIRS = [
    ("Concat", "", [(2, 3, 4, 2), (2, 1, 4, 2)], "b0 b1"),
    ("Eltwise", "eltwise_param { operation: PROD }", [IMAGE] * 3, "b0 b1 b2"),
    ("Eltwise", "eltwise_param { operation: MAX }", [IMAGE] * 3, "b0 b1 b2"),
    ("Eltwise", "eltwise_param { coeff: 2 coeff: -0.5 }", [IMAGE] * 2, "b0 b1"),
    ("Scale", "scale_param { axis: 0 }", [IMAGE, (2, 3)], "b0 b1"),
    ("Bias", "", [IMAGE, (3, 5)], "b0 b1"),
    ("Crop", "crop_param { offset: 1 }", [IMAGE, (2, 3, 2, 3)], "b0"),
    ("EuclideanLoss", "loss_weight: 0.7", [(3, 4), (3, 4)], "b0 b1"),
    ("ContrastiveLoss", "contrastive_loss_param { margin: 4 }", [(6, 3), (6, 3), (6,)], "b0 b1"),
    ("SigmoidCrossEntropyLoss", "loss_param { normalization: NONE }", [(3, 4), (3, 4)], "b0"),
    ("HingeLoss", "hinge_loss_param { norm: L2 }", [(6, 3), (6,)], "b0"),
    ("SoftmaxWithLoss", "loss_param { ignore_label: 1 }", [(6, 3), (6,)], "b0"),
    ("SoftmaxWithLoss", "loss_weight: 2", [(2, 3, 2, 2), (2, 1, 2, 2)], "b0"),
]


@pytest.mark.parametrize("type_, options, shapes, wanted", PAIRS, ids=lambda value: str(value)[:24])
def test_several_bottoms(type_, options, shapes, wanted):
    rng = np.random.default_rng(5)
    values = [smooth(rng, shape) for shape in shapes]
    if type_ in ("HingeLoss", "SoftmaxWithLoss"):
        values[1] = rng.integers(0, 3, shapes[1])
    if type_ == "SigmoidCrossEntropyLoss":
        values[1] = rng.integers(0, 2, shapes[1])
    if type_ == "ContrastiveLoss":
        values[2] = np.arange(6) % 2
    check_layer(layer_net(type_, shapes, options), values, wanted.split(), rng)


def test_infogain_loss():
    rng = np.random.default_rng(6)
    # Without force_backward: the matrix is a bottom that takes no gradient.
    text = (
        'layer { name: "in" type: "Input" top: "x" top: "label" top: "h" input_param {'
        " shape { dim: 5 dim: 3 } shape { dim: 5 } shape { dim: 3 dim: 3 } } }"
        'layer { name: "b" type: "Bias" bottom: "x" top: "y" bias_param { axis: 0 num_axes: 2 } }'
        'layer { name: "layer" type: "InfogainLoss" bottom: "y" bottom: "label" bottom: "h" top: "l" }'
    )
    net = net_of(text)
    for name, value in zip(("x", "label", "h"), (smooth(rng, (5, 3)), [0, 1, 2, 1, 0], None)):
        net.blobs[name].data[...] = rng.uniform(0, 1, (3, 3)) if value is None else value
    bias, direction = net.params["b"][0], rng.standard_normal((5, 3))

    def evaluate_at(point):
        bias.data[...] = point
        loss = net._forward(0, len(net.layers) - 1)
        net.clear_param_diffs()
        net.backward()
        return loss, bias.diff.copy()

    check_gradient(evaluate_at, np.zeros((5, 3)), direction, step=1e-2, tolerance=1e-2)


def test_dropout_in_training_keeps_its_mask():
    set_random_seed(1)
    net = layer_net("Dropout", [(4, 50)], "dropout_param { dropout_ratio: 0.3 }", phase=TRAIN)
    net.blobs["b0"].data[...] = 1
    mask = net.forward()["top"].copy()
    assert set(np.unique(mask)) == {0, np.float32(1 / 0.7)}
    assert 0.15 < (mask == 0).mean() < 0.45
    net.blobs["top"].diff[...] = 2
    assert np.array_equal(net.backward()["b0"], 2 * mask)


def test_embed_adds_to_the_rows_it_read():
    net = net_of(
        'layer { name: "i" type: "Input" top: "i" input_param { shape { dim: 3 } } }'
        'layer { name: "layer" type: "Embed" bottom: "i" top: "e" loss_weight: 1'
        " embed_param { num_output: 2 input_dim: 4 } }"
    )
    net.blobs["i"].data[...] = [1, 3, 1]
    net.params["layer"][0].data[...] = np.arange(8).reshape(4, 2)
    assert np.array_equal(net.forward()["e"], [[2, 3], [6, 7], [2, 3]])
    net.backward()
    net.backward()
    assert np.array_equal(
        net.params["layer"][0].diff, 2 * np.array([[0, 0], [2, 2], [0, 0], [1, 1]])
    )
    assert np.array_equal(net.params["layer"][1].diff, [6, 6])


RECURRENT = [
    ("RNN", "", [], ("o",)),
    ("RNN", "expose_hidden: true", [(1, 2, 4)], ("o", "h")),
    ("LSTM", "", [], ("o",)),
    ("LSTM", "", [(2, 5)], ("o",)),
    ("LSTM", "expose_hidden: true", [(2, 5), (1, 2, 4), (1, 2, 4)], ("o", "h", "c")),
]


@pytest.mark.parametrize("type_, options, others, tops", RECURRENT)
def test_recurrent(type_, options, others, tops):
    rng = np.random.default_rng(7)
    shapes = [(4, 2, 3), (4, 2)] + others
    options = "recurrent_param { num_output: 4 %s }" % options
    net = layer_net(type_, shapes, options, tops)
    assert [net.blobs[top].shape for top in tops] == [(4, 2, 4)] + [(1, 2, 4)] * (len(tops) - 1)
    values = [smooth(rng, shape) for shape in shapes]
    values[1] = np.array([[0, 0], [1, 1], [1, 0], [1, 1]])
    if "expose" in options:
        values[1][0] = 1
    check_layer(net, values, [name for name in net.inputs if name != "b1"], rng)


def test_lstm_unit():
    rng = np.random.default_rng(8)
    shapes = [(1, 3, 2), (1, 3, 8), (1, 3)]
    values = [smooth(rng, shape) for shape in shapes[:2]] + [np.array([[1, 0, 1]])]
    check_layer(layer_net("LSTMUnit", shapes, tops=("c", "h")), values, ["b0", "b1"], rng)


def test_a_recurrent_layer_goes_on_from_the_batch_before():
    options = "recurrent_param { num_output: 4 %s weight_filler { type: 'uniform' } }"
    for type_ in ("RNN", "LSTM"):
        set_random_seed(2)
        halves = layer_net(type_, [(2, 1, 3), (2, 1)], options % "")
        set_random_seed(2)
        whole = layer_net(type_, [(4, 1, 3), (4, 1)], options % "")
        x, cont = smooth(np.random.default_rng(9), (4, 1, 3)), np.array([0, 1, 1, 1])[:, None]
        wanted = whole.forward(b0=x, b1=cont)["top"].copy()
        for half in (slice(0, 2), slice(2, 4)):
            found = halves.forward(b0=x[half], b1=cont[half])["top"]
            assert np.allclose(found, wanted[half], atol=1e-6)
