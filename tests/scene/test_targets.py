"""Made-up Gram matrices and the statistics of real ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers.losses_checks import maps

from caffe_style import losses
from caffe_style.errors import OptionError
from caffe_style.losses import targets
from caffe_style.optimise.minimise import minimise


def test_a_single_entry_and_its_mirror_image():
    gram = targets.gram_entry(5, 1, 3, 7.0)
    assert gram[1, 3] == gram[3, 1] == 7 and np.count_nonzero(gram) == 2
    assert np.count_nonzero(targets.gram_entry(5, 2, 2, 7.0)) == 1


@pytest.mark.parametrize("entry", [(5, 0), (0, 5), (-1, 2)])
def test_an_entry_outside_says_what_there_is(entry):
    with pytest.raises(OptionError, match="5 feature maps, 0 to 4"):
        targets.gram_entry(5, *entry, 1.0)


@pytest.mark.parametrize("magnitude", [np.nan, np.inf])
def test_magnitudes_must_be_finite(magnitude):
    with pytest.raises(OptionError, match="magnitude"):
        targets.gram_entry(5, 0, 0, magnitude)


@pytest.mark.parametrize("density", [0.05, 0.5, 1.0])
def test_sparse_grams_have_their_density_and_sigma(density):
    gram = targets.sparse_gram(400, 3.0, density, np.random.default_rng(0))
    np.testing.assert_array_equal(gram, gram.T)
    assert gram.min() >= 0 and gram.dtype == np.float32
    assert np.mean(gram > 0) == pytest.approx(density, rel=0.05)
    entries = gram[gram > 0]
    assert np.sqrt(np.mean(entries**2)) == pytest.approx(3, rel=0.05)
    assert entries.mean() == pytest.approx(3 * np.sqrt(2 / np.pi), rel=0.05)
    # The diagonal is drawn like all else.
    diagonal = np.diag(gram)[np.diag(gram) > 0]
    assert len(diagonal) / len(gram) == pytest.approx(density, abs=0.1)
    assert np.sqrt(np.mean(diagonal**2)) == pytest.approx(3, rel=0.4)


def test_sparse_grams_are_seeded_and_drawn_anew():
    random = np.random.default_rng(4)
    first, second = (targets.sparse_gram(20, 1.0, 0.3, random) for _ in range(2))
    assert not np.array_equal(first, second)
    again = targets.sparse_gram(20, 1.0, 0.3, np.random.default_rng(4))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    "sigma, density", [(1, 0), (1, -0.1), (1, 1.1), (1, np.nan), (0, 0.5), (-1, 0.5), (np.inf, 0.5)]
)
def test_ranges_are_checked(sigma, density):
    with pytest.raises(OptionError):
        targets.sparse_gram(5, sigma, density, np.random.default_rng(0))


def test_statistics_of_a_known_matrix():
    gram = np.zeros((4, 4))
    gram[0, 0], gram[1, 2], gram[2, 1], gram[3, 3] = 8.0, 4.0, 4.0, 0.01
    statistics = json.loads(json.dumps(targets.gram_statistics(gram)))
    assert statistics["channels"] == 4
    assert statistics["sparsity"] == 13 / 16
    assert statistics["amplitude"]["max"] == 8
    assert statistics["amplitude"]["mean"] == pytest.approx(16.01 / 16)
    assert statistics["amplitude"]["rms"] == pytest.approx(np.sqrt(96.0001 / 16))
    assert statistics["diagonal_mean"] == pytest.approx(8.01 / 4)
    counts, edges = statistics["histogram"]["counts"], statistics["histogram"]["edges"]
    assert sum(counts) == 16 and counts[0] == 12 and counts[-1] == 1
    assert edges[0] == 0 and edges[-1] == 8 and edges == sorted(edges)


def test_statistics_of_nothing():
    statistics = targets.gram_statistics(np.zeros((3, 3)))
    assert statistics["sparsity"] == 1 and sum(statistics["histogram"]["counts"]) == 9
    with pytest.raises(OptionError, match="respond"):
        targets.match_statistics(np.zeros((3, 3)))


def test_what_was_drawn_is_recognised():
    drawn = targets.sparse_gram(300, 5.0, 0.2, np.random.default_rng(1))
    density, sigma = targets.match_statistics(drawn)
    assert density == pytest.approx(0.2, rel=0.1) and sigma == pytest.approx(5, rel=0.1)


def test_the_loss_approaches_the_nearest_semi_definite_matrix():
    """What the module's text says of targets that no responses have."""
    target = targets.sparse_gram(4, 1.0, 0.5, np.random.default_rng(3)).astype(np.float64)
    values, vectors = np.linalg.eigh(target)
    assert values[0] < -0.1
    nearest = (vectors * values.clip(0, None)) @ vectors.T
    result = minimise(lambda x: losses.gram(x, target), maps((4, 5, 6)).astype(np.float64), 400)
    np.testing.assert_allclose(losses.target_gram(result.image), nearest, atol=1e-4)
