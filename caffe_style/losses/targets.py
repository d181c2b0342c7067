"""Styles that no image gives: made-up Gram matrices, and the statistics of real ones to make them by.

Nikulin & Novak 2016, section 6, Figures 5 to 7. All matrices are mean Gram matrices G / M, as the Gram loss
compares with (`caffe_style.losses.target_gram`): an entry is the mean product of two feature maps over the
positions, whatever the size of the picture.

A Gram matrix is symmetric and positive semi-definite. Symmetry is kept here. Semi-definiteness is not, as in
the paper: a sparse matrix hardly ever has it (an entry off the diagonal needs both diagonal ones), and forcing
it by clipping negative eigenvalues would fill the zeros that are the point. The optimiser does it by itself:
of all semi-definite G, the loss ||G - A||^2 is least at A with clipped eigenvalues. So it approaches that, as
far as the network's responses allow, and never a loss of 0.
"""

from __future__ import annotations

import math
from typing import Any, Dict, NamedTuple

import numpy as np

from ..errors import OptionError

NEGLIGIBLE = 0.01
"""Entries below this part of the largest count as zero: those of a real Gram matrix hardly ever are it."""


class SparseStatistics(NamedTuple):
    """What a random sparse Gram matrix takes from a real one."""

    density: float
    sigma: float


def gram_entry(n: int, i: int, j: int, magnitude: float) -> np.ndarray:
    """Make a Gram matrix of a single entry (Figure 5), and its mirror image.

    Parameters
    ----------
    n : int
        Feature maps of the layer.
    i, j : int
        Which two are to respond together, each in 0 .. n - 1.
    magnitude : float
        Their mean product.

    Returns
    -------
    ndarray, (n, n) float32

    Raises
    ------
    OptionError
        If the entry is outside the matrix or the magnitude is not finite.
    """
    if not (0 <= i < n and 0 <= j < n):
        raise OptionError(
            "entry (%d, %d) does not exist: the layer has %d feature maps, 0 to %d"
            % (i, j, n, n - 1)
        )
    if not math.isfinite(magnitude):
        raise OptionError("the magnitude of an entry must be a finite number, not %r" % magnitude)
    gram = np.zeros((n, n), np.float32)
    gram[i, j] = gram[j, i] = magnitude
    return gram


def sparse_gram(n: int, sigma: float, density: float, random: np.random.Generator) -> np.ndarray:
    """Draw a random sparse Gram matrix (Figures 6 and 7): |N(0, sigma)| under a random mask, both symmetric.

    Parameters
    ----------
    n : int
        Feature maps of the layer.
    sigma : float
        Standard deviation of the normal distribution, above 0.
    density : float
        Probability of an entry not to be zero, in (0, 1].
    random : numpy.random.Generator
        Successive calls draw new matrices from it.

    Returns
    -------
    ndarray, (n, n) float32

    Raises
    ------
    OptionError
        If sigma or density is out of range.
    """
    if not 0 < density <= 1:
        raise OptionError("density must be above 0 and at most 1, not %r" % density)
    if not 0 < sigma < math.inf:
        raise OptionError("sigma must be a finite number above 0, not %r" % sigma)
    entries = np.abs(random.normal(0.0, sigma, (n, n)))
    entries[random.random((n, n)) >= density] = 0
    upper = np.triu(entries)
    return (upper + np.triu(upper, 1).T).astype(np.float32)


def gram_statistics(gram: np.ndarray) -> Dict[str, Any]:
    """Describe a Gram matrix.

    Parameters
    ----------
    gram : ndarray, (N, N)
        As `caffe_style.losses.target_gram` makes it.

    Returns
    -------
    dict
        Ready for JSON. `channels`: N. `sparsity`: the part of entries below 0.01 of the largest. `amplitude`:
        `mean`, `rms` and `max` of all entries' absolute values. `diagonal_mean`: the mean power of a feature
        map. `histogram`: N^2 `counts` in all between `edges`, which are 0 and then four a decade up to the
        largest entry.
    """
    entries = np.abs(np.asarray(gram, np.float64))
    peak = float(entries.max())
    # A matrix of zeros gets the edges of one with largest entry 1.
    edges = np.concatenate([[0.0], (peak or 1.0) * np.logspace(-6, 0, 25)])
    edges[-1] = peak or 1.0
    return {
        "channels": len(entries),
        "sparsity": 1.0 - float(np.mean(_counts(entries))),
        "amplitude": {
            "mean": float(entries.mean()),
            "rms": float(np.sqrt(np.mean(entries**2))),
            "max": peak,
        },
        "diagonal_mean": float(np.diag(entries).mean()),
        "histogram": {
            "edges": edges.tolist(),
            "counts": np.histogram(entries, edges)[0].tolist(),
        },
    }


def match_statistics(gram: np.ndarray) -> SparseStatistics:
    """Find density and sigma for `sparse_gram` to resemble a real Gram matrix.

    The density is that of the entries of at least 0.01 of the largest; sigma their root mean square, which is
    what |N(0, sigma)| has.

    Raises
    ------
    OptionError
        If the matrix is zero: the image does not make this layer respond.
    """
    entries = np.abs(np.asarray(gram, np.float64))
    counts = _counts(entries)
    if not counts.any():
        raise OptionError("the image does not make this layer respond: there is nothing to match")
    return SparseStatistics(float(counts.mean()), float(np.sqrt(np.mean(entries[counts] ** 2))))


def _counts(entries: np.ndarray) -> np.ndarray:
    """Which entries are not negligible."""
    return (entries >= NEGLIGIBLE * entries.max()) & (entries > 0)
