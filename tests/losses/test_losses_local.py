"""Pixelwise, windowed and covariation losses against dense tensors on small sizes."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from helpers.gradients import check_gradient
from helpers.losses_checks import check_conventions, maps

from caffe_style import losses


def outer(features):
    """F(x) F(x)^T at each position, (H, W, N, N)."""
    return np.einsum("iyx,jyx->yxij", features, features)


def dense_windowed(features, target, radius):
    """The definition with its N^2 M tensor."""
    count, height, width = features.shape
    grams = outer(features) - outer(target)
    total = 0.0
    for y in range(height):
        for x in range(width):
            window = np.zeros((count, count))
            for dy in range(-radius, radius + 1):
                for dx in range(-radius, radius + 1):
                    if 0 <= y + dy < height and 0 <= x + dx < width:
                        window += grams[y + dy, x + dx] / (1 + dy**2 + dx**2)
            total += np.sum(window**2)
    return total / (4 * count**2 * (height * width) ** 2)


def test_pixelwise_is_the_dense_definition():
    features, style = maps((4, 6, 5), 1), maps((4, 6, 5), 2)
    expected = np.sum((outer(features) - outer(style)) ** 2) / (4 * 4**2 * 30**2)
    value, gradient = losses.pixelwise(features, losses.target_pixelwise(style))
    assert value == pytest.approx(expected, rel=1e-12)
    differences = outer(features) - outer(style)
    dense = np.einsum("yxij,jyx->iyx", differences, features) / (4**2 * 30**2)
    np.testing.assert_allclose(gradient, dense, atol=1e-15)


@pytest.mark.parametrize("shape", [(3, 5, 4), (2, 19, 11), (3, 1, 9), (2, 8, 16)])
@pytest.mark.parametrize("radius", [0, 1, 2, 3])
def test_windowed_is_the_dense_definition(shape, radius):
    features, style = maps(shape, 1), maps(shape, 2)
    value, _ = losses.windowed(features, losses.target_windowed(style), radius=radius)
    assert value == pytest.approx(dense_windowed(features, style, radius), rel=1e-11)


def test_windows_of_radius_nought_are_pixelwise():
    features, style = maps((4, 13, 9), 1), maps((4, 13, 9), 2)
    windowed = losses.windowed(features, style, radius=0)
    pixelwise = losses.pixelwise(features, style)
    assert windowed[0] == pytest.approx(pixelwise[0])
    np.testing.assert_allclose(windowed[1], pixelwise[1], atol=1e-15)


@pytest.mark.parametrize("radius", [1, 3])
def test_windowed_gradient(radius):
    style = maps((3, 19, 11), 2)
    check_gradient(lambda f: losses.windowed(f, style, 3.0, radius=radius), maps((3, 19, 11), 1))


def test_windowed_does_not_depend_on_its_tiles(monkeypatch):
    features, style = maps((3, 17, 13), 1), maps((3, 17, 13), 2)
    whole = losses.windowed(features, style)
    monkeypatch.setattr(sys.modules["caffe_style.losses.windowed"], "TILE", 5)
    small = losses.windowed(features, style)
    assert small[0] == pytest.approx(whole[0])
    np.testing.assert_allclose(small[1], whole[1], atol=1e-15)


def test_gram_ignores_positions_windowed_minds_them_a_little_pixelwise_most():
    """Moving the style by one pixel: nothing to the Gram loss, less to a window than to a pixel."""
    style = maps((4, 16, 16), 2)
    moved = np.roll(style, 1, axis=2)
    assert losses.gram(moved, losses.target_gram(style))[0] < 1e-20
    per_window = [losses.windowed(moved, style, radius=radius)[0] for radius in (0, 3)]
    unrelated = [
        losses.windowed(maps((4, 16, 16), 3), style, radius=radius)[0] for radius in (0, 3)
    ]
    assert per_window[1] / unrelated[1] < 0.6 * per_window[0] / unrelated[0]


@pytest.mark.parametrize("name", ["pixelwise", "windowed"])
def test_near_the_target_they_do_not_drown_in_rounding(name):
    loss = getattr(losses, name)
    style = maps((6, 20, 20), 2) + 5
    features = style + 1e-3 * maps((6, 20, 20), 1)
    exact = loss(features, style)[0]
    value, _ = loss(features.astype(np.float32), style.astype(np.float32))
    assert value == pytest.approx(exact, rel=0.02)


def test_pixelwise_gradient():
    style = maps((4, 6, 5), 2)
    check_gradient(lambda f: losses.pixelwise(f, style, 3.0), maps((4, 6, 5), 1))


@pytest.mark.parametrize("name", ["pixelwise", "windowed"])
def test_conventions(name):
    loss, make_target = getattr(losses, name), getattr(losses, "target_" + name)
    check_conventions(loss, make_target, (6, 20, 37))


def guide_maps(shape, seed):
    return np.random.default_rng(seed).uniform(0, 2, shape)


def test_covariation_is_the_dense_definition():
    features, style = maps((4, 6, 5), 1), maps((4, 6, 5), 2)
    guides, style_guides = guide_maps((3, 6, 5), 3), guide_maps((3, 6, 5), 4)
    target = losses.target_covariation(style, style_guides, guides)
    value, _ = losses.covariation(features, target)
    ours = np.einsum("kyx,yxij->kij", guides, outer(features))
    theirs = np.einsum("kyx,yxij->kij", style_guides, outer(style))
    assert value == pytest.approx(np.sum((ours - theirs) ** 2) / (4 * 3 * 4**2 * 30**2))


def test_covariation_with_one_guide_everywhere_is_gram():
    features, style = maps((4, 6, 5), 1), maps((4, 9, 3), 2)
    target = losses.target_covariation(style, np.ones((2, 9, 3)), np.ones((2, 6, 5)))
    value, gradient = losses.covariation(features, target, 3.0)
    gram = losses.gram(features, losses.target_gram(style), 3.0)
    assert value == pytest.approx(gram[0])
    np.testing.assert_allclose(gradient, gram[1], atol=1e-15)


def test_covariation_gradient_with_fixed_guides():
    target = losses.target_covariation(
        maps((4, 6, 5), 2), guide_maps((3, 6, 5), 4), guide_maps((3, 6, 5), 3)
    )
    check_gradient(lambda f: losses.covariation(f, target, 3.0), maps((4, 6, 5), 1))


def hard_guides(shape, seed):
    """Guides as regions have them: most places of one kind, some of two, with mean 1."""
    random = np.random.default_rng(seed)
    guides = np.eye(shape[0])[random.integers(shape[0], size=shape[1:])].transpose(2, 0, 1)
    mixed = random.random(shape[1:]) < 0.2
    guides[:, mixed] = 0.5 * guides[:, mixed] + 0.5 * guides[::-1][:, mixed]
    return guides / guides.mean(axis=(1, 2), keepdims=True)


def test_gram_matrices_of_hard_guides_are_the_dense_sum(monkeypatch):
    """Places that are wholly of one kind, and those of no share, are summed without a product of their own."""
    monkeypatch.setattr(sys.modules[losses.gram_distance.__module__], "BLOCK", 60)
    features, guides = maps((4, 12, 10), 1), hard_guides((3, 12, 10), 2)
    expected = np.einsum("kyx,yxij->kij", guides, outer(features))
    np.testing.assert_allclose(losses.gram_matrices(features, guides), expected)
    differences = expected - expected.mean(axis=0)
    gradient = np.zeros_like(features)
    losses.add_gram_gradient(gradient, features, differences, 0.5, guides)
    dense = 0.5 * np.einsum("kyx,kij,jyx->iyx", guides, differences, features)
    np.testing.assert_allclose(gradient, dense, atol=1e-12)


def test_covariation_with_shares_is_the_sum_over_mass_normalised_kinds():
    features, style = maps((4, 6, 5), 1), maps((4, 9, 7), 2)
    guides, style_guides = hard_guides((3, 6, 5), 3), hard_guides((3, 9, 7), 4)
    shares = (0.5, 0.2, 0.3)
    target = losses.target_covariation(style, style_guides, guides, shares)
    expected = 0.0
    for share, ours, theirs in zip(shares, guides, style_guides):
        g = np.einsum("yx,yxij->ij", ours, outer(features)) / ours.sum()
        a = np.einsum("yx,yxij->ij", theirs, outer(style)) / theirs.sum()
        expected += share * np.sum((g - a) ** 2) / (4 * 4**2)
    assert losses.covariation(features, target)[0] == pytest.approx(expected)
    check_gradient(lambda f: losses.covariation(f, target, 3.0), features)


def test_one_kind_everywhere_is_gram():
    features, style = maps((4, 6, 5), 1), maps((4, 9, 3), 2)
    target = losses.target_covariation(style, np.ones((1, 9, 3)), np.ones((1, 6, 5)), (1.0,))
    value, gradient = losses.covariation(features, target, 3.0)
    gram = losses.gram(features, losses.target_gram(style), 3.0)
    assert value == pytest.approx(gram[0])
    np.testing.assert_allclose(gradient, gram[1], atol=1e-15)


def test_covariation_with_shares_through_its_own_guides():
    features, guides = maps((4, 6, 5), 1), guide_maps((3, 6, 5), 3)
    shares = (0.5, 0.2, 0.3)
    target = losses.target_covariation(maps((4, 6, 5), 2), guide_maps((3, 6, 5), 4), shares=shares)

    def of_guides(g):
        slope = np.zeros_like(g)
        value, _ = losses.covariation(features, target, 3.0, None, g, slope)
        return value, slope

    check_gradient(of_guides, guides)


def test_covariation_conventions():
    guides = guide_maps((3, 20, 37), 3)

    def make_target(style):
        return losses.target_covariation(
            style, guides.astype(style.dtype), guides[::-1].astype(style.dtype)
        )

    check_conventions(losses.covariation, make_target, (6, 20, 37))


@pytest.mark.parametrize("size", [(6, 5), (3, 10), (12, 4)])
def test_covariation_gradient_through_its_own_guides(size):
    """Both the style layer's and the content layer's responses move, which have other sizes."""
    content = maps((7, 6, 5), 5)
    basis = losses.guide_basis(content, 3)
    features = maps((4, *size), 1)
    style_guides = losses.make_guides(maps((7, 6, 5), 6), basis, size)
    target = losses.target_covariation(maps((4, *size), 2), style_guides)

    def of_features(f):
        guides = losses.make_guides(content, basis, size)
        return losses.covariation(f, target, 3.0, None, guides)

    def of_content(c):
        guides = losses.make_guides(c, basis, size)
        slope = np.zeros_like(guides)
        value, _ = losses.covariation(features, target, 3.0, None, guides, slope)
        gradient = np.zeros_like(c)
        losses.add_guides_gradient(gradient, slope, basis)
        return value, gradient

    check_gradient(of_features, features)
    check_gradient(of_content, content)


def test_guides_find_parts_of_a_picture():
    """Left and right half respond on different channels: two guides, one a half."""
    content = np.zeros((6, 8, 10))
    random = np.random.default_rng(0)
    content[:3, :, :5] = random.uniform(1, 2, (3, 1, 1)) * random.uniform(0.5, 1, (1, 8, 5))
    content[3:, :, 5:] = random.uniform(1, 2, (3, 1, 1)) * random.uniform(0.5, 1, (1, 8, 5))
    guides = losses.make_guides(content, losses.guide_basis(content, 2), (8, 10))
    np.testing.assert_allclose(guides.mean(axis=(1, 2)), 1, rtol=1e-6)
    left = guides[:, :, :5].mean(axis=(1, 2)) / 2
    assert sorted(left.round(3).tolist()) == [0, 1]


def test_guides_keep_constants_at_any_size():
    basis = np.ones((2, 3)) / 3
    for size in ((3, 4), (20, 30), (7, 9), (1, 1)):
        guides = losses.make_guides(np.full((3, 7, 9), 2.0), basis, size)
        assert guides.shape == (2, *size)
        np.testing.assert_allclose(guides, 2)


def test_guide_basis_is_seeded_and_takes_dead_channels():
    content = maps((5, 40, 120), 1, dtype=np.float32)
    content[2] = 0
    basis = losses.guide_basis(content, 3, seed=1)
    np.testing.assert_array_equal(basis, losses.guide_basis(content, 3, seed=1))
    assert basis.shape == (3, 5) and basis.dtype == np.float32
    assert np.isfinite(basis).all() and (basis >= 0).all()
    assert np.isfinite(losses.guide_basis(np.zeros((5, 4, 4)), 2)).all()


def test_activation_is_the_negative_mean_response():
    features = maps((4, 6, 5), 1)
    value, gradient = losses.activation(features, 2, 3.0)
    assert value == pytest.approx(-3 * features[2].mean())
    check_gradient(lambda f: losses.activation(f, 2, 3.0), features)
    assert not gradient[[0, 1, 3]].any()


def test_activation_conventions():
    check_conventions(losses.activation, lambda style: 1, (6, 20, 37))


def test_registry_is_complete():
    """Each style loss is nought, with no gradient, at the style image itself."""
    style = maps((5, 9, 8), 2)
    guides = guide_maps((2, 9, 8), 1)
    rows = {name: row for name, row in losses.STYLE_LOSSES.items() if not row.of_pairs}
    for name, entry in rows.items():
        target = (
            entry.make_target(style, guides, guides)
            if entry.needs_guides
            else entry.make_target(style)
        )
        value, gradient = entry.loss(style.copy(), target, 2.0, None)
        assert value == pytest.approx(0, abs=1e-20), name
        np.testing.assert_allclose(gradient, 0, atol=1e-12, err_msg=name)
        assert entry.loss(2 * style, target, 2.0, None)[0] > 0
