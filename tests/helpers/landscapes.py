"""Pictures in two parts, and drawings of their regions."""

from __future__ import annotations

import numpy as np

BLUE, GREEN, RED = (90, 140, 250), (60, 160, 40), (250, 30, 30)


def landscape(height, width, horizon, sky=BLUE, ground=GREEN, seed=0):
    """A smooth sky above a rough ground."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:horizon] = sky
    grain = np.random.default_rng(seed).integers(-40, 40, (height - horizon, width, 1))
    picture[horizon:] = np.clip(np.array(ground) + grain, 0, 255)
    return picture


def content_and_style():
    """A landscape under a blue sky, and another one at sunset with a lower horizon."""
    return landscape(72, 96, 24), landscape(96, 80, 64, (250, 140, 60), (90, 60, 20), 1)


def halves(height, width, at, first=RED, second=GREEN):
    """An upper and a lower part, each of one colour."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:at], picture[at:] = first, second
    return picture
