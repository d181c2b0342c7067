"""The objective runs a net in pieces; its gradient is that of the whole sum."""

from __future__ import annotations

import pytest
from helpers.gradients import check_gradient, steep
from helpers.objective_nets import BRANCHES, VGG, make

from caffe_style import losses
from caffe_style.errors import LayerError
from caffe_style.networks.margin import Margin
from caffe_style.objective.term import Term, single_term


@pytest.mark.parametrize("lean", [False, True])
@pytest.mark.parametrize(
    "text, blobs",
    [
        (VGG, ["conv3"]),
        (VGG, ["conv1", "conv2", "conv3"]),
        (VGG, ["conv1", "pool1", "conv2"]),
        (VGG, ["data", "conv2"]),
        (VGG, ["data"]),
        (BRANCHES, ["top", "stem"]),
        (BRANCHES, ["a", "b"]),
        (BRANCHES, ["b", "stem"]),
        (BRANCHES, ["a", "both", "stem", "data"]),
    ],
)
def test_gradient_is_a_central_difference(text, blobs, lean):
    objective, image, rng = make(text, blobs, lean)
    # Twice: what the first evaluation leaves in the diffs must not count in the second.
    objective(rng.standard_normal(image.shape))
    value, gradient, parts = objective(image)
    assert value == pytest.approx(sum(parts.values()))
    assert set(parts) == {term.name for term in objective.terms}
    check_gradient(objective, image, steep(gradient, rng), step=3e-3, tolerance=1e-3)


@pytest.mark.parametrize("margin", [Margin(5), Margin(6, wrapped=True), Margin(20)])
@pytest.mark.parametrize(
    "text, blobs",
    [(VGG, ["data", "conv1", "conv3"]), (VGG, ["conv2"]), (BRANCHES, ["a", "both", "stem"])],
)
def test_gradient_within_a_margin_is_a_central_difference(text, blobs, margin):
    objective, image, rng = make(text, blobs, lean=True, margin=margin)
    objective(rng.standard_normal(image.shape))
    _, gradient, _ = objective(image)
    assert gradient.shape == image.shape
    check_gradient(objective, image, steep(gradient, rng), step=3e-3, tolerance=1e-3)


@pytest.mark.parametrize("margin", [None, Margin(4)])
def test_a_term_on_two_blobs_gives_both_their_gradients(margin):
    objective, image, rng = make(VGG, ["conv1"], lean=True, margin=margin)

    def product(features, gradients):
        one, two = (array.mean() for array in features)
        gradients[0] += two / features[0].size
        gradients[1] += one / features[1].size
        return one * two

    objective.terms = [Term("product", ("conv1", "conv3"), product)]
    _, gradient, _ = objective(image)
    check_gradient(objective, image, steep(gradient, rng), step=3e-3, tolerance=1e-3)


def test_unknown_blob_is_named():
    objective, _, _ = make(VGG, ["conv1"], lean=False)
    with pytest.raises(LayerError, match="conv9"):
        objective.terms = [single_term("x", "conv9", losses.content, None, 1.0)]
