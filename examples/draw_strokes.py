"""Draw examples/strokes.jpg: brush strokes along whirls as a style image, in thick paint.

A style needs strokes at several scales, strong colours and clear contours. The strokes follow the lines of
equal height of a smooth function with whirls, from broad to fine. The height chooses the colour, so that bands
of colour turn around the whirls. Dark contours follow the borders of the bands. A light from the upper left
shows the bristles. Run it with ``python draw_strokes.py [OUT]``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIZE = 768  # pixels a side
OVERSAMPLING = 2
SEED = 3

# Each whirl: x, y of its centre in 0..1, its strength, and the radius of its eye.
WHIRLS = np.array(
    [
        (0.24, 0.26, 1.00, 0.055),
        (0.74, 0.20, -0.85, 0.045),
        (0.52, 0.56, 0.80, 0.050),
        (0.14, 0.76, -0.75, 0.045),
        (0.86, 0.66, 0.90, 0.050),
        (0.46, 0.93, -0.65, 0.040),
    ]
)
SLOPE = (0.9, 1.6)  # the function also rises evenly, so that the bands cross the picture

PALETTE = np.array(
    [
        (16, 26, 84),  # night blue
        (28, 66, 150),
        (44, 118, 186),
        (96, 178, 196),  # turquoise
        (214, 222, 178),
        (246, 214, 92),  # yellow
        (236, 150, 40),
        (196, 74, 34),  # red earth
    ],
    dtype=float,
)
CONTOUR = np.array((14, 16, 44), dtype=float)

# Layers of paint: number of strokes, length and width in parts of the picture, spread of the colour.
LAYERS = ((1200, 0.16, 0.034, 8.0), (2400, 0.11, 0.020, 13.0), (3200, 0.075, 0.012, 17.0))
BRISTLES = 7
STEPS = 14  # straight pieces in a stroke
DENSITY = 0.62  # periods of the palette in a unit of height


def height(points: np.ndarray) -> np.ndarray:
    """Evaluate the function whose lines of equal height the strokes follow.

    Parameters
    ----------
    points : (..., 2) array
        x and y, 0..1.

    Returns
    -------
    (...) array
    """
    away = points[..., None, :] - WHIRLS[:, :2]
    distance = np.sum(away**2, axis=-1) + WHIRLS[:, 3] ** 2
    return points @ np.array(SLOPE) + 0.35 * np.log(distance) @ WHIRLS[:, 2]


def direction(points: np.ndarray) -> np.ndarray:
    """Return the unit vectors along the lines of equal height.

    Parameters
    ----------
    points : (..., 2) array
        x and y, 0..1.

    Returns
    -------
    (..., 2) array
    """
    away = points[..., None, :] - WHIRLS[:, :2]
    distance = np.sum(away**2, axis=-1) + WHIRLS[:, 3] ** 2
    pull = 0.7 * WHIRLS[:, 2] / distance
    uphill = np.array(SLOPE) + np.sum(pull[..., None] * away, axis=-2)
    along = np.stack([-uphill[..., 1], uphill[..., 0]], axis=-1)
    return along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)


def paths(starts: np.ndarray, length: float) -> np.ndarray:
    """Follow the lines of equal height from many points.

    Parameters
    ----------
    starts : (K, 2) array
    length : float

    Returns
    -------
    (K, STEPS + 1, 2) array
    """
    points = [starts]
    for _ in range(STEPS):
        middle = points[-1] + 0.5 * length / STEPS * direction(points[-1])
        points.append(points[-1] + length / STEPS * direction(middle))
    return np.stack(points, axis=1)


def colours(band: np.ndarray) -> np.ndarray:
    """Look up PALETTE, there and back, smoothly.

    Parameters
    ----------
    band : array of float
        One period is the whole palette, there and back.

    Returns
    -------
    array of that shape and 3
        RGB, 0..255.
    """
    last = len(PALETTE) - 1
    place = last * np.abs(2 * (band % 1) - 1)
    below = np.minimum(place.astype(int), last - 1)
    part = (place - below)[..., None]
    part = part * part * (3 - 2 * part)
    return PALETTE[below] * (1 - part) + PALETTE[below + 1] * part


class Canvas:
    """Paint and its thickness: one RGB picture, and one of 8 bits for the relief."""

    def __init__(self, size: int, random: np.random.Generator):
        self.size, self.random = size, random
        self.paint = Image.new("RGB", (size, size), tuple(int(part) for part in PALETTE[1]))
        self.relief = Image.new("L", (size, size), 110)
        self._brushes = ImageDraw.Draw(self.paint), ImageDraw.Draw(self.relief)

    def stroke(self, path: np.ndarray, width: float, colour: np.ndarray, spread: float) -> None:
        """Draw one stroke of BRISTLES bristles side by side, which differ a little in colour and thickness.

        Parameters
        ----------
        path : (STEPS + 1, 2) array
            x and y, 0..1.
        width : float
            In parts of the picture.
        colour : (3,) array
        spread : float
            Standard deviation of the bristles' lightness.
        """
        along = np.gradient(path, axis=0)
        across = np.stack([-along[:, 1], along[:, 0]], axis=1)
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        # The brush is pressed down in the middle of the stroke.
        pressure = np.sin(np.linspace(0.25, np.pi - 0.15, len(path)))[:, None] ** 0.5
        thin = max(2, int(round(1.5 * width * self.size / BRISTLES)))
        for place in self.random.permutation(np.linspace(-0.5, 0.5, BRISTLES)):
            first = self.random.integers(0, 3)
            line = (path + place * width * pressure * across)[first:] * self.size
            line = [tuple(point) for point in line]
            shade = np.clip(colour + self.random.normal(0, spread) * 0.6, 0, 255)
            self._brushes[0].line(line, tuple(shade.astype(int)), thin, joint="curve")
            self._brushes[1].line(line, int(self.random.integers(60, 200)), thin, joint="curve")

    def lit(self) -> np.ndarray:
        """Return the paint with light from the upper left on its relief: (size, size, 3), 0..255."""
        relief = np.asarray(self.relief, dtype=float)
        light = np.roll(relief, (-2, -2), (0, 1)) - np.roll(relief, (2, 2), (0, 1))
        return np.asarray(self.paint, dtype=float) * (1 + 0.0016 * light)[..., None]


def lay(canvas: Canvas, count: int, length: float, width: float, spread: float) -> None:
    """Cover the canvas with one layer of strokes in the colours of their bands."""
    starts = canvas.random.uniform(-0.08, 1.08, (count, 2))
    strokes = paths(starts, length)
    middles = strokes[:, STEPS // 2]
    bands = colours(DENSITY * height(middles) + canvas.random.normal(0, 0.03, count))
    for path, colour in zip(strokes, bands):
        shade = np.clip(colour + canvas.random.normal(0, spread, 3), 0, 255)
        canvas.stroke(path, width * canvas.random.uniform(0.7, 1.3), shade, spread)


def outline(canvas: Canvas, count: int = 420, length: float = 0.10, width: float = 0.007) -> None:
    """Draw dark contours between the cold and the warm half of the palette."""
    points = canvas.random.uniform(-0.05, 1.05, (60 * count, 2))
    border = np.abs((2 * DENSITY * height(points)) % 1 - 0.5)
    nearest = points[np.argsort(border)[:count]]
    for path in paths(nearest, length):
        canvas.stroke(path, width * canvas.random.uniform(0.6, 1.4), CONTOUR, 8.0)


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
    canvas = Canvas(size * OVERSAMPLING, np.random.default_rng(SEED))
    for count, length, width, spread in LAYERS:
        lay(canvas, count, length, width, spread)
    outline(canvas)
    rgb = canvas.lit().reshape(size, OVERSAMPLING, size, OVERSAMPLING, 3).mean((1, 3))
    return Image.fromarray(np.rint(np.clip(rgb, 0, 255)).astype(np.uint8))


if __name__ == "__main__":
    out = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("strokes.jpg")
    draw().save(out, quality=85)
