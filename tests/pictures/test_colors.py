"""Colours of the content."""

import numpy as np
import pytest

from caffe_style.pictures import colors, images


@pytest.fixture(scope="module")
def pair():
    """A picture with broad colours, and a narrow, tinted one of another size."""
    rng = np.random.default_rng(0)
    mixing = np.array([[30.0, 5, 0], [5, 20, 5], [0, 5, 10]])
    broad = rng.standard_normal((80, 90, 3)) @ mixing + (120, 130, 110)
    narrow = rng.standard_normal((60, 50, 3)) * (6, 9, 12) + (150, 100, 90)
    return [picture.round().clip(0, 255).astype(np.uint8) for picture in (broad, narrow)]


def test_luminance_of_the_primaries():
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    np.testing.assert_allclose(
        colors.luminance(primaries)[0], [76.245, 149.685, 29.07, 255], rtol=1e-6
    )


def test_matched_colors_have_the_mean_and_covariance(pair):
    broad, narrow = pair
    for image, reference in ((broad, narrow), (narrow, broad)):
        matched = colors.match_colors(image, reference)
        assert matched.shape == image.shape and matched.dtype == np.uint8
        wanted = reference.reshape(-1, 3).astype(float)
        got = matched.reshape(-1, 3).astype(float)
        np.testing.assert_allclose(got.mean(axis=0), wanted.mean(axis=0), atol=0.5)
        np.testing.assert_allclose(np.cov(got.T), np.cov(wanted.T), rtol=0.1, atol=5)


def test_matching_a_grey_picture_does_not_blow_up_noise():
    grey = np.full((20, 20, 3), 100, np.uint8)
    colourful = images.coloured_noise(20, 20, 1.0, 0)
    matched = colors.match_colors(grey, colourful)
    np.testing.assert_allclose(matched[0, 0], colourful.reshape(-1, 3).mean(axis=0), atol=1)


def test_luminance_of_one_and_colors_of_the_other(pair):
    style, content = pair[0][:60, :50] // 2 + 60, pair[1]
    both = colors.with_colors_of(style, content)
    np.testing.assert_allclose(colors.luminance(both), colors.luminance(style), atol=1)
    chroma = both.astype(float) - colors.luminance(both)[:, :, np.newaxis]
    wanted = content.astype(float) - colors.luminance(content)[:, :, np.newaxis]
    np.testing.assert_allclose(chroma, wanted, atol=1)


def test_grey_like_takes_light_and_contrast(pair):
    broad, narrow = pair
    matched = colors.grey_like(broad, narrow)
    assert (matched == matched[:, :, :1]).all()
    assert colors.luminance(matched).mean() == pytest.approx(colors.luminance(narrow).mean(), 0.01)
    assert colors.luminance(matched).std() == pytest.approx(colors.luminance(narrow).std(), 0.02)


def test_grey_keeps_luminance(pair):
    plain = colors.grey(pair[0])
    np.testing.assert_allclose(colors.luminance(plain), colors.luminance(pair[0]), atol=0.51)
