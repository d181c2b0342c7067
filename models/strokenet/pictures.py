"""The pictures that strokenet learns from: Debian's, scikit-image's, and drawings made here."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Callable, Dict, List

import numpy as np
from PIL import Image, ImageDraw

from caffe_style.pictures.images import coloured_noise, read_image

#: In scikit-image's wheel, and free: readme.md has each one's licence.
PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "cat",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "retina",
    "rocket",
)
SIZE = 256
#: What is read of Debian's packages, with licences.
SOURCES = Path(__file__).with_name("sources.csv")


def of_packages(unpacked: Path) -> List[np.ndarray]:
    """The pictures in SOURCES, each (H, W, 3) uint8 RGB; `unpacked` has a folder for each package."""
    with open(SOURCES) as lines:
        return [
            read_image(unpacked / row["package"] / row["path"]) for row in csv.DictReader(lines)
        ]


def photographs() -> List[np.ndarray]:
    """The photographs, each (H, W, 3) uint8 RGB."""
    from skimage import data

    pictures = [getattr(data, name)() for name in PHOTOGRAPHS]
    return [
        np.repeat(picture[:, :, np.newaxis], 3, axis=2) if picture.ndim == 2 else picture[:, :, :3]
        for picture in pictures
    ]


def drawings(count: int, seed: int) -> List[np.ndarray]:
    """`count` drawings (SIZE, SIZE, 3) uint8 RGB, of each kind in turn."""
    kinds = list(KINDS.values())
    return [
        kinds[i % len(kinds)](np.random.default_rng((seed, i))).astype(np.uint8)
        for i in range(count)
    ]


def _palette(rng: np.random.Generator, colors: int = 5) -> np.ndarray:
    """Colours around a common one, (colors, 3)."""
    tint = rng.uniform(40, 215, 3)
    spread = rng.uniform(20, 110)
    return np.clip(tint + spread * rng.standard_normal((colors, 3)), 0, 255)


def _field(rng: np.random.Generator, exponent: float) -> np.ndarray:
    """Smooth noise in 0..1, (SIZE, SIZE)."""
    noise = coloured_noise(SIZE, SIZE, exponent, int(rng.integers(1 << 30)))
    return noise[:, :, 0] / 255.0


def _coloured(values: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Values in 0..1 by a ramp through the palette."""
    stops = np.linspace(0, 1, len(palette))
    return np.stack([np.interp(values, stops, palette[:, channel]) for channel in range(3)], 2)


def clouds(rng: np.random.Generator) -> np.ndarray:
    """Noise of some spectrum, by a palette or in each colour on its own."""
    exponent = rng.uniform(0.3, 2.0)
    if rng.random() < 0.5:
        return coloured_noise(SIZE, SIZE, exponent, int(rng.integers(1 << 30)))
    return _coloured(_field(rng, exponent), _palette(rng))


def fractal(rng: np.random.Generator) -> np.ndarray:
    """A Julia set's escape times."""
    angle = rng.uniform(0, 2 * np.pi)
    c = 0.7885 * np.exp(1j * angle)
    span = rng.uniform(0.4, 1.6)
    x = np.linspace(-span, span, SIZE) + rng.uniform(-0.3, 0.3)
    z = x[np.newaxis] + 1j * x[:, np.newaxis]
    times = np.zeros(z.shape)
    for _ in range(60):
        inside = np.abs(z) < 4
        z[inside] = z[inside] ** 2 + c
        times += inside
    return _coloured((times / rng.uniform(5, 60)) % 1.0, _palette(rng, 7))


def waves(rng: np.random.Generator) -> np.ndarray:
    """Bent stripes."""
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE
    bend = rng.uniform(0, 1.5) * _field(rng, 1.6)
    direction = rng.uniform(0, np.pi)
    phase = np.cos(direction) * rows + np.sin(direction) * columns + bend
    values = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(4, 40) * phase)
    if rng.random() < 0.5:
        values = values.round()
    return _coloured(values, _palette(rng, 3))


def mosaic(rng: np.random.Generator) -> np.ndarray:
    """Cells around random points, with or without joints."""
    from scipy.spatial import cKDTree

    points = rng.uniform(0, SIZE, (int(rng.uniform(20, 800)), 2))
    positions = np.stack(np.mgrid[:SIZE, :SIZE], 2).reshape(-1, 2)
    distance, nearest = cKDTree(points).query(positions, k=2)
    palette = _palette(rng, 12)
    picture = palette[nearest[:, 0] % len(palette)]
    if rng.random() < 0.6:
        joint = (distance[:, 1] - distance[:, 0]) < rng.uniform(1, 4)
        picture = np.where(joint[:, np.newaxis], _palette(rng, 1), picture)
    return picture.reshape(SIZE, SIZE, 3)


