"""The start: layer by layer, the centroids of whitened patches become filters.

Coates & Ng, *Learning Feature Representations with K-means* (2012).
"""

from __future__ import annotations

import torch
from network import Strokenet
from torch.nn.functional import normalize

PATCHES = 20000
ROUNDS = 8


@torch.no_grad()
def initialise(model: Strokenet, pictures: torch.Tensor, rng: torch.Generator) -> None:
    """Set every filter of `model`, from the bottom up, by pictures (N, 3, H, W) as it reads them."""
    model.train()
    for name, convolution in model.convolutions.items():
        patches = _patches(model.inputs(pictures, name), rng)
        mean, whitening = _whitening(patches)
        centroids = _centroids((patches - mean) @ whitening, convolution.out_channels, rng)
        filters = normalize(centroids @ whitening)
        convolution.weight.copy_(filters.view_as(convolution.weight))


def _patches(maps: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Patches of 3 x 3 anywhere in maps (N, C, H, W): (PATCHES, 9 C), the flattest third left out."""
    count, channels, height, width = maps.shape
    picture, top, left = (
        torch.randint(limit, (PATCHES * 3 // 2,), generator=rng)
        for limit in (count, height - 2, width - 2)
    )
    rows = [maps[picture, :, top + i, left + j] for i in range(3) for j in range(3)]
    patches = torch.stack(rows, 2).flatten(1)
    return patches[patches.std(1).argsort(descending=True)[:PATCHES]]


def _whitening(patches: torch.Tensor) -> tuple:
    """The mean patch, and the symmetric matrix (ZCA) that makes patches white."""
    mean = patches.mean(0)
    centred = patches - mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(patches))
    # Without it the weakest directions, which are noise, would weigh as much as the strongest.
    damped = values.clamp(min=0) + 0.1 * values.mean()
    return mean, (vectors / damped.sqrt()) @ vectors.T


def _centroids(patches: torch.Tensor, count: int, rng: torch.Generator) -> torch.Tensor:
    """Spherical k-means: unit vectors (count, D), each patch going to the one it is most alike."""
    centroids = normalize(torch.randn(count, patches.shape[1], generator=rng))
    for _ in range(ROUNDS):
        likeness = patches @ centroids.T
        strength, nearest = likeness.abs().max(1)
        weighted = patches * likeness.gather(1, nearest[:, None])
        centroids = normalize(centroids.index_add(0, nearest, weighted))
    return centroids
