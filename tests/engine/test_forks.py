"""The layers of Caffe's forks, each against its definition written out in plain numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.boxes import plain_suppression
from helpers.engine_nets import layer_net, net_of, run, smooth
from helpers.gradients import check_gradient, check_layer, steep

from caffe_style.engine import TRAIN, set_random_seed
from caffe_style.engine.layers.forks import boxes
from caffe_style.errors import LayerError

IMAGE = (2, 6, 4, 3)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


# -- the same values in another order ----------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (3, 1), (1,)])
def test_permute(rng, order):
    x = rng.standard_normal(IMAGE)
    options = "permute_param { %s }" % " ".join("order: %d" % axis for axis in order)
    y = run(layer_net("Permute", [IMAGE], options), x)
    full = list(order) + [axis for axis in range(4) if axis not in order]
    assert y.shape == tuple(IMAGE[axis] for axis in full)
    for index in np.ndindex(*y.shape):
        source = [0] * 4
        for place, axis in enumerate(full):
            source[axis] = index[place]
        assert y[index] == np.float32(x[tuple(source)])


def test_shuffle_channel(rng):
    x = rng.standard_normal(IMAGE)
    y = run(layer_net("ShuffleChannel", [IMAGE], "shuffle_channel_param { group: 2 }"), x)
    for to, source in enumerate([0, 3, 1, 4, 2, 5]):
        assert np.array_equal(y[:, to], x[:, source].astype(np.float32))


# -- value by value, channel by channel --------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "negative_slope: 0.25"])
def test_relu6(options):
    x = np.array([[-4.0, -1, 0, 3, 6, 9]])
    slope = 0.25 if options else 0
    for field in ("relu6_param", "relu_param"):
        net = layer_net("ReLU6", [x.shape], "%s { %s }" % (field, options))
        assert run(net, x).tolist() == [[-4 * slope, -slope, 0, 3, 6, 6]]
        net.blobs["top"].diff[...] = 2
        assert net.backward()["b0"].tolist() == [[2 * slope, 2 * slope, 2 * slope, 2, 0, 0]]


def test_axpy(rng):
    factor, x, y = (rng.standard_normal(shape) for shape in (IMAGE[:2] + (1, 1), IMAGE, IMAGE))
    found = run(layer_net("Axpy", [factor.shape, IMAGE, IMAGE]), factor, x, y)
    expected = np.array([[factor[n, c, 0, 0] * x[n, c] for c in range(6)] for n in range(2)]) + y
    assert np.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_normalize(rng, across, shared):
    x = rng.standard_normal(IMAGE)
    options = "norm_param { across_spatial: %s channel_shared: %s }" % (
        str(across).lower(),
        str(shared).lower(),
    )
    net = layer_net("Normalize", [IMAGE], options)
    scale = net.params["layer"][0]
    assert (scale.data == 1).all() and scale.shape == (() if shared else (6,))
    scale.data[...] = 3 if shared else np.arange(1, 7)
    y = run(net, x)
    for n, c, i, j in np.ndindex(*IMAGE):
        norm = np.linalg.norm(x[n] if across else x[n, :, i, j])
        assert math.isclose(
            y[n, c, i, j], x[n, c, i, j] / norm * (3 if shared else c + 1), rel_tol=1e-5
        )


def test_normalize_of_nothing_is_nothing():
    net = layer_net("Normalize", [IMAGE], "norm_param { across_spatial: false }")
    assert not run(net, np.zeros(IMAGE)).any()


# -- BN ------------------------------------------------------------------------------------------------

SEGNET = "bn_param { scale_filler { type: 'constant' value: 2 } shift_filler { value: 1 } %s }"


def batch_normalised(x, eps):
    mean = x.mean((0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(x.var((0, 2, 3), keepdims=True) + eps)


def test_bn_of_segnet(rng):
    x = rng.standard_normal(IMAGE) * 3 + 1
    net = layer_net("BN", [IMAGE], SEGNET % "bn_mode: INFERENCE")
    assert [blob.shape for blob in net.params["layer"]] == [(1, 6, 1, 1)] * 2
    assert np.allclose(run(net, x), 2 * x + 1, atol=1e-5)
    learning = layer_net("BN", [IMAGE], SEGNET % "")
    assert np.allclose(run(learning, x), 2 * batch_normalised(x, 1e-9) + 1, atol=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
def test_bn_of_pspnet(rng, frozen):
    options = (
        "bn_param { slope_filler { value: 2 } bias_filler { value: 1 } momentum: 0.8 frozen: %s }"
    )
    options %= str(frozen).lower()
    x = rng.standard_normal(IMAGE)
    mean, variance = rng.standard_normal(6), rng.uniform(0.5, 2, 6)
    running = [values.reshape(1, 6, 1, 1) for values in (mean, variance)]

    def filled(phase):
        net = layer_net("BN", [IMAGE], options, phase=phase)
        for blob, values in zip(net.params["layer"][2:], running):
            blob.data[...] = values
        return net

    with_running = 2 * (x - running[0]) / np.sqrt(running[1] + 1e-5) + 1
    assert np.allclose(run(filled(1), x), with_running, atol=1e-5)
    training = filled(TRAIN)
    y = run(training, x)
    found = [blob.data for blob in training.params["layer"][2:]]
    if frozen:
        assert np.allclose(y, with_running, atol=1e-5)
        assert np.allclose(found, running)
    else:
        assert np.allclose(y, 2 * batch_normalised(x, 1e-5) + 1, atol=1e-5)
        own = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
        for blob, old, new in zip(found, running, own):
            assert np.allclose(blob, 0.8 * old + 0.2 * new, atol=1e-5)


def test_frozen_statistics_begin_as_0_and_1():
    net = layer_net("BN", [IMAGE], "bn_param { frozen: true }")
    assert [blob.data.mean() for blob in net.params["layer"]] == [0, 0, 0, 1]


@pytest.mark.parametrize("average", [False, True])
def test_bn_of_the_first_pspnet(rng, average):
    options = "bn_param { scale_filler { value: 2 } shift_filler { value: 1 } decay: 0.25 "
    options += "var_eps: 0.001 moving_average: %s }" % str(average).lower()
    x, nets = rng.standard_normal(IMAGE), {}
    for phase in (TRAIN, 1):
        nets[phase] = layer_net("BN", [IMAGE], options, phase=phase)
        for blob, value in zip(nets[phase].params["layer"][2:], (0.5, 3)):
            blob.data[...] = value
    own = 2 * batch_normalised(x, 1e-3) + 1
    assert np.allclose(run(nets[TRAIN], x), own, atol=1e-5)
    mixed = [0.375 + 0.25 * x.mean((0, 2, 3)), 2.25 + 0.25 * x.var((0, 2, 3))]
    assert np.allclose([blob.data.ravel() for blob in nets[TRAIN].params["layer"][2:]], mixed)
    expected = 2 * (x - 0.5) / np.sqrt(3.001) + 1 if average else own
    assert np.allclose(run(nets[1], x), expected, atol=1e-5)
    assert [blob.data.mean() for blob in nets[1].params["layer"][2:]] == [0.5, 3]


def test_segnets_dropout_drops_in_tests_too():
    set_random_seed(1)
    options = "dropout_param { dropout_ratio: 0.25 sample_weights_test: true }"
    net = layer_net("Dropout", [(20, 50)], options)
    y = run(net, np.ones((20, 50)))
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)} and 0.2 < (y == 0).mean() < 0.3
    net.blobs["top"].diff[...] = 2
    assert np.array_equal(net.backward()["b0"], 2 * y)


# -- scaling -------------------------------------------------------------------------------------------


def bilinear(x, height, width):
    """The definition: corner values stay at the corners, others are weighted by their distance."""
    y = np.zeros(x.shape[:2] + (height, width))
    for i, j in np.ndindex(height, width):
        down = i * (x.shape[2] - 1) / (height - 1) if height > 1 else 0
        across = j * (x.shape[3] - 1) / (width - 1) if width > 1 else 0
        for row, column in np.ndindex(*x.shape[2:]):
            weight = max(0, 1 - abs(down - row)) * max(0, 1 - abs(across - column))
            y[:, :, i, j] += weight * x[:, :, row, column]
    return y


@pytest.mark.parametrize(
    "options, size, cut",
    [
        ("height: 7 width: 2", (7, 2), (0, 0)),
        ("zoom_factor: 3", (10, 7), (0, 0)),
        ("shrink_factor: 2", (2, 2), (0, 0)),
        ("height: 1 width: 5 pad_beg: -1 pad_end: -1", (1, 5), (1, 1)),
        ("zoom_factor: 2 pad_beg: -1", (5, 3), (1, 0)),
    ],
)
def test_interp(rng, options, size, cut):
    x = rng.standard_normal(IMAGE)
    y = run(layer_net("Interp", [IMAGE], "interp_param { %s }" % options), x)
    inner = x[:, :, cut[0] : 4 - cut[1], cut[0] : 3 - cut[1]]
    assert y.shape[2:] == size and np.allclose(y, bilinear(inner, *size), atol=1e-5)


def test_interp_to_the_size_of_another_blob(rng):
    x = rng.standard_normal(IMAGE)
    y = run(layer_net("Interp", [IMAGE, (1, 1, 6, 8)]), x, np.zeros((1, 1, 6, 8)))
    assert np.allclose(y, bilinear(x, 6, 8), atol=1e-5)


def pooled_and_back(size, upsample):
    dims = " ".join("dim: %d" % length for length in size)
    return net_of(
        'force_backward: true layer { name: "x" type: "Input" top: "x" input_param { shape { %s } } }'
        'layer { name: "pool" type: "Pooling" bottom: "x" top: "pool" top: "mask"'
        " pooling_param { kernel_size: 2 stride: 2 } }"
        'layer { name: "layer" type: "Upsample" bottom: "pool" bottom: "mask" top: "y"'
        " upsample_param { %s } }" % (dims, upsample)
    )


@pytest.mark.parametrize(
    "size, upsample",
    [
        ((2, 3, 4, 6), "scale: 2"),
        ((1, 2, 5, 7), "scale: 2 pad_out_h: true pad_out_w: true"),
        ((1, 2, 5, 6), "upsample_h: 5 upsample_w: 6"),
        ((1, 2, 4, 4), "scale_h: 2 scale_w: 2"),
    ],
)
def test_upsample_puts_maxima_back_where_they_were(rng, size, upsample):
    x = smooth(rng, size)
    net = pooled_and_back(size, upsample)
    y = net.forward(x=x)["y"]
    assert y.shape == size
    for n, c, i, j in np.ndindex(*size):
        a, b = i // 2 * 2, j // 2 * 2
        largest = x[n, c, i, j] == x[n, c, a : a + 2, b : b + 2].max()
        assert y[n, c, i, j] == (np.float32(x[n, c, i, j]) if largest else 0)
    dy = rng.standard_normal(size)
    net.blobs["y"].diff[...] = dy
    assert np.array_equal(net.backward()["x"], np.where(y != 0, dy, 0).astype(np.float32))


def test_upsample_refuses_a_mask_of_another_size():
    net = pooled_and_back((1, 1, 4, 6), "upsample_h: 2 upsample_w: 3")
    with pytest.raises(LayerError, match="mask points outside"):
        net.forward(x=np.arange(24.0).reshape(1, 1, 4, 6))


def test_upsample_without_a_mask_repeats(rng):
    x = rng.standard_normal(IMAGE)
    y = run(layer_net("Upsample", [IMAGE], "upsample_param { scale: 3 }"), x)
    for n, c, i, j in np.ndindex(*y.shape):
        assert y[n, c, i, j] == np.float32(x[n, c, i // 3, j // 3])


def test_ceil_mode_is_round_mode():
    for size, ceil, floor in ((6, 3, 2), (5, 2, 2)):
        for options, expected in (
            ("", ceil),
            ("ceil_mode: true", ceil),
            ("ceil_mode: false", floor),
            ("round_mode: FLOOR", floor),
            ("round_mode: FLOOR ceil_mode: false", floor),
        ):
            options = "pooling_param { kernel_size: 3 stride: 2 %s }" % options
            net = layer_net("Pooling", [(1, 1, size, size)], options)
            assert net.blobs["top"].shape == (1, 1, expected, expected)
    with pytest.raises(LayerError, match="contradict"):
        options = "pooling_param { kernel_size: 3 ceil_mode: true round_mode: FLOOR }"
        layer_net("Pooling", [(1, 1, 6, 6)], options)


# -- depthwise convolution -----------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["ConvolutionDepthwise", "DepthwiseConvolution"])
@pytest.mark.parametrize("outputs", [6, 12])
def test_depthwise_convolution(rng, type_, outputs):
    x = rng.standard_normal(IMAGE)
    options = "convolution_param { num_output: %d kernel_size: 3 pad: 1 }" % outputs
    net = layer_net(type_, [IMAGE], options)
    weights, bias = (blob.data for blob in net.params["layer"])
    assert weights.shape == (outputs, 1, 3, 3)
    weights[...], bias[...] = rng.standard_normal(weights.shape), rng.standard_normal(outputs)
    y = run(net, x)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for n, k, i, j in np.ndindex(*y.shape):
        window = padded[n, k * 6 // outputs, i : i + 3, j : j + 3]
        assert math.isclose(y[n, k, i, j], (window * weights[k, 0]).sum() + bias[k], abs_tol=1e-4)


# -- regions -------------------------------------------------------------------------------------------

REGIONS = np.array(
    [[0, 0, 0, 5, 5], [1, 1.5, 2.5, 8, 7], [0, 4, 4, 4, 4], [1, 3, 0, 40, 3], [1, 30, 30, 40, 40]]
)


def c_round(value):
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


@pytest.mark.parametrize("scale", [1, 0.5])
def test_roi_pooling(rng, scale):
    x = smooth(rng, (2, 3, 7, 9))
    options = "roi_pooling_param { pooled_h: 2 pooled_w: 3 spatial_scale: %g }" % scale
    y = run(layer_net("ROIPooling", [x.shape, REGIONS.shape], options), x, REGIONS)
    assert y.shape == (5, 3, 2, 3)
    for r, c, i, j in np.ndindex(*y.shape):
        image = int(REGIONS[r, 0])
        x1, y1, x2, y2 = (c_round(value * scale) for value in REGIONS[r, 1:])
        high, wide = max(y2 - y1 + 1, 1) / 2, max(x2 - x1 + 1, 1) / 3
        top, bottom = y1 + math.floor(i * high), y1 + math.ceil((i + 1) * high)
        left, right = x1 + math.floor(j * wide), x1 + math.ceil((j + 1) * wide)
        window = x[image, c, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        assert y[r, c, i, j] == (np.float32(window.max()) if window.size else 0)


def test_psroi_pooling(rng):
    x = rng.standard_normal((2, 8, 7, 9))
    options = "psroi_pooling_param { spatial_scale: 0.5 output_dim: 2 group_size: 2 }"
    y = run(layer_net("PSROIPooling", [x.shape, REGIONS.shape], options), x, REGIONS)
    assert y.shape == (5, 2, 2, 2)
    for r, c, i, j in np.ndindex(*y.shape):
        image = int(REGIONS[r, 0])
        x1, y1, x2, y2 = (c_round(value) for value in REGIONS[r, 1:])
        x1, y1, x2, y2 = x1 / 2, y1 / 2, (x2 + 1) / 2, (y2 + 1) / 2
        high, wide = max(y2 - y1, 0.1) / 2, max(x2 - x1, 0.1) / 2
        rows = slice(math.floor(y1 + i * high), math.ceil(y1 + (i + 1) * high))
        columns = slice(math.floor(x1 + j * wide), math.ceil(x1 + (j + 1) * wide))
        window = x[image, (c * 2 + i) * 2 + j, rows, columns]
        assert math.isclose(y[r, c, i, j], window.mean() if window.size else 0, abs_tol=1e-5)


def test_regions_of_images_that_are_not_there():
    net = layer_net(
        "ROIPooling", [(1, 1, 4, 4), (1, 5)], "roi_pooling_param { pooled_h: 1 pooled_w: 1 }"
    )
    with pytest.raises(LayerError, match="images 0 to 0"):
        run(net, np.zeros((1, 1, 4, 4)), [[1, 0, 0, 1, 1]])


# -- SSD's boxes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, step, image",
    [
        ("", (10, 8), (30, 32)),
        ("clip: true flip: false", (10, 8), (30, 32)),
        ("step: 9 img_size: 40 offset: 0.25", (9, 9), (40, 40)),
        ("step_w: 7 step_h: 6 img_w: 20 img_h: 10", (7, 6), (20, 10)),
    ],
)
def test_prior_box(options, step, image):
    sizes = "min_size: 4.9 min_size: 8 max_size: 9 max_size: 12 aspect_ratio: 2 aspect_ratio: 1"
    options = (
        "prior_box_param { %s variance: 0.1 variance: 0.2 variance: 0.3 variance: 0.4 %s }"
        % (
            sizes,
            options,
        )
    )
    net = layer_net("PriorBox", [(1, 5, 4, 3), (1, 3, 32, 30)], options)
    found, variance = run(net, np.zeros((1, 5, 4, 3)), np.zeros((1, 3, 32, 30)))[0].reshape(
        2, -1, 4
    )
    ratios = [2] if "flip: false" in options else [2, 0.5]
    expected = []
    offset = 0.25 if "offset" in options else 0.5
    for row in range(4):
        for column in range(3):
            x, y = (column + offset) * step[0], (row + offset) * step[1]
            for low, high in ((4, 9), (8, 12)):  # 4.9 is cut to whole pixels
                shapes = [(low, low), (math.sqrt(low * high),) * 2]
                shapes += [(low * math.sqrt(r), low / math.sqrt(r)) for r in ratios]
                for width, height in shapes:
                    corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
                    expected.append([value / image[i % 2] for i, value in enumerate(corners)])
    if "clip" in options:
        expected = np.clip(expected, 0, 1)
    assert np.allclose(found, expected, atol=1e-6)
    assert np.allclose(variance, [0.1, 0.2, 0.3, 0.4])


def test_prior_box_of_one_variance():
    net = layer_net("PriorBox", [(1, 1, 1, 1), (1, 1, 4, 4)], "prior_box_param { min_size: 2 }")
    y = run(net, np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 4, 4)))
    assert np.allclose(y, [[[0.25, 0.25, 0.75, 0.75], [0.1] * 4]])


@pytest.mark.parametrize("code", [boxes.CORNER, boxes.CENTER_SIZE, boxes.CORNER_SIZE])
def test_decode(rng, code):
    location, variance = rng.standard_normal((5, 4)) * 0.3, rng.uniform(0.1, 0.3, (5, 4))
    prior = np.sort(rng.uniform(0, 1, (5, 2, 2)), 1).reshape(5, 4)
    for box, (dx, dy, dw, dh), (x1, y1, x2, y2) in zip(
        boxes.decode(location, prior, variance, code), location * variance, prior
    ):
        width, height = x2 - x1, y2 - y1
        if code == boxes.CORNER:
            expected = [x1 + dx, y1 + dy, x2 + dw, y2 + dh]
        elif code == boxes.CORNER_SIZE:
            expected = [x1 + dx * width, y1 + dy * height, x2 + dw * width, y2 + dh * height]
        else:
            x, y = (x1 + x2) / 2 + dx * width, (y1 + y2) / 2 + dy * height
            width, height = math.exp(dw) * width, math.exp(dh) * height
            expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        assert np.allclose(box, expected)


@pytest.mark.parametrize("rule", [(0.0, 0.45, 1.0, -1), (0.3, 0.2, 1.0, 10), (0.0, 0.8, 0.9, 30)])
def test_suppression(rng, rule):
    table = np.sort(rng.uniform(0, 1, (40, 2, 2)), 1).reshape(40, 4)
    scores = rng.uniform(0, 1, 40)
    kept = boxes.suppress(table, scores, *rule)
    assert kept == plain_suppression(table, scores, *rule)
    assert 1 < len(kept) < 40


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("keep", [-1, 4])
def test_detection_output(rng, share, keep):
    images, count, classes = 2, 12, 3
    prior = np.sort(rng.uniform(0, 1, (count, 2, 2)), 1).reshape(count, 4)
    priors = np.stack([prior, np.full((count, 4), 0.2)]).reshape(1, 2, -1)
    each = 1 if share else classes
    locations = rng.standard_normal((images, count, each, 4)) * 0.5
    scores = rng.uniform(0, 1, (images, count, classes))
    options = (
        "detection_output_param { num_classes: 3 share_location: %s background_label_id: 0 keep_top_k: %d"
        " nms_param { nms_threshold: 0.3 top_k: 8 } code_type: CENTER_SIZE confidence_threshold: 0.2 }"
        % (str(share).lower(), keep)
    )
    shapes = [(images, count * each * 4), (images, count * classes), priors.shape]
    net = layer_net("DetectionOutput", shapes, options)
    inputs = [locations.reshape(shapes[0]), scores.reshape(shapes[1]), priors]
    expected = []
    for image in range(images):
        found = []
        for label in (1, 2):
            location = locations[image, :, 0 if share else label]
            decoded = boxes.decode(location, prior, np.float64(0.2), boxes.CENTER_SIZE)
            own = scores[image, :, label]
            for i in plain_suppression(decoded, own, 0.2, 0.3, 1, 8):
                found.append([image, label, own[i], *decoded[i]])
        if keep > 0:
            assert len(found) > keep
            least = sorted((row[2] for row in found), reverse=True)[keep - 1]
            found = [row for row in found if row[2] >= least]
        expected += found
    for _ in range(2):  # the shape of the top changes with what is found
        y = run(net, *inputs)
        assert y.shape == (1, 1, len(expected), 7)
        assert np.allclose(y[0, 0], expected, atol=1e-5)
    inputs[1][...] = 0
    assert run(net, *inputs)[0, 0].tolist() == [[0] + [-1] * 6, [1] + [-1] * 6]


# -- losses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [0, 1, 2])
def test_smooth_l1_loss(rng, weights):
    shape, sigma = (3, 8), 1.5
    values = [rng.standard_normal(shape) for _ in range(2)]
    values += [rng.uniform(0, 2, shape) for _ in range(weights)]
    options = "smooth_l1_loss_param { sigma: 1.5 }"
    loss = run(layer_net("SmoothL1Loss", [shape] * (2 + weights), options), *values)
    total = 0.0
    for index in np.ndindex(*shape):
        d = values[0][index] - values[1][index]
        d *= values[2][index] if weights else 1
        near = abs(d) < 1 / sigma**2
        each = (sigma * d) ** 2 / 2 if near else abs(d) - 0.5 / sigma**2
        total += each * (values[3][index] if weights > 1 else 1)
    assert loss.shape == () and math.isclose(loss, total / 3, rel_tol=1e-5)


# -- gradients -----------------------------------------------------------------------------------------

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


# -- what they refuse ----------------------------------------------------------------------------------


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
