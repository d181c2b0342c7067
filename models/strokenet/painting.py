"""Small pictures that strokenet paints while it learns, so that it also learns on what painting shows it.

An optimiser finds what a network takes for the style, but its teacher does not. Such pictures are in no
collection; a student that has seen them takes them for what they are.
"""

from __future__ import annotations

from typing import Dict, List

import torch
from network import LEVELS, Strokenet, clipped

#: Steps of Adam, and how far a pixel goes in one, in units of network.PIXEL_SCALE.
STEPS, RATE = 20, 0.12


def paint(
    model: Strokenet, contents: torch.Tensor, styles: torch.Tensor, rng: torch.Generator
) -> torch.Tensor:
    """Pictures (N, 3, H, W) with the Gram matrices of styles, from contents mixed with up to half of noise."""
    training = model.training
    model.eval()
    noise = clipped(1.5 * torch.randn(contents.shape, generator=rng))
    part = 0.5 * torch.rand(len(contents), 1, 1, 1, generator=rng)
    x = ((1 - part) * contents + part * noise).requires_grad_()
    with torch.no_grad():
        wanted = _grams(model(styles))
    optimiser = torch.optim.Adam([x], RATE)
    for _ in range(STEPS):
        pairs = zip(_grams(model(x)), wanted)
        loss = sum(
            ((gram - goal).square().sum((1, 2)) / goal.square().sum((1, 2))).sum()
            for gram, goal in pairs
        )
        (x.grad,) = torch.autograd.grad(loss, [x])
        optimiser.step()
    model.train(training)
    return clipped(x.detach())


def _grams(responses: Dict[str, torch.Tensor]) -> List[torch.Tensor]:
    maps = [responses[level].flatten(2) for level in LEVELS]
    return [layer @ layer.transpose(1, 2) / layer.shape[2] for layer in maps]
