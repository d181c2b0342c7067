"""Pictures and masks."""

from __future__ import annotations

import io
import random as standard
from pathlib import Path
from typing import Iterator

import numpy as np
from PIL import Image

from caffe_style.errors import ImageError
from caffe_style.pictures import images
from caffe_style.scene.styles import read_mask

from .mutations import mutated

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM")


def cases(random: standard.Random) -> Iterator[bytes]:
    seeds = []
    for kind in FORMATS:
        for mode in ("RGB", "L"):
            stream = io.BytesIO()
            pixels = images.coloured_noise(24, 20, 1.0, 0)
            Image.fromarray(np.ascontiguousarray(pixels)).convert(mode).save(stream, kind)
            seeds.append(stream.getvalue())
    while True:
        yield mutated(random.choice(seeds), random)


def read(path: Path) -> None:
    try:
        images.read_image(path)
    except ImageError:
        # What cannot be read as a picture cannot be read as a mask.
        read_mask(str(path), (16, 16))
        raise
    read_mask(str(path), (16, 16))
