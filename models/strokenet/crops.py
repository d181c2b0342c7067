"""Crops of pictures, two and two from the same place, each changed on its own."""

from __future__ import annotations

import math
from typing import List, Tuple

import numpy as np
import torch
from network import to_input
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

CROP = 64
BANK = 256
GROUP = 16


def bank_of(pictures: List[np.ndarray], views: int, seed: int) -> torch.Tensor:
    """Square views of pictures at many scales, (len(pictures) * views, 3, BANK, BANK) float32."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    squares = []
    for picture in pictures:
        height, width = picture.shape[:2]
        for _ in range(views):
            side = int(min(height, width) * rng.uniform(0.4, 1) ** (views > 1))
            top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
            square = Image.fromarray(picture[top : top + side, left : left + side])
            squares.append(np.asarray(square.resize((BANK, BANK), Image.LANCZOS)))
    return to_input(torch.from_numpy(np.stack(squares)))


def pairs(
    bank: torch.Tensor, count: int, turn: float, rng: torch.Generator
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Two crops (count, 3, CROP, CROP) each of `count` places; `turn` radians at most from upright.

    The two lie up to a third of a crop apart, differ in scale by up to a third, in angle by up to 20
    degrees, in contrast, blur and grain, and are mirrored independently. Of their colours they keep what style
    is to keep, too: the GROUP places that follow each other get one mean and deviation of each colour, that
    of one of them, so that among these texture alone tells, and colour among groups.
    """
    chosen = bank[torch.randint(len(bank), (count,), generator=rng)]
    # Fine crops of the pictures, coarse ones of their halved copies: no aliasing.
    half = count // 2
    fine, coarse = chosen[:half], avg_pool2d(chosen[half:], 2)
    place = _uniform(count, 1, -0.7, 0.7, rng), _uniform(count, 1, -0.7, 0.7, rng)
    zoom = _uniform(count, 1, math.log(0.5), math.log(1.4), rng)
    angle = _uniform(count, 1, -turn, turn, rng)
    views = []
    for _ in range(2):
        step = _uniform(count, 2, -0.1, 0.1, rng)
        scale = torch.exp(zoom + _uniform(count, 1, -0.15, 0.15, rng))
        turned = angle + _uniform(count, 1, -0.17, 0.17, rng)
        mirror = 1 - 2 * torch.randint(2, (count, 1), generator=rng)
        at = [(place[axis] + step[:, axis : axis + 1]) for axis in (0, 1)]
        crops = [
            _crop(pictures, scale[part], turned[part], mirror[part], [axis[part] for axis in at])
            for pictures, part in ((fine, slice(half)), (coarse, slice(half, None)))
        ]
        views.append(torch.cat(crops))
    model = torch.arange(count) // GROUP * GROUP
    colours = [statistic[model] for statistic in _colours(views[0])]
    return _changed(views[0], colours, rng), _changed(views[1], colours, rng)


def _uniform(
    count: int, columns: int, low: float, high: float, rng: torch.Generator
) -> torch.Tensor:
    return low + (high - low) * torch.rand(count, columns, generator=rng)


def _crop(
    pictures: torch.Tensor,
    scale: torch.Tensor,
    angle: torch.Tensor,
    mirror: torch.Tensor,
    at: List[torch.Tensor],
) -> torch.Tensor:
    size = scale * CROP / pictures.shape[2]
    cosine, sine = size * torch.cos(angle), size * torch.sin(angle)
    # The crop stays inside as far as it can; what is beyond the edge is mirrored.
    x, y = (axis * (1 - size).clamp(min=0) for axis in at)
    rows = [torch.cat([mirror * cosine, -sine, x], 1), torch.cat([mirror * sine, cosine, y], 1)]
    grid = affine_grid(torch.stack(rows, 1), [len(pictures), 3, CROP, CROP], align_corners=False)
    return grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def _colours(crops: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each colour, (N, 3, 1, 1)."""
    return crops.mean((2, 3), keepdim=True), crops.std((2, 3), keepdim=True)


def _changed(
    crops: torch.Tensor, colours: List[torch.Tensor], rng: torch.Generator
) -> torch.Tensor:
    """Of these colours, more or less; some blurred, all with some grain."""
    count = len(crops)
    mean, deviation = _colours(crops)
    # A flat crop stays flat: its noise is no texture.
    crops = (crops - mean) / deviation.clamp(min=0.1)
    contrast = torch.exp(0.15 * torch.randn(count, 1, 1, 1, generator=rng))
    offset = 0.05 * torch.randn(count, 3, 1, 1, generator=rng)
    crops = crops * colours[1] * contrast + colours[0] + offset
    blurred = torch.rand(count, generator=rng) < 0.3
    crops[blurred] = avg_pool2d(crops[blurred], 3, 1, 1, count_include_pad=False)
    # Filters that the finest noise excites would make it hard for L-BFGS to start from noise.
    grain = _uniform(count, 1, 0, 0.15, rng).view(-1, 1, 1, 1)
    return crops + grain * torch.randn(crops.shape, generator=rng)
