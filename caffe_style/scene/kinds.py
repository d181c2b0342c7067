"""Kinds of content that two pictures have in common, found by k-means on descriptions of their places."""

from __future__ import annotations

from typing import List, Sequence, Tuple, Union

import numpy as np

from ..networks.network import Network

#: Pixels from one place to the next, and pixels by which the picture is continued on each side. Without this
#: margin, responses near the padded border would form a separate kind.
STEP, MARGIN = 4, 64
#: Weights of the second deepest and the deepest layer, of CIE Lab colour and of the vertical position.
LAYERS, COLOUR, HEIGHT = (0.5, 1.0), 1.0, 0.9
#: Smallest fraction of each picture that a kind must have.
LEAST = 0.05
#: Smallest fraction of a kind in one picture, relative to its fraction in the other. Without this limit, a
#: painting's moon would fill a whole meadow.
UNEQUAL = 0.125
#: Radius by which a kind shrinks from others in the style picture, relative to its long edge, and the smallest
#: fraction of the kind that must then be left. A thinner kind has no place whose responses are to it alone: a
#: strip of sky above trees would bring leaves into the sky.
THIN, INNER = 1 / 24, 0.02
#: Smallest and largest number of kinds that "auto" tries.
FEWEST, MOST = 2, 6
#: Fraction of the best separation with which a larger number of kinds is preferred.
NEARLY = 0.75
#: Increase of the squared distance, over that to the nearest centre, at which a place's share falls to 1 / e.
SOFTNESS = 0.05
#: Number of places of each picture that k-means uses, of their principal components, and of starts of k-means.
SAMPLES, COMPONENTS, STARTS = 1000, 24, 4


