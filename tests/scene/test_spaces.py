"""The spaces of a scene: their smoothing, and the colours of its styles or content."""

from __future__ import annotations

import numpy as np
import pytest

from caffe_style.scene.inputs import Inputs
from caffe_style.scene.scene import make_scene
from caffe_style.scene.spaces import (
    FORMS,
    LEAST,
    colour_scales,
    scene_preconditioner,
    variables,
)
from caffe_style.scene.styles import Style
from caffe_style.settings.transfer import SPACES, TransferSettings


def picture(seed, mixing=((1, 0, 0), (0.5, 1, 0), (0.2, 0.3, 1))):
    values = np.random.default_rng(seed).standard_normal((40, 60, 3)) @ np.array(mixing)
    return (128 + 30 * values).clip(0, 255).astype(np.uint8)


def scene(content, *styles):
    inputs = Inputs(content, [Style(style, weight) for style, weight in styles])
    return make_scene(inputs, 60, 1.0, "gram", "style")


def covariance(image):
    return np.cov(image[:, :, ::-1].reshape(-1, 3).T.astype(float))


def asked(space, **settings):
    return TransferSettings(size=60, space=space, optimizer="scipy", **settings)


def test_each_space_is_a_smoothing_but_pixels():
    one = scene(picture(0), (picture(1), 1.0))
    assert {"pixels", *FORMS} == {*SPACES}
    assert scene_preconditioner(one, asked("pixels")) is None
    x = np.random.default_rng(0).standard_normal((1, 3, 40, 60))
    fine = x - np.roll(x, 1, 3)
    smooth, whitened = (
        found.whole(fine).std() / found.whole(np.ones_like(x)).mean()
        for found in (scene_preconditioner(one, asked(space)) for space in ("smooth", "whitened"))
    )
    assert whitened < smooth < fine.std()


@pytest.mark.parametrize("init, coarse", [("content", True), ("noise", False), ("mix:0.5", False)])
@pytest.mark.parametrize("tileable", [False, True])
def test_colours_are_coarse_unless_the_start_has_noise(init, coarse, tileable):
    settings = asked("whitened", init=init, tileable=tileable)
    found = scene_preconditioner(scene(picture(0), (picture(1), 1.0)), settings)
    count = len(found.gather(np.zeros((1, 3, 40, 60))))
    assert count == variables((40, 60), settings) == (5100 if coarse and not tileable else 7200)
    assert variables((5, 7), settings) == (83 if coarse and not tileable else 105)
    stripes = np.zeros((1, 3, 40, 60))
    stripes[0, 0, :, ::2] = stripes[0, 2, :, 1::2] = 1
    blue, _, red = found.whole(stripes)[0, :, 20, 30:32]
    assert (np.abs(np.diff(blue - red)) < 1e-2 * np.abs(blue - red).max()).all() == coarse


def test_the_root_is_that_of_the_styles_colours():
    style = picture(1)
    root = colour_scales(scene(picture(0), (style, 1.0)), 1.0)
    np.testing.assert_allclose(root, root.T, atol=1e-14)
    wanted = covariance(style)
    np.testing.assert_allclose(root @ root, wanted * 3 / np.trace(wanted), rtol=1e-10)
    half = colour_scales(scene(picture(0), (style, 1.0)), 0.5)
    np.testing.assert_allclose(half @ half, root, rtol=1e-10)


def test_several_styles_count_by_their_shares():
    first, second = picture(1), picture(2, ((1, 1, 1), (0, 0.2, 0), (0, 0, 0.1)))
    root = colour_scales(scene(picture(0), (first, 3.0), (second, 1.0)), 1.0)
    wanted = 0.75 * covariance(first) + 0.25 * covariance(second)
    np.testing.assert_allclose(root @ root, wanted * 3 / np.trace(wanted), rtol=1e-10)


def test_without_a_style_it_is_the_contents_colours():
    content = picture(0)
    root = colour_scales(scene(content), 1.0)
    wanted = covariance(content)
    np.testing.assert_allclose(root @ root, wanted * 3 / np.trace(wanted), rtol=1e-10)


@pytest.mark.parametrize("style", ["grey", "flat"])
def test_colours_that_do_not_vary_keep_some_freedom(style):
    image = np.full((40, 60, 3), 90, np.uint8)
    if style == "grey":
        image += np.random.default_rng(0).integers(0, 99, (40, 60, 1), dtype=np.uint8)
    variances = np.linalg.eigvalsh(colour_scales(scene(picture(0), (image, 1.0)), 1.0)) ** 2
    assert variances.sum() == pytest.approx(3)
    ratio = variances.min() / variances.max()
    assert ratio == pytest.approx(LEAST if style == "grey" else 1)
