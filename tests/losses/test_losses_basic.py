"""Content, Gram and total variation: known answers, definitions, gradients, layouts."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.gradients import check_gradient
from helpers.losses_checks import check_conventions, maps

from caffe_style import losses
from caffe_style.backends import arrays, parallel
from caffe_style.backends.threads import set_threads


def test_matrix_views_share_memory_in_both_layouts():
    for layout in ("caffe", "channels_last"):
        features = maps((5, 4, 3), layout=layout, dtype=np.float32)
        assert np.shares_memory(arrays.as_matrix(features), features)
    with pytest.raises(ValueError, match="not a matrix"):
        arrays.as_matrix(maps((5, 8, 3))[:, ::2, 1:])


@pytest.fixture(params=["kernels", "numpy"])
def kernels(request, monkeypatch):
    """With the native kernels, where they were built, and without."""
    if request.param == "numpy":
        monkeypatch.setattr(arrays.native, "available", False)
    elif not arrays.native.available:
        pytest.skip("the native kernels are not built")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 7, 5), (70, 2, 5), (1, 1, 1), (4, 300, 300)])
def test_matmul_scales_and_adds(kernels, dtype, shape):
    m, k, n = shape
    random = np.random.default_rng(1)
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    for a_order in "CF":
        for b_order in "CF":
            for out_order in "CF":
                a = np.asarray(random.standard_normal((m, k)), dtype, a_order)
                b = np.asarray(random.standard_normal((k, n)), dtype, b_order)
                out = np.asarray(random.standard_normal((m, n)), dtype, out_order)
                expected = 0.5 * a.astype(float) @ b + 2 * out
                assert arrays.matmul(a, b, out, alpha=0.5, beta=2.0) is out
                np.testing.assert_allclose(out, expected, atol=tolerance * k**0.5)
                arrays.matmul(a, b, out)
                np.testing.assert_allclose(out, a.astype(float) @ b, atol=tolerance * k**0.5)


@pytest.mark.parametrize("layout", ["caffe", "channels_last"])
def test_gram_is_the_product_with_the_transpose(kernels, layout):
    for shape in ((1, 3, 4), (6, 50, 300), (70, 3, 5)):
        matrix = arrays.as_matrix(maps(shape, 1, layout, np.float32))
        expected = matrix.astype(float) @ matrix.T.astype(float)
        np.testing.assert_allclose(arrays.gram(matrix), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2])
def test_work_done_side_by_side_keeps_its_order(kernels, threads_as_before, threads):
    set_threads(threads)
    before = parallel.threads()
    features = np.zeros(1)
    for count in (0, 1, 20):
        halves = parallel.side_by_side(lambda x: x * 0.5, iter(range(count)), features)
        assert halves == [x * 0.5 for x in range(count)]
    with pytest.raises(ZeroDivisionError):
        parallel.side_by_side(lambda x: 1 / x, [1, 0], features)
    assert parallel.threads() == before


def test_square_sum_is_precise():
    values = np.full(300_001, 0.1, np.float32)
    exact = 300_001 * float(np.float32(0.1)) ** 2
    assert arrays.square_sum(values) == pytest.approx(exact, rel=1e-6)


def test_content_value_is_half_the_squared_distance():
    features, target = maps((4, 6, 5), 1), maps((4, 6, 5), 2)
    value, gradient = losses.content(features, losses.target_content(target))
    assert value == pytest.approx(0.5 * np.sum((features - target) ** 2))
    np.testing.assert_allclose(gradient, features - target)


def test_gram_follows_the_paper():
    features, style = maps((4, 6, 5), 1), maps((4, 6, 5), 2)
    f, p = features.reshape(4, -1), style.reshape(4, -1)
    expected = np.sum((f @ f.T - p @ p.T) ** 2) / (4 * 4**2 * 30**2)
    assert losses.gram(features, losses.target_gram(style))[0] == pytest.approx(expected)


def test_gram_target_scales_with_the_size_of_the_picture():
    style = maps((4, 6, 5))
    tiled = np.tile(style, (1, 2, 3))
    value, gradient = losses.gram(tiled, losses.target_gram(style))
    assert value == pytest.approx(0, abs=1e-20)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)


def test_checkerboard_has_known_total_variation():
    height, width = 6, 9
    board = np.indices((height, width)).sum(axis=0) % 2 * 2.0 - 1.0
    edges = height * (width - 1) + (height - 1) * width
    value, gradient = losses.total_variation(board[np.newaxis])
    assert value == 0.5 * 4 * edges
    # Inside, each pixel differs by 2 from four neighbours.
    np.testing.assert_array_equal(gradient[0, 1:-1, 1:-1], 8 * board[1:-1, 1:-1])


def test_flat_pictures_have_no_total_variation():
    value, gradient = losses.total_variation(np.full((3, 1, 5), 7.0))
    assert value == 0 and not gradient.any()


def test_a_seamless_total_variation_has_the_differences_of_opposite_sides():
    picture = maps((3, 5, 7))
    value, _ = losses.total_variation(picture, True)
    seams = [picture[:, 0] - picture[:, -1], picture[:, :, 0] - picture[:, :, -1]]
    inside, _ = losses.total_variation(picture)
    assert value == pytest.approx(inside + sum(0.5 * np.sum(seam**2) for seam in seams))
    moved, _ = losses.total_variation(np.roll(picture, (2, 3), (1, 2)), True)
    assert moved == pytest.approx(value)


CASES = {
    "content": (losses.content, losses.target_content),
    "gram": (losses.gram, losses.target_gram),
    "total_variation": (losses.total_variation, lambda features: None),
    "seamless_variation": (losses.total_variation, lambda features: True),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    loss, make_target = CASES[name]
    target = make_target(maps((4, 6, 5), 2))
    check_gradient(lambda f: loss(f, target, 3.0), maps((4, 6, 5), 1))


@pytest.mark.parametrize("name", CASES)
def test_conventions(kernels, name):
    loss, make_target = CASES[name]
    check_conventions(loss, make_target, (6, 50, 300))
