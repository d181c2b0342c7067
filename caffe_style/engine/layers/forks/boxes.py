"""Boxes as (xmin, ymin, xmax, ymax): decoding, overlap, suppression of those that a better one covers."""

from __future__ import annotations

from typing import List

import numpy as np

#: SSD's numbers for how a location is coded.
CORNER, CENTER_SIZE, CORNER_SIZE = 1, 2, 3


def decode(location: np.ndarray, prior: np.ndarray, variance: np.ndarray, code: int) -> np.ndarray:
    """The boxes that locations say relative to their priors.

    Parameters
    ----------
    location, prior, variance : ndarray, (..., n, 4)
        What the net says, the prior boxes, and by what each coordinate is multiplied.
    code : int
        CORNER: shifts of the corners; CORNER_SIZE: the same in units of width and height; CENTER_SIZE: shift of
        the centre in those units, and the logarithms of the ratios of the sizes.

    Returns
    -------
    ndarray, (..., n, 4)
    """
    step = location * variance
    if code == CORNER:
        return prior + step
    size = prior[..., 2:] - prior[..., :2]
    if code == CORNER_SIZE:
        return prior + step * np.concatenate([size, size], -1)
    centre = (prior[..., :2] + prior[..., 2:]) / 2 + step[..., :2] * size
    half = np.exp(step[..., 2:]) * size / 2
    return np.concatenate([centre - half, centre + half], -1)


def area(boxes: np.ndarray) -> np.ndarray:
    """Areas of boxes (..., 4); 0 where a corner lies on the wrong side."""
    size = boxes[..., 2:] - boxes[..., :2]
    return np.where((size < 0).any(-1), 0, size.prod(-1))


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with others (n, 4), 0 where they do not meet."""
    low = np.maximum(box[:2], others[:, :2])
    size = np.minimum(box[2:], others[:, 2:]) - low
    shared = np.where((size < 0).any(1), 0, size.prod(1))
    union = area(box) + area(others) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)


def suppress(
    boxes: np.ndarray, scores: np.ndarray, least: float, threshold: float, eta: float, top_k: int
) -> List[int]:
    """Non-maximum suppression: from the best score down, a box stays that overlaps none which stayed too much.

    Parameters
    ----------
    boxes : ndarray, (n, 4)
    scores : ndarray, (n,)
    least : float
        Only scores above it count.
    threshold : float
        The largest overlap that is not too much.
    eta : float
        Multiplies the threshold after each box that stays, as long as it is above 0.5; 1 to leave it.
    top_k : int
        Only the best so many count; -1 for all.

    Returns
    -------
    list of int
        Which boxes stay, best first.
    """
    order = np.flatnonzero(scores > least)
    order = order[np.argsort(-scores[order], kind="stable")]
    if top_k > -1:
        order = order[:top_k]
    kept: List[int] = []
    for index in order:
        if not kept or (overlap(boxes[index], boxes[kept]) <= threshold).all():
            kept.append(int(index))
            if eta < 1 and threshold > 0.5:
                threshold *= eta
    return kept
