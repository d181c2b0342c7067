"""What is wrong is said: one LayerError that names the layer, where genuine Caffe kills the process."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.engine_nets import input_layer, layer_net, net_of, run

from caffe_style.errors import LayerError

IMAGE = (2, 4, 6, 5)

WRONG = [
    ("Convolution", [IMAGE], "convolution_param { num_output: 3 }", "kernel_size"),
    ("Convolution", [IMAGE], "convolution_param { kernel_size: 3 }", "num_output"),
    (
        "Convolution",
        [IMAGE],
        "convolution_param { num_output: 4 kernel_size: 3 group: 3 }",
        "group 3",
    ),
    (
        "Convolution",
        [IMAGE],
        "convolution_param { num_output: 4 kernel_size: 3 kernel_size: 3 kernel_size: 1 }",
        "kernel_size",
    ),
    (
        "Convolution",
        [IMAGE],
        "convolution_param { num_output: 4 kernel_size: 3 stride: 0 }",
        "stride",
    ),
    (
        "Convolution",
        [(2, 4, 2, 2)],
        "convolution_param { num_output: 4 kernel_size: 9 }",
        "too small",
    ),
    (
        "Convolution",
        [IMAGE],
        "convolution_param { num_output: 4 kernel_size: 3 axis: 4 }",
        "axis 4",
    ),
    (
        "Convolution",
        [IMAGE],
        'convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "magic" } }',
        "unknown filler type 'magic'",
    ),
    (
        "Convolution",
        [IMAGE],
        "convolution_param { num_output: 4 kernel_size: 3 weight_filler { sparse: 3 } }",
        "only the gaussian",
    ),
    ("Pooling", [IMAGE], "", "kernel_size"),
    ("Pooling", [IMAGE], "pooling_param { kernel_size: 2 kernel_h: 2 kernel_w: 2 }", "either"),
    ("Pooling", [IMAGE], "pooling_param { kernel_h: 2 }", "either"),
    ("Pooling", [IMAGE], "pooling_param { kernel_size: 2 pad: 2 }", "pad"),
    ("Pooling", [IMAGE], "pooling_param { kernel_size: 2 stride: 0 }", "stride"),
    ("Pooling", [IMAGE], "pooling_param { global_pooling: true kernel_size: 2 }", "global_pooling"),
    ("Pooling", [IMAGE], "pooling_param { global_pooling: true pad: 1 }", "global_pooling"),
    ("Pooling", [IMAGE], "pooling_param { pool: STOCHASTIC kernel_size: 2 pad: 1 }", "padding"),
    ("Pooling", [(2, 3, 4)], "pooling_param { kernel_size: 2 }", "4 axes"),
    ("LRN", [IMAGE], "lrn_param { local_size: 4 }", "odd"),
    ("LRN", [(2, 4)], "", "4 axes"),
    ("InnerProduct", [IMAGE], "inner_product_param { }", "num_output"),
    ("InnerProduct", [IMAGE], "inner_product_param { num_output: 2 axis: 4 }", "axis 4"),
    ("Concat", [IMAGE, (2, 4, 6, 4)], "", "cannot be joined"),
    ("Concat", [IMAGE, IMAGE], "concat_param { axis: -5 }", "axis -5"),
    ("Concat", [IMAGE, IMAGE], "concat_param { axis: 1 concat_dim: 1 }", "not both"),
    ("Concat", [IMAGE, IMAGE], "concat_param { concat_dim: 4 }", "concat_dim"),
    ("Eltwise", [IMAGE, (2, 4, 5, 6)], "", "one shape"),
    ("Eltwise", [IMAGE, IMAGE], "eltwise_param { coeff: 1 }", "coeff"),
    ("Eltwise", [IMAGE, IMAGE], "eltwise_param { operation: PROD coeff: 1 coeff: 2 }", "SUM"),
    ("Eltwise", [IMAGE], "", "at least 2 bottom"),
    ("Softmax", [IMAGE], "softmax_param { axis: 7 }", "axis 7"),
    ("Dropout", [IMAGE], "dropout_param { dropout_ratio: 1 }", "dropout_ratio"),
    ("Exp", [IMAGE], "exp_param { base: 0 }", "base"),
    ("Log", [IMAGE], "log_param { base: 1 }", "base 1"),
    ("Scale", [IMAGE], "scale_param { axis: 2 num_axes: 3 }", "num_axes 3"),
    ("Scale", [IMAGE, (3,)], "", "does not fit"),
    ("Bias", [IMAGE, (4, 5)], "", "does not fit"),
    ("PReLU", [(3,)], "", "2 axes"),
    ("BatchNorm", [(3,)], "", "2 axes"),
    ("BatchNorm", [IMAGE], "param { lr_mult: 1 }", "lr_mult"),
    ("Flatten", [IMAGE], "flatten_param { axis: 3 end_axis: 2 }", "end_axis"),
    ("Reshape", [IMAGE], "reshape_param { shape { dim: -1 dim: -1 } }", "at most one -1"),
    ("Reshape", [IMAGE], "reshape_param { shape { dim: 7 dim: -1 } }", "cannot be inferred"),
    ("Reshape", [IMAGE], "reshape_param { shape { dim: 3 dim: 3 } }", "has not the 240 values"),
    ("Reshape", [(4, 6)], "reshape_param { shape { dim: 0 dim: 2 dim: 0 } }", "copies axis 2"),
    ("Reshape", [IMAGE], "reshape_param { axis: 3 num_axes: 2 shape { dim: 5 } }", "num_axes 2"),
    ("Crop", [IMAGE, (2, 4, 7, 5)], "", "crop"),
    ("Crop", [IMAGE, (2, 4, 3, 3)], "crop_param { offset: 1 offset: 1 offset: 1 }", "one offset"),
    ("Tile", [IMAGE], "", "tiles"),
    ("ArgMax", [IMAGE], "argmax_param { axis: 1 top_k: 5 }", "top_k"),
    ("Reduction", [IMAGE], "reduction_param { axis: 4 }", "axis 4"),
    ("Accuracy", [(4, 3), (5,)], "", "labels"),
    ("Accuracy", [(4, 3), (4,)], "accuracy_param { top_k: 4 }", "top_k"),
    ("SoftmaxWithLoss", [(4, 3), (4, 3)], "", "one label"),
    ("EuclideanLoss", [(4, 3), (4, 2)], "", "differ"),
    ("EuclideanLoss", [(4, 3), (3, 4)], "", "batch size"),
    ("SigmoidCrossEntropyLoss", [(4, 3), (4, 2)], "", "differ"),
    ("InfogainLoss", [(4, 3), (4,)], "", "matrix"),
    ("InfogainLoss", [(4, 3), (4,), (3, 2)], "", "3 x 3"),
    ("ContrastiveLoss", [(4, 3), (4, 2), (4,)], "", "two blobs"),
    ("Embed", [(4,)], "embed_param { num_output: 2 }", "input_dim"),
    ("BatchReindex", [IMAGE, (2, 2)], "", "list of indices"),
    ("Filter", [IMAGE, (3,)], "", "selector's 3 items"),
    ("SPP", [IMAGE], "", "pyramid_height"),
    ("SPP", [IMAGE], "spp_param { pyramid_height: 6 }", "too fine"),
    ("ReLU", [IMAGE, IMAGE], "", "takes 1 bottom"),
    ("Data", [], "", "convert it to LMDB"),
    ("WindowData", [], "", "LMDB or HDF5"),
    ("Convolutoin", [IMAGE], "", "did you mean Convolution"),
    ("EuclideanLoss", [(4, 3), (4, 3)], "loss_weight: 1 loss_weight: 1", "loss_weight"),
    ("ReLU", [IMAGE], "propagate_down: true propagate_down: true", "propagate_down"),
    (
        "InnerProduct",
        [IMAGE],
        "param { } param { } param { } inner_product_param { num_output: 1 }",
        "3 param",
    ),
]


@pytest.mark.parametrize("type_, shapes, options, message", WRONG, ids=lambda v: str(v)[:30])
def test_setup_says_what_is_wrong(type_, shapes, options, message):
    with pytest.raises(LayerError) as caught:
        layer_net(type_, shapes, options)
    text = str(caught.value)
    assert message in text and "layer 'layer'" in text and "\n" not in text


@pytest.mark.parametrize("points, tops", [((1, 2), "ab"), ((3, 2), "abc"), ((7, 8), "abc")])
def test_slice_points(points, tops):
    options = " ".join("slice_point: %d" % point for point in points)
    with pytest.raises(LayerError, match="need 1 slice_points|rise within the 4 values"):
        layer_net("Slice", [IMAGE], "slice_param { %s }" % options, tops)


def test_slice_into_unequal_parts():
    with pytest.raises(LayerError, match="4 values cannot be cut into 3"):
        layer_net("Slice", [IMAGE], "", ("a", "b", "c"))


@pytest.mark.parametrize(
    "type_, options",
    [
        ("Convolution", "convolution_param { num_output: 4 kernel_size: 1 }"),
        ("Pooling", "pooling_param { kernel_size: 1 }"),
        ("LRN", ""),
        ("AbsVal", ""),
        ("Concat", ""),
        ("Flatten", ""),
        ("Reshape", "reshape_param { shape { dim: 0 } }"),
        ("MVN", ""),
        ("Tile", "tile_param { tiles: 1 }"),
    ],
)
def test_not_in_place(type_, options):
    with pytest.raises(LayerError, match="cannot work in place"):
        layer_net(type_, [IMAGE], options, in_place=True)


@pytest.mark.parametrize("type_", ["Threshold", "ArgMax"])
def test_no_gradient(type_):
    net = layer_net(type_, [(2, 3)])
    run(net, np.ones((2, 3)))
    with pytest.raises(LayerError, match="no gradient"):
        net.backward()


@pytest.mark.parametrize("type_", ["SoftmaxWithLoss", "MultinomialLogisticLoss", "HingeLoss"])
@pytest.mark.parametrize("label", [-1, 3])
def test_labels_out_of_range(type_, label):
    net = layer_net(type_, [(2, 3), (2,)])
    with pytest.raises(LayerError, match="labels must be 0 to 2"):
        run(net, np.ones((2, 3)), np.array([0, label]))


def test_indices_out_of_range():
    net = net_of(
        input_layer("i", (2,))
        + 'layer { name: "e" type: "Embed" bottom: "i" top: "e" embed_param { num_output: 2 input_dim: 4 } }'
    )
    net.blobs["i"].data[...] = 4
    with pytest.raises(LayerError, match="indices must be 0 to 3"):
        net.forward()


def test_a_label_takes_no_gradient():
    text = input_layer("x", (2, 3)) + input_layer("l", (2,))
    text += 'layer { name: "s" type: "Bias" bottom: "l" top: "label" bias_param { num_axes: 0 axis: 0 } }'
    text += 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "loss" }'
    net = net_of(text)
    net.forward()
    with pytest.raises(LayerError, match="labels"):
        net.backward()


@pytest.mark.parametrize(
    "type_, options, shape, message",
    [
        (
            "Convolution",
            "convolution_param { num_output: 4 kernel_size: 3 }",
            (2, 3, 6, 5),
            "4 channels",
        ),
        (
            "Convolution",
            "convolution_param { num_output: 4 kernel_size: 3 }",
            (2, 4, 1, 1),
            "top|small",
        ),
        ("InnerProduct", "inner_product_param { num_output: 4 }", (2, 4, 6, 6), "120 values"),
        ("PReLU", "", (2, 3, 6, 5), "4 channels"),
        ("BatchNorm", "", (2, 3, 6, 5), "4 channels"),
        ("Scale", "", (2, 3, 6, 5), "does not fit"),
    ],
)
def test_an_input_that_no_longer_fits(type_, options, shape, message):
    net = layer_net(type_, [IMAGE], options)
    net.blobs["b0"].reshape(*shape)
    with pytest.raises(LayerError, match=message):
        net.forward()
    with pytest.raises(LayerError, match="layer 'layer'"):
        net.reshape()


def test_graph_errors():
    relu = 'layer { name: "%s" type: "ReLU" bottom: "%s" top: "%s" }'
    data = input_layer("data", (1, 2))
    with pytest.raises(LayerError, match="unknown bottom blob 'nope'"):
        net_of(data + relu % ("r", "nope", "t"))
    with pytest.raises(LayerError, match="already produced"):
        net_of(data + relu % ("a", "data", "t") + relu % ("b", "data", "t"))
    rules = 'layer { name: "a" type: "ReLU" bottom: "data" top: "t" %s }'
    with pytest.raises(LayerError, match="either include or exclude"):
        net_of(data + rules % "include { phase: TEST } exclude { phase: TRAIN }")
