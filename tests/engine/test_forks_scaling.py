"""Scaling by layers of Caffe's forks, each against its definition written out in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.engine_nets import layer_net, net_of, run, smooth

from caffe_style.errors import LayerError

IMAGE = (2, 6, 4, 3)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


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
