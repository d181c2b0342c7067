"""What strokenet learns by: its responses, mapped linearly, are to be its teacher's."""

from __future__ import annotations

from typing import Dict, List

import teacher
import torch
from network import CHANNELS, Strokenet
from torch import nn
from torch.nn.functional import interpolate

#: Layer of strokenet, scale at which the teacher sees the picture, layer of the teacher. Seen at twice its
#: size, a picture shows the teacher's layers, whose first stride is 2, what strokenet's fine layers see.
PAIRS = (
    ("conv1_1", 2, "conv1"),
    ("conv1_2", 2, "conv1"),
    ("conv2_1", 1, "conv1"),
    ("conv2_2", 2, "fire2"),
    ("conv2_2", 2, "fire4"),
    ("conv3_1", 1, "fire2"),
    ("conv3_1", 2, "fire6"),
    ("conv3_2", 1, "fire4"),
    ("conv4_1", 1, "fire5"),
    ("conv4_2", 1, "fire6"),
    ("conv4_2", 1, "fire8"),
    ("conv5_1", 1, "fire9"),
)
LAST = {1: "fire9", 2: "fire6"}
#: Of large maps, every third or second row and column is compared: neighbours say much the same.
THINNED = {"conv1_1": 3, "conv1_2": 3, "conv2_1": 2, "conv2_2": 2}


class Distillation(nn.Module):
    """Squared errors of 1x1 maps of responses to the teacher's, for PAIRS.

    What a Gram matrix of the teacher sees is then, as far as the errors are small, a linear function of what
    strokenet's sees.

    Parameters
    ----------
    of : Teacher
    pictures : list of Tensor, (N, 3, H, W)
        The teacher's responses are normalised by their mean and deviation over these.
    """

    def __init__(self, of: teacher.Teacher, pictures: List[torch.Tensor]) -> None:
        super().__init__()
        self._teacher = of
        self.maps = nn.ModuleList(
            nn.Conv2d(CHANNELS[ours], teacher.CHANNELS[theirs], 1) for ours, _, theirs in PAIRS
        )
        seen = [self._taught(part) for part in pictures]
        for number in range(len(PAIRS)):
            responses = torch.cat([part[number] for part in seen])
            deviation, mean = torch.std_mean(responses, (0, 2, 3), keepdim=True)
            # A filter that hardly ever responds is not to count for as much as the others.
            self.register_buffer("mean%d" % number, mean)
            self.register_buffer("deviation%d" % number, deviation + 0.1 * deviation.mean())

    def _taught(self, x: torch.Tensor) -> List[torch.Tensor]:
        pictures = {1: x, 2: interpolate(x, scale_factor=2, mode="bicubic")}
        responses = {scale: self._teacher(pictures[scale], LAST[scale]) for scale in pictures}
        return [_thinned(responses[scale][theirs], ours) for ours, scale, theirs in PAIRS]

    def forward(self, model: Strokenet, x: torch.Tensor) -> List[torch.Tensor]:
        """The part of the teacher's variance over pictures (N, 3, H, W) that is missed, by pair."""
        responses: Dict[str, torch.Tensor] = model(x)
        found = []
        for number, ((ours, _, _), wanted) in enumerate(zip(PAIRS, self._taught(x))):
            mean, deviation = (
                self.get_buffer(name + str(number)) for name in ("mean", "deviation")
            )
            wanted = (wanted - mean) / deviation
            error = (self.maps[number](_thinned(responses[ours], ours)) - wanted).square().mean()
            found.append(error / wanted.square().mean())
        return found


def _thinned(maps: torch.Tensor, layer: str) -> torch.Tensor:
    step = THINNED.get(layer, 1)
    return maps[:, :, ::step, ::step]