def describe_places(network: Network, image: np.ndarray, layers: Sequence[str]) -> np.ndarray:
    """Describe each place of a picture by its responses, its colour and its vertical position.

    Parameters
    ----------
    network : Network
        Network whose responses are taken.
    image : ndarray, (H, W, 3) uint8 RGB
        The picture.
    layers : sequence of str
        The two layers to read, the deeper one last.

    Returns
    -------
    ndarray, (H // 4, W // 4, D) float32
        The D values that describe each place.
    """
    from skimage.color import rgb2lab
    from skimage.transform import resize

    size = [max(1, edge // STEP) for edge in image.shape[:2]]
    around = MARGIN // STEP
    inside = (slice(around, around + size[0]), slice(around, around + size[1]))
    continued = np.pad(image, [(MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)], "symmetric")
    responses = network.features(continued, layers)
    parts = []
    for weight, layer in zip(LAYERS, layers):
        values = np.moveaxis(responses[layer], 0, -1)
        values = values / np.sqrt(np.sum(values**2, axis=2, keepdims=True) + 1e-6)
        grid = [edge + 2 * around for edge in size]
        parts.append(
            weight * resize(values, grid, order=1, mode="edge", anti_aliasing=False)[inside]
        )
    parts.append(COLOUR / 100 * resize(rgb2lab(image), size, anti_aliasing=True))
    height = np.linspace(-HEIGHT, HEIGHT, size[0])
    parts.append(np.broadcast_to(height[:, np.newaxis, np.newaxis], (*size, 1)))
    return np.concatenate(parts, axis=2).astype(np.float32)


def find_kinds(
    places: Sequence[np.ndarray], count: Union[int, str], seed: int = 0
) -> List[np.ndarray]:
    """Find kinds of places that all pictures have.

    Parameters
    ----------
    places : sequence of ndarray, (h, w, D)
        Descriptions of the pictures' places, from `describe_places`. The last picture is the style.
    count : int or "auto"
        Number of kinds to look for. Kinds are dropped if they have less than 5 % of a picture, or less than an
        eighth of their part of the other picture, or if they are only thin strips in the style picture. Their
        places get the nearest remaining kind. "auto" tries 2 to 6 kinds, and takes the largest number that are
        well separated.
    seed : int
        Seed of the starts of k-means.

    Returns
    -------
    list of ndarray, (K, h, w) float32
        Share of each place in each kind. The shares of a place sum to 1. K may be 1.
    """
    random = np.random.default_rng(seed)
    flat = _principal([part.reshape(-1, part.shape[-1]) for part in places], random)
    sample = np.concatenate([_some(part, random) for part in flat])
    numbers = range(FEWEST, MOST + 1) if count == "auto" else [int(count)]
    shape = places[-1].shape[:2]
    found = [_shared_by_all(_k_means(sample, number, random), flat, shape) for number in numbers]
    centres = _choose(sample, found)
    return [
        _soft(part, centres).T.reshape(-1, *shaped.shape[:2]).astype(np.float32)
        for part, shaped in zip(flat, places)
    ]


def _some(points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw at most SAMPLES points of a picture, so that a larger picture has no more influence."""
    if len(points) <= SAMPLES:
        return points
    return points[random.choice(len(points), SAMPLES, replace=False)]


def _principal(pictures: Sequence[np.ndarray], random: np.random.Generator) -> List[np.ndarray]:
    """Project points (M, D) on the principal components of all pictures, which preserves distances well."""
    from scipy.linalg import eigh

    sample = np.concatenate([_some(points, random) for points in pictures])
    centre = sample.mean(axis=0)
    last = sample.shape[1] - 1
    first = max(0, last + 1 - COMPONENTS)
    _, vectors = eigh(np.cov((sample - centre).T), subset_by_index=[first, last])
    return [((points - centre) @ vectors).astype(np.float64) for points in pictures]


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Compute the squared distances (M, K) of points and centres."""
    squares = np.sum(points**2, axis=1)[:, np.newaxis] - 2 * points @ centres.T
    return np.maximum(squares + np.sum(centres**2, axis=1), 0)


def _k_means(points: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Find the centres (K, D) of the best of several starts by k-means++ (Arthur & Vassilvitskii 2007)."""
    import warnings

    from scipy.cluster.vq import kmeans2

    best, least = None, np.inf
    for _ in range(STARTS):
        centres = points[random.integers(len(points), size=1)]
        while len(centres) < count:
            nearest = _distances(points, centres).min(axis=1)
            total = nearest.sum()
            chance = nearest / total if total > 0 else None
            centres = np.vstack([centres, points[random.choice(len(points), p=chance)]])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a kind without places is dropped later
            centres, _ = kmeans2(points, centres, iter=20, minit="matrix")
        error = _distances(points, centres).min(axis=1).sum()
        if error < least:
            best, least = centres, error
    return best


def _shared_by_all(
    centres: np.ndarray, pictures: Sequence[np.ndarray], style_shape: Tuple[int, int]
) -> np.ndarray:
    """Drop the kind that most lacks places in a picture, until all kinds have enough of each picture."""
    while len(centres) > 1:
        shares = [_soft(points, centres) for points in pictures]
        parts = np.array([share.mean(axis=0) for share in shares])
        enough = np.min(parts / np.maximum(LEAST, UNEQUAL * parts.max(axis=0)), axis=0)
        thick = _inner(shares[-1].T.reshape(-1, *style_shape)) / INNER
        least = np.minimum(enough, thick)
        if least.min() >= 1:
            break
        centres = np.delete(centres, least.argmin(), axis=0)
    return centres


def _inner(guides: np.ndarray) -> np.ndarray:
    """Compute the fraction (K) of each kind that is left when its guide (K, h, w) shrinks."""
    from scipy.ndimage import minimum_filter

    width = 2 * round(THIN * max(guides.shape[1:])) + 1
    left = minimum_filter(guides, (1, width, width), mode="nearest")
    return left.mean(axis=(1, 2)) / np.maximum(guides.mean(axis=(1, 2)), 1e-12)


def _soft(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Compute the share (M, K) of each point in each kind."""
    squares = _distances(points, centres)
    shares = np.exp((squares.min(axis=1, keepdims=True) - squares) / SOFTNESS)
    return shares / shares.sum(axis=1, keepdims=True)


def _choose(points: np.ndarray, found: Sequence[np.ndarray]) -> np.ndarray:
    """Return the largest set of centres that is separated nearly as well as the best set."""
    scores = [_separation(points, centres) for centres in found]
    enough = NEARLY * max(scores)
    fitting = [pair for pair in zip(scores, found) if pair[0] >= enough]
    return max(fitting, key=lambda pair: (len(pair[1]), pair[0]))[1]


def _separation(points: np.ndarray, centres: np.ndarray) -> float:
    """Compute the simplified silhouette, 0 to 1. It is 1 if all points are at their centres."""
    if len(centres) == 1:
        return 0.0
    nearest, second = np.sqrt(np.partition(_distances(points, centres), 1, axis=1)[:, :2].T)
    return float(np.mean((second - nearest) / np.maximum(second, 1e-12)))