def strokes(rng: np.random.Generator) -> np.ndarray:
    """Brush strokes along a flow."""
    scale = 2
    flow = _field(rng, 1.8) * rng.uniform(1, 4) * np.pi + rng.uniform(0, np.pi)
    ground = _coloured(_field(rng, 1.5), _palette(rng))
    canvas = Image.fromarray(ground.astype(np.uint8)).resize((scale * SIZE,) * 2)
    draw = ImageDraw.Draw(canvas)
    length, width = rng.uniform(4, 40), rng.uniform(1, 9)
    palette = _palette(rng, 10)
    for _ in range(int(20000 / (length * width) * rng.uniform(1, 4))):
        position = rng.uniform(0, SIZE, 2)
        path = []
        for _ in range(int(length) + 1):
            row, column = (int(value) % SIZE for value in position)
            path.append((scale * position[1], scale * position[0]))
            position = position + 1.5 * np.array(
                [np.sin(flow[row, column]), np.cos(flow[row, column])]
            )
        color = np.clip(palette[rng.integers(len(palette))] + rng.normal(0, 12, 3), 0, 255)
        thickness = max(1, int(scale * width * rng.uniform(0.6, 1.4)))
        draw.line(path, tuple(int(value) for value in color), thickness, joint="curve")
    return np.asarray(canvas.resize((SIZE, SIZE), Image.LANCZOS))


def hatching(rng: np.random.Generator) -> np.ndarray:
    """Crossing sets of straight pen strokes on paper."""
    scale = 2
    canvas = Image.new("RGB", (scale * SIZE,) * 2, tuple(int(v) for v in _palette(rng, 1)[0]))
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(1, 4))):
        angle, step = rng.uniform(0, np.pi), rng.uniform(3, 16)
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        ink = tuple(int(value) for value in _palette(rng, 1)[0])
        thickness = int(rng.integers(1, max(2, int(scale * step / 2))))
        for offset in np.arange(-SIZE, SIZE, step):
            middle = SIZE / 2 + across * (offset + rng.normal(0, step / 10))
            ends = [scale * (middle + side * SIZE * along) for side in (-1, 1)]
            draw.line([tuple(end) for end in ends], ink, thickness)
    return np.asarray(canvas.resize((SIZE, SIZE), Image.LANCZOS))


def dots(rng: np.random.Generator) -> np.ndarray:
    """Round dabs of paint over a ground."""
    scale = 2
    ground = _coloured(_field(rng, 1.5), _palette(rng))
    canvas = Image.fromarray(ground.astype(np.uint8)).resize((scale * SIZE,) * 2)
    draw = ImageDraw.Draw(canvas)
    radius, palette = rng.uniform(1.5, 14), _palette(rng, 8)
    for _ in range(int(30000 / radius**2)):
        middle = rng.uniform(0, scale * SIZE, 2)
        size = scale * radius * rng.uniform(0.6, 1.2)
        box = [*(middle - size), *(middle + size)]
        draw.ellipse(box, tuple(int(value) for value in palette[rng.integers(len(palette))]))
    return np.asarray(canvas.resize((SIZE, SIZE), Image.LANCZOS))


def gradients(rng: np.random.Generator) -> np.ndarray:
    """Smooth ramps of colour, some in steps."""
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE
    direction = rng.uniform(0, 2 * np.pi)
    values = (np.cos(direction) * rows + np.sin(direction) * columns) * rng.uniform(0.5, 4)
    if rng.random() < 0.5:
        values = np.hypot(rows - rng.random(), columns - rng.random()) * rng.uniform(1, 6)
    values = np.abs((values % 2) - 1)
    if rng.random() < 0.5:
        steps = rng.integers(2, 9)
        values = np.floor(values * steps) / steps
    return _coloured(values, _palette(rng))


KINDS: Dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "clouds": clouds,
    "fractal": fractal,
    "waves": waves,
    "mosaic": mosaic,
    "strokes": strokes,
    "hatching": hatching,
    "dots": dots,
    "gradients": gradients,
}
