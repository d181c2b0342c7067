"""Draw examples/fractal.jpg: a Julia set as a style image, in the spirit of the paper's fractal art.

A style needs strong colours and strokes at several scales. The colours follow the smoothed number of
iterations, the strokes the stripe average (how often the orbit passes each direction), and a light
from the upper right gives relief. Run it with ``python draw_fractal.py [OUT]``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 768  # pixels a side
OVERSAMPLING = 2
CONSTANT = -0.7453 + 0.1127j  # its Julia set is full of seahorse tails
CENTRE, WIDTH = 0.3 + 0.17j, 0.6
ESCAPE = 1e4
ITERATIONS = 600
STRIPES = 7
LIGHT = np.exp(0.3j * np.pi)
PALETTE = np.array(
    [
        (24, 30, 110),  # night blue
        (30, 110, 190),
        (90, 205, 200),  # turquoise
        (252, 236, 170),
        (252, 176, 44),  # amber
        (222, 74, 38),
        (140, 28, 92),  # wine
        (64, 26, 120),
    ],
    dtype=float,
)
INSIDE = (20, 10, 40)


def orbits(size: int) -> tuple:
    """Follow z -> z^2 + c from every pixel until |z| exceeds ESCAPE.

    Parameters
    ----------
    size : int
        Pixels a side.

    Returns
    -------
    count, stripe, slope : (size, size) arrays
        Smoothed number of iterations (inf inside the set); mean of (1 + sin(STRIPES arg z)) / 2 along
        the orbit, in 0..1; the direction in which the set lies, as a unit complex number.
    """
    axis = np.linspace(-0.5, 0.5, size) * WIDTH
    z = (CENTRE + axis[None, :] + 1j * axis[:, None]).ravel()
    derivative = np.ones_like(z)
    total = np.zeros(z.size)
    count = np.full(z.size, np.inf)
    stripe = np.zeros(z.size)
    slope = np.zeros(z.size, complex)
    pixel = np.arange(z.size)
    for k in range(1, ITERATIONS + 1):
        derivative = 2 * z * derivative
        z = z * z + CONSTANT
        before = total
        total = total + 0.5 + 0.5 * np.sin(STRIPES * np.angle(z))
        escaped = np.abs(z) > ESCAPE
        if escaped.any():
            done = pixel[escaped]
            # The part of the last iteration that was needed, 0..1: makes count and stripe continuous.
            part = 1 + np.log2(np.log(ESCAPE) / np.log(np.abs(z[escaped])))
            count[done] = k - 1 + part
            stripe[done] = part * total[escaped] / k + (1 - part) * before[escaped] / max(k - 1, 1)
            normal = z[escaped] / derivative[escaped]
            slope[done] = normal / np.abs(normal)
            z, derivative, total, pixel = (
                array[~escaped] for array in (z, derivative, total, pixel)
            )
    return tuple(array.reshape(size, size) for array in (count, stripe, slope))


def colours(position: np.ndarray) -> np.ndarray:
    """Look up PALETTE, a closed circle of length 1, smoothly.

    Parameters
    ----------
    position : array of float

    Returns
    -------
    array of that shape and 3
        RGB, 0..255.
    """
    place = (position % 1) * len(PALETTE)
    below = np.floor(place).astype(int) % len(PALETTE)
    step = (place % 1)[..., None]
    step = step * step * (3 - 2 * step)
    return PALETTE[below] * (1 - step) + PALETTE[(below + 1) % len(PALETTE)] * step


def draw(size: int = SIZE) -> Image.Image:
    """Draw the picture.

    Parameters
    ----------
    size : int
        Pixels a side.

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    count, stripe, slope = orbits(size * OVERSAMPLING)
    inside = np.isinf(count)
    level = np.log2(np.where(inside, 1, count) + 1)
    rgb = colours(0.4 * level + 0.45 * (stripe - 0.5) + 0.05)
    relief = 0.8 + 0.2 * (slope * LIGHT.conjugate()).real
    rgb *= (relief * (0.62 + 0.75 * stripe))[..., None]
    rgb[inside] = INSIDE
    rgb = np.clip(rgb, 0, 255).reshape(size, OVERSAMPLING, size, OVERSAMPLING, 3).mean((1, 3))
    return Image.fromarray(np.rint(rgb).astype(np.uint8))


if __name__ == "__main__":
    out = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("fractal.jpg")
    draw().save(out, quality=92)
