"""Regions and boxes of Caffe's forks, each against its definition written out in plain numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.boxes import plain_suppression
from helpers.engine_nets import layer_net, run, smooth

from caffe_style.engine.layers.forks import boxes
from caffe_style.errors import LayerError


@pytest.fixture
def rng():
    return np.random.default_rng(11)


# -- regions ---------------------------------------------------------------------------------------


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


# -- SSD's boxes -----------------------------------------------------------------------------------


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
