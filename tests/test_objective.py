"""The objective runs a net in pieces; its gradient is that of the whole sum."""

from __future__ import annotations

import numpy as np
import pytest

from caffe_style import losses
from caffe_style.engine import Net
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.errors import LayerError
from caffe_style.objective.objective import Objective, Term, single_term

VGG = """
force_backward: true
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 17 dim: 14 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1
    weight_filler { type: "gaussian" std: 0.3 } bias_filler { type: "constant" value: 0.1 } } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param { num_output: 5 kernel_size: 3 pad: 1
    weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "conv3" type: "Convolution" bottom: "conv2" top: "conv3"
  convolution_param { num_output: 4 kernel_size: 3 pad: 1
    weight_filler { type: "gaussian" std: 0.3 } } }
"""

BRANCHES = """
force_backward: true
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 1 dim: 3 dim: 9 dim: 8 } } }
layer { name: "stem" type: "Convolution" bottom: "data" top: "stem"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1
    weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "a" type: "Convolution" bottom: "stem" top: "a"
  convolution_param { num_output: 4 kernel_size: 1 weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "b" type: "Convolution" bottom: "stem" top: "b"
  convolution_param { num_output: 3 kernel_size: 3 pad: 1
    weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "both" type: "Concat" bottom: "a" bottom: "b" top: "both" }
layer { name: "top" type: "Convolution" bottom: "both" top: "top"
  convolution_param { num_output: 4 kernel_size: 1 weight_filler { type: "gaussian" std: 0.3 } } }
"""


def make(text: str, blobs: list, lean: bool, seed: int = 0):
    rng = np.random.RandomState(seed)
    net = Net.from_param(parse_net(text))
    net.lean = lean
    for filters, bias in net.params.values():
        filters.data[...] = 0.3 * rng.standard_normal(filters.data.shape)
        # Channels that are clearly on or clearly off: few responses cross a ReLU's kink on the way.
        bias.data[...] = 6
        bias.data[::2] = -6
    shape = net.blobs["data"].data.shape
    net.blobs["data"].data[...] = rng.standard_normal(shape)
    net.forward()
    terms = []
    for blob in blobs:
        features = net.blobs[blob].data[0].copy(order="K")
        terms.append(
            single_term("style " + blob, blob, losses.gram, losses.target_gram(features), 1.0)
        )
        terms.append(
            single_term(
                "content " + blob, blob, losses.content, losses.target_content(features), 1e-4
            )
        )
    return Objective(net, "data", terms), rng.standard_normal(shape), rng


def directional(objective: Objective, image: np.ndarray, gradient: np.ndarray, rng):
    """Central difference in a random direction that is not orthogonal to the gradient.

    A float32 network's value has too few digits for a slope that is small only by chance.
    """
    direction = rng.standard_normal(image.shape)
    direction += gradient * (np.linalg.norm(direction) / np.linalg.norm(gradient))
    step = 3e-3
    ahead = objective(image + step * direction)[0]
    behind = objective(image - step * direction)[0]
    return (ahead - behind) / (2 * step), direction


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
    gradient = gradient.astype(np.float64)
    assert value == pytest.approx(sum(parts.values()))
    assert set(parts) == {term.name for term in objective.terms}
    expected, direction = directional(objective, image, gradient, rng)
    assert (gradient * direction).sum() == pytest.approx(expected, rel=1e-3)


def test_a_term_on_two_blobs_gives_both_their_gradients():
    objective, image, rng = make(VGG, ["conv1"], lean=True)

    def product(features, gradients):
        one, two = (array.mean() for array in features)
        gradients[0] += two / features[0].size
        gradients[1] += one / features[1].size
        return one * two

    objective.terms = [Term("product", ("conv1", "conv3"), product)]
    _, gradient, _ = objective(image)
    gradient = gradient.astype(np.float64)
    expected, direction = directional(objective, image, gradient, rng)
    assert (gradient * direction).sum() == pytest.approx(expected, rel=1e-3)


def test_unknown_blob_is_named():
    objective, _, _ = make(VGG, ["conv1"], lean=False)
    with pytest.raises(LayerError, match="conv9"):
        objective.terms = [single_term("x", "conv9", losses.content, None, 1.0)]
