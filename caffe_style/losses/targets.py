"""Generated styles: Gram matrices that do not come from an image, and statistics of real ones.

See Nikulin & Novak 2016, section 6, Figures 5 to 7. All matrices are mean Gram matrices G / M, as the Gram loss
takes them (see `caffe_style.losses.target_gram`). An entry is the mean product of two feature maps over the
positions, and does not depend on the image's size.

The Gram matrix of an image is symmetric and positive semi-definite. Generated matrices are symmetric, but, as
in the paper, not semi-definite. A sparse matrix is hardly ever semi-definite, since an entry off the diagonal
needs both entries on the diagonal. Clipping negative eigenvalues would fill the zeros. The optimiser copes
with this: of all semi-definite G, the loss ||G - A||^2 is least at A with clipped eigenvalues. The optimiser
approaches this matrix as far as the network's responses allow, and never reaches a loss of 0.
"""

from __future__ import annotations

import math
from typing import Any, Dict, NamedTuple

import numpy as np

from ..errors import OptionError

NEGLIGIBLE = 0.01
"""Entries below this fraction of the largest count as zero. Real Gram matrices have hardly any exact zeros."""


class SparseStatistics(NamedTuple):
    """Statistics of a real Gram matrix that `sparse_gram` reproduces."""

    density: float
    sigma: float


def gram_entry(n: int, i: int, j: int, magnitude: float) -> np.ndarray:
    """Make a Gram matrix with the single entry (i, j) and its mirror image (j, i) (Figure 5).

    Parameters
    ----------
    n : int
        Number of the layer's feature maps.
    i, j : int
        The two feature maps that are to respond together, each from 0 to n - 1.
    magnitude : float
        Value of the entry: the mean product of the two responses.

    Returns
    -------
    ndarray, (n, n) float32

    Raises
    ------
    OptionError
        If the entry is outside the matrix or the magnitude is not finite.

    Examples
    --------
    >>> gram_entry(3, i=0, j=2, magnitude=5.0).tolist()
    [[0.0, 0.0, 5.0], [0.0, 0.0, 0.0], [5.0, 0.0, 0.0]]
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
    """Draw a random sparse Gram matrix: |N(0, sigma)| times a random mask, both symmetric (Figures 6 and 7).

    Parameters
    ----------
    n : int
        Number of the layer's feature maps.
    sigma : float
        Standard deviation of the normal distribution, above 0.
    density : float
        Probability that an entry is not zero, in (0, 1].
    random : numpy.random.Generator
        Source of random numbers. Each call draws a new matrix.

    Returns
    -------
    ndarray, (n, n) float32

    Raises
    ------
    OptionError
        If sigma or density is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> gram = sparse_gram(4, sigma=1.0, density=0.5, random=np.random.default_rng(0))
    >>> gram.shape
    (4, 4)
    >>> bool((gram == gram.T).all())
    True
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
        Plain values that JSON can hold. `channels`: N. `sparsity`: the fraction of entries below 0.01 of the
        largest. `amplitude`: `mean`, `rms` and `max` of the absolute values of all entries. `diagonal_mean`:
        the mean power of a feature map. `histogram`: the `counts` of the N^2 entries between `edges`, which are
        0 and then four in each decade up to the largest entry.

    Examples
    --------
    >>> import numpy as np
    >>> found = gram_statistics(np.diag([1.0, 1.0]))
    >>> found["channels"], found["sparsity"]
    (2, 0.5)
    """
    entries = np.abs(np.asarray(gram, np.float64))
    peak = float(entries.max())
    # A matrix of zeros gets the edges of a matrix whose largest entry is 1.
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
    """Find the density and sigma with which `sparse_gram` resembles a real Gram matrix.

    The density is the fraction of entries that are at least 0.01 of the largest. Sigma is the root mean square
    of these entries, as it is for |N(0, sigma)|.

    Raises
    ------
    OptionError
        If the matrix is zero: the image does not make this layer respond.

    Examples
    --------
    >>> import numpy as np
    >>> density, sigma = match_statistics(np.diag([2.0, 2.0]))
    >>> density, sigma
    (0.5, 2.0)
    """
    entries = np.abs(np.asarray(gram, np.float64))
    counts = _counts(entries)
    if not counts.any():
        raise OptionError("the image does not make this layer respond: there is nothing to match")
    return SparseStatistics(float(counts.mean()), float(np.sqrt(np.mean(entries[counts] ** 2))))


def _counts(entries: np.ndarray) -> np.ndarray:
    """Mark the entries that are not negligible."""
    return (entries >= NEGLIGIBLE * entries.max()) & (entries > 0)
