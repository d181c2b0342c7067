"""The gradients of the layers of Caffe's forks, and what these layers refuse."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.engine_nets import layer_net, smooth
from helpers.gradients import check_gradient, check_layer, steep

from caffe_style.engine import TRAIN
from caffe_style.errors import LayerError

IMAGE = (2, 6, 4, 3)
SEGNET = "bn_param { scale_filler { type: 'constant' value: 2 } shift_filler { value: 1 } %s }"


@pytest.fixture
def rng():
    return np.random.default_rng(11)


# -- gradients -------------------------------------------------------------------------------------


GRADIENTS = [
    ("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", [IMAGE], "b0"),
    ("ShuffleChannel", "shuffle_channel_param { group: 3 }", [IMAGE], "b0"),
    ("ReLU6", "relu6_param { negative_slope: 0.3 }", [IMAGE], "b0"),
    ("Axpy", "", [IMAGE[:2], IMAGE, IMAGE], "b0 b1 b2"),
    ("Normalize", "norm_param { channel_shared: false }", [IMAGE], "b0"),
    ("Normalize", "norm_param { across_spatial: false }", [IMAGE], "b0"),
    ("BN", SEGNET % "", [IMAGE], "b0"),
    ("BN", SEGNET % "bn_mode: INFERENCE", [IMAGE], "b0"),
    ("Interp", "interp_param { zoom_factor: 2 pad_beg: -1 }", [IMAGE], "b0"),
    ("Interp", "interp_param { height: 2 width: 5 }", [IMAGE], "b0"),
    ("Upsample", "upsample_param { scale: 2 }", [IMAGE], "b0"),
    ("ConvolutionDepthwise", "convolution_param { num_output: 6 kernel_size: 3 }", [IMAGE], "b0"),
    ("ROIPooling", "roi_pooling_param { pooled_h: 2 pooled_w: 2 }", [IMAGE, (3, 5)], "b0"),
    (
        "PSROIPooling",
        "psroi_pooling_param { spatial_scale: 1 output_dim: 3 group_size: 2 }",
        [(2, 12, 4, 3), (3, 5)],
        "b0",
    ),
    ("SmoothL1Loss", "loss_weight: 0.7", [(3, 4)] * 2, "b0 b1"),
    ("SmoothL1Loss", "smooth_l1_loss_param { sigma: 2 }", [(3, 4)] * 4, "b0 b1"),
]


@pytest.mark.parametrize(
    "type_, options, shapes, wanted", GRADIENTS, ids=lambda value: str(value)[:40]
)
def test_gradients(rng, type_, options, shapes, wanted):
    values = [smooth(rng, shape) for shape in shapes]
    if "ROI" in type_:
        values[1] = np.array([[0, 0, 0, 2, 3], [1, 1, 0, 2, 2], [1, 0, 0, 1, 1]])
    check_layer(layer_net(type_, shapes, options), values, wanted.split(), rng)


@pytest.mark.parametrize("frozen", [False, True])
def test_gradient_of_pspnets_bn(rng, frozen):
    options = "bn_param { frozen: %s }" % str(frozen).lower()
    net = layer_net("BN", [IMAGE], options, phase=TRAIN)
    for blob in net.params["layer"]:
        blob.data[...] = 0.7
    net.blobs["b0"].data[...] = smooth(rng, IMAGE)
    weight = rng.standard_normal(IMAGE)
    # The running mean and variance have no gradient.
    for blob in (net.blobs["b0"], *net.params["layer"][:2]):

        def evaluate(point, blob=blob):
            start = blob.data.copy()
            blob.data[...] = point
            net.clear_param_diffs()
            value = (net.forward()["top"] * weight).sum(dtype=np.float64)
            net.blobs["top"].diff[...] = weight
            net.backward()
            blob.data[...] = start
            return value, blob.diff.astype(np.float64)

        direction = steep(evaluate(blob.data)[1], rng)
        check_gradient(evaluate, blob.data.copy(), direction, step=1e-2, tolerance=2e-2)


# -- what they refuse ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "type_, options, shapes, message",
    [
        ("Permute", "permute_param { order: 1 order: 1 }", [IMAGE], "different axes"),
        ("ShuffleChannel", "shuffle_channel_param { group: 4 }", [IMAGE], "must divide"),
        ("Axpy", "", [(2, 5), IMAGE, IMAGE], "takes a"),
        ("Interp", "", [IMAGE], "give height and width"),
        ("Interp", "interp_param { height: 2 width: 2 pad_beg: 1 }", [IMAGE], "must not be pos"),
        (
            "Upsample",
            "upsample_param { upsample_h: 8 }",
            [IMAGE, IMAGE],
            "upsample_h and upsample_w",
        ),
        ("ROIPooling", "", [IMAGE, (2, 5)], "pooled_h and pooled_w"),
        ("ROIPooling", "roi_pooling_param { pooled_h: 1 pooled_w: 1 }", [IMAGE, (2, 4)], "regions"),
        ("PriorBox", "", [IMAGE, IMAGE], "min_size"),
        ("PriorBox", "prior_box_param { min_size: 4 max_size: 3 }", [IMAGE, IMAGE], "max_size"),
        ("PriorBox", "prior_box_param { min_size: 4 step: 2 step_h: 3 }", [IMAGE, IMAGE], "either"),
        ("DetectionOutput", "", [(1, 8), (1, 4), (1, 2, 8)], "num_classes"),
        ("SmoothL1Loss", "", [(2, 3), (2, 4)], "one shape"),
    ],
)
def test_what_makes_no_sense_is_refused(type_, options, shapes, message):
    with pytest.raises(LayerError, match="'layer'.*%s" % message):
        net = layer_net(type_, shapes, options)
        net.forward()
