"""A transfer that keeps the photograph's lines: the term, its scale, and the filter of the finished picture."""

from __future__ import annotations

import numpy as np
import pytest

import caffe_style as cs
from caffe_style.losses import matting, target_matting
from caffe_style.pictures.edges import guided_filter
from caffe_style.scene.terms import matting_term


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


def picture(shape=(48, 64), seed=0):
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return np.kron(small, np.ones((shape[0] // 6, shape[1] // 8, 1), np.uint8))


SMALL = {"size": 64, "iterations": 6, "closing_radius": 0, "space": "pixels"}


def roughness(image, content):
    return matting(image.transpose(2, 0, 1).astype(np.float32), target_matting(content))[0]


def test_a_weight_keeps_the_photographs_edges(network):
    content, style = picture(), picture(seed=1)
    plain = cs.transfer(content, style, network, **SMALL)
    kept = cs.transfer(content, style, network, photoreal=1000, **SMALL)
    assert roughness(kept.image, content) < 0.5 * roughness(plain.image, content)
    assert "photoreal" in kept.history[0].terms and "photoreal" not in plain.history[0].terms


def test_a_relative_weight_is_the_energy_of_noise_of_the_photographs_contrast(network):
    content = picture()
    [term] = matting_term(network, 2.0, content)
    noise = np.random.default_rng(2).standard_normal((3, 48, 64)).astype(np.float32)
    noise *= content.std()
    assert term.loss([noise], [np.zeros_like(noise)]) == pytest.approx(2.0, rel=0.1)
    [term] = matting_term(network, 2.0, content, "paper")
    plain = 2.0 / 255.0**2 * matting(noise, target_matting(content))[0]
    assert term.loss([noise], [np.zeros_like(noise)]) == pytest.approx(plain, rel=1e-5)
    assert matting_term(network, 0.0, content) == []


def test_the_finished_picture_is_filtered_by_the_photograph(network):
    content, style = picture(), picture(seed=1)
    settings = {**SMALL, "photoreal": 100.0}
    raw = cs.transfer(content, style, network, **settings).image
    settings["closing_radius"] = 4
    closed = cs.transfer(content, style, network, closing_epsilon=1e-3, **settings)
    wanted = guided_filter(raw.transpose(2, 0, 1), content, 4, 1e-3).transpose(1, 2, 0)
    assert np.abs(closed.image - wanted.clip(0, 255)).max() <= 0.5
    assert closed.parameters["photoreal"] == 100 and closed.parameters["closing_radius"] == 4


@pytest.mark.parametrize("options", [{"tile": 128}, {"scales": 2}, {"colors": "content"}])
def test_with_tiles_scales_and_colours(options, network):
    size = 160 if "tile" in options else 64
    settings = {**SMALL, "size": size, "photoreal": 10, **options}
    result = cs.transfer(picture((120, 160)), picture(seed=1), network, **settings)
    assert result.history[-1].terms["photoreal"] > 0


def test_a_texture_has_no_photograph_and_says_so(network, caplog):
    result = cs.texture(picture(seed=1), network, size=48, iterations=2, photoreal=10)
    assert "photoreal" not in result.history[0].terms
    assert "photoreal has no effect without a content picture" in caplog.text
