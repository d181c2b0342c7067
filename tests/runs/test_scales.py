"""Coarse to fine."""

from __future__ import annotations

import numpy as np
import pytest

import caffe_style as cs
from caffe_style.errors import ImageError, OptionError
from caffe_style.pictures import images
from caffe_style.runs.plan import iterations_at, sizes

LAYERS = {"style_layers": {"conv1_1": 0.5, "conv2_1": 0.5}, "content_layers": {"conv2_2": 1.0}}


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture(scope="module")
def pair():
    return [images.coloured_noise(60, 80, 1.0, seed) for seed in (0, 1)]


def test_sizes_grow_by_the_square_root_of_two():
    assert sizes(512, 1, 256) == [512]
    assert sizes(512, 4, 256) == [181, 256, 362, 512]
    assert sizes(1024, "auto", 256) == [256, 362, 512, 724, 1024]
    assert sizes(256, "auto", 256) == [256] and sizes(100, "auto", 256) == [100]
    assert sizes(256, "auto", 90) == [91, 128, 181, 256]


@pytest.mark.parametrize("scales", [0, -1, 10, "many", 2.5])
def test_scales_that_cannot_be(scales):
    with pytest.raises(OptionError, match="scales must be auto or 1 to 9"):
        sizes(512, scales, 256)


@pytest.mark.parametrize("iterations, scales", [(100, 1), (100, 4), (7, 3), (500, 5)])
def test_iterations_are_shared_out(iterations, scales):
    shared = iterations_at(iterations, scales)
    assert len(shared) == scales and sum(shared) == iterations
    assert shared == sorted(shared, reverse=True) and shared[-1] >= 1


def test_every_scale_has_an_iteration():
    assert iterations_at(4, 4) == [1, 1, 1, 1]
    with pytest.raises(OptionError, match="4 scales need at least as many iterations, not 3"):
        iterations_at(3, 4)


@pytest.mark.parametrize(
    "settings, scales",
    [
        ({}, 1),
        ({"init": "style"}, 1),
        ({"init": "mix:0.5"}, 1),
        ({"init": "noise"}, "auto"),
        ({"init": "coloured:1"}, "auto"),
        ({"init": "mean:0.001"}, "auto"),
        ({"init": "noise", "scales": 2}, 2),
    ],
)
def test_a_run_from_noise_goes_from_coarse_to_fine(network, pair, settings, scales):
    found = cs.transfer(*pair, network, size=64, iterations=2, **settings, **LAYERS)
    assert found.parameters["scales"] == scales


def test_auto_leaves_out_sizes_at_which_a_picture_is_too_small(network):
    content = images.coloured_noise(20, 364, 1.0, 0)
    options = {"size": 364, "init": "noise", "iterations": 4, **LAYERS}
    with pytest.raises(ImageError, match="257 x 14 pixels is too small"):
        cs.transfer(content, content, network, scales=2, **options)
    found = cs.transfer(content, content, network, **options)
    assert found.parameters["scales"] == "auto"
    # One size: a second one would have a start of its own.
    assert sum(record.accepted for record in found.history) == 4 + 1
    square = images.coloured_noise(364, 364, 1.0, 0)
    found = cs.transfer(square, square, network, **options)
    assert sum(record.accepted for record in found.history) == 4 + 2


@pytest.mark.parametrize("name", ["tai", "johnson", "liu", "gatys"])
def test_the_programs_of_others_have_one_size(name):
    assert cs.get_preset(name).transfer["scales"] == 1


def test_each_scale_starts_from_the_last_ones_picture(network, pair):
    seen = []
    options = {"size": 80, "init": "noise", **LAYERS}

    def callback(record, image):
        seen.append((record.iteration, image.shape))

    result = cs.transfer(*pair, network, scales=3, iterations=9, callback=callback, **options)
    assert result.image.shape == (60, 80, 3)
    # Iterations count on, and everybody sees pictures of the final size.
    assert seen == [(number, (60, 80, 3)) for number in range(1, len(seen) + 1)] and len(seen) == 9
    assert result.message.endswith("after 9 iterations")
    starts = [record for record in result.history if record.accepted]
    assert len(starts) == 9 + 3  # a scale's start is evaluated anew

    alone = cs.transfer(*pair, network, iterations=1, **options).history[0].loss
    last_start = starts[-1 - iterations_at(9, 3)[-1]]
    assert last_start.loss < alone


def test_stopping_at_a_coarse_scale_gives_the_final_size(network, pair):
    def callback(record, image):
        raise StopIteration

    result = cs.transfer(
        *pair, network, size=80, scales=3, iterations=9, callback=callback, **LAYERS
    )
    assert result.status == "stopped" and result.image.shape == (60, 80, 3)


def test_colors_of_the_content_last_through_the_scales(network, pair):
    content = np.broadcast_to(np.array([200, 60, 60], np.uint8), (60, 80, 3))
    options = {"size": 80, "scales": 2, "iterations": 4, "colors": "content", **LAYERS}
    image = cs.transfer(content, pair[1], network, **options).image.astype(float)
    assert (image[..., 0] - image[..., 2]).mean() > 50


def test_automatic_scales_are_no_more_than_the_iterations(network, pair):
    settings = {**LAYERS, "size": 300, "scales": "auto", "iterations": 1}
    assert cs.transfer(*pair, network, **settings, style_loss="neighbours").status == "finished"
