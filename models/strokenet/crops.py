"""Crops of pictures, of many scales and colours, some with grain."""

from __future__ import annotations

import math
from typing import List

import numpy as np
import torch
from network import clipped, to_input
from torch.nn.functional import avg_pool2d

CROP = 96
SQUARE = 192
#: Pictures are brought to this long edge before they are cut.
LONG_EDGE = 1920


def bank_of(pictures: List[np.ndarray], views: int, seed: int) -> torch.Tensor:
    """`views` squares of each picture at many scales, (len(pictures) * views, SQUARE, SQUARE, 3) uint8 RGB.

    Of squares that are nearly flat, such as skies, most are drawn again.
    """
    from PIL import Image

    rng = np.random.default_rng(seed)
    squares = []
    for picture in pictures:
        image = Image.fromarray(picture)
        image.thumbnail((LONG_EDGE, LONG_EDGE), Image.LANCZOS)
        longest = math.log(min(image.size))
        for _ in range(views):
            for _ in range(10):
                side = int(math.exp(rng.uniform(min(math.log(SQUARE), longest), longest)))
                left, top = (int(rng.integers(edge - side + 1)) for edge in image.size)
                square = image.crop((left, top, left + side, top + side))
                square = np.asarray(square.resize((SQUARE, SQUARE), Image.LANCZOS))
                if square.std() > 12 or rng.random() < 0.2:
                    break
            squares.append(square)
    return torch.from_numpy(np.stack(squares))


def crops(bank: torch.Tensor, count: int, rng: torch.Generator) -> torch.Tensor:
    """`count` crops (count, 3, CROP, CROP) of a bank, as the network reads them.

    Their brightness, contrast and saturation are changed; three in ten have their colours exchanged, half are
    mirrored, a quarter is mixed with up to half of white noise, a quarter blurred.
    """
    chosen = bank[torch.randint(len(bank), (count,), generator=rng)]
    places = torch.randint(bank.shape[1] - CROP + 1, (count, 2), generator=rng).tolist()
    cut = [
        picture[top : top + CROP, left : left + CROP]
        for picture, (top, left) in zip(chosen, places)
    ]
    x = to_input(torch.stack(cut))
    x = torch.where(_some(0.5, count, rng), x.flip(3), x)
    exchanged = x[:, torch.randperm(3, generator=rng)]
    x = torch.where(_some(0.3, count, rng), exchanged, x)
    grey, mean = x.mean(1, keepdim=True), x.mean((2, 3), keepdim=True)
    x = grey + (x - grey) * _uniform((count, 1, 1, 1), 0, 2, rng)
    x = mean + (x - mean) * _uniform((count, 1, 1, 1), 0.6, 1.4, rng)
    x = clipped(x + _uniform((count, 3, 1, 1), -0.5, 0.5, rng))
    x = torch.where(_some(0.25, count, rng), avg_pool2d(x, 3, 1, 1, count_include_pad=False), x)
    part = torch.where(_some(0.25, count, rng), _uniform((count, 1, 1, 1), 0, 0.5, rng), 0.0)
    noise = clipped(1.5 * torch.randn(x.shape, generator=rng))
    return (1 - part) * x + part * noise


def _uniform(shape: tuple, low: float, high: float, rng: torch.Generator) -> torch.Tensor:
    return low + (high - low) * torch.rand(shape, generator=rng)


def _some(part: float, count: int, rng: torch.Generator) -> torch.Tensor:
    return torch.rand(count, 1, 1, 1, generator=rng) < part
