"""What the network learns by: telling textures apart, or which way is up. No labels."""

from __future__ import annotations

import math
from typing import Dict

import torch
from crops import pairs
from network import CHANNELS, LEVELS, Strokenet
from torch import nn
from torch.nn.functional import cross_entropy, normalize


class Contrast(nn.Module):
    """Two crops of one place have similar Gram matrices, crops of other places have not, at every block.

    SimCLR's objective (NT-Xent; Chen et al. 2020), but for what it compares: the cosine of the Gram matrices
    themselves, which is what style losses see of a picture. No projection could be right in their place.
    """

    def __init__(self) -> None:
        super().__init__()
        #: How steeply likeness counts, by level; learned.
        self.steepness = nn.Parameter(torch.full((len(LEVELS),), math.log(20.0)))

    def forward(
        self, model: Strokenet, bank: torch.Tensor, count: int, rng: torch.Generator
    ) -> torch.Tensor:
        """The loss of `count` pairs."""
        first, second = pairs(bank, count, math.pi, rng)
        responses = _run(model, torch.cat([first, second]))
        partner = torch.arange(2 * count).roll(count)
        itself = torch.eye(2 * count, dtype=torch.bool)
        losses = []
        for level, steepness in zip(LEVELS, self.steepness):
            maps = responses[level].float().flatten(2)
            codes = normalize((maps @ maps.transpose(1, 2)).flatten(1))
            likeness = codes @ codes.T * steepness.exp().clamp(max=100)
            losses.append(cross_entropy(likeness.masked_fill(itself, -1e9), partner))
        return torch.stack(losses).mean()


class Rotation(nn.Module):
    """By which of four right angles was a crop turned (RotNet; Gidaris et al. 2018), at every block."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(
            {
                level: nn.Sequential(nn.BatchNorm1d(CHANNELS[level]), nn.Linear(CHANNELS[level], 4))
                for level in LEVELS
            }
        )

    def forward(
        self, model: Strokenet, bank: torch.Tensor, count: int, rng: torch.Generator
    ) -> torch.Tensor:
        """The loss of `count` pairs, each crop for itself."""
        crops = torch.cat(pairs(bank, count, 0.1, rng))
        turns = torch.randint(4, (2 * count,), generator=rng)
        turned = [crops[turns == turn].rot90(turn, (2, 3)) for turn in range(4)]
        responses = _run(model, torch.cat(turned))
        answers = turns.sort().values
        losses = [
            cross_entropy(head(responses[level].float().mean((2, 3))), answers)
            for level, head in self.heads.items()
        ]
        return torch.stack(losses).mean()


OBJECTIVES = {"contrast": Contrast, "rotation": Rotation}


def _run(model: Strokenet, crops: torch.Tensor) -> Dict[str, torch.Tensor]:
    crops = crops.contiguous(memory_format=torch.channels_last)
    # Half the time on processors that know bfloat16; filters and their changes stay in single precision.
    with torch.autocast("cpu", torch.bfloat16):
        return model(crops)
