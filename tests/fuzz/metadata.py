"""Pictures' metadata, as `show` and --like read it."""

from __future__ import annotations

import io
import json
import random as standard
from pathlib import Path
from typing import Iterator

import numpy as np
from PIL import Image

from caffe_style.cli.show import command_line
from caffe_style.pictures import encoding, images
from caffe_style.runs.recipe import read_recipe

from .mutations import changed, mutated

NOTED = {
    "version": "1.0",
    "threads": 2,
    "model": "vgg16-random",
    "backend": "cpu",
    "device": 0,
    "weights_file": None,
    "pooling": "average",
    "mean": [103.9, 116.8, 123.7],
    "network_seed": 0,
    "content": "a.png",
    "style": [{"picture": "b.png", "weight": 2.0, "mask": "m.png"}, "c.png"],
    "size": 512,
    "init": "content",
    "content_layers": {"conv4_2": 1.0},
    "style_layers": {"conv1_1": 0.5, "conv2_1": 0.5},
    "scales": "auto",
    "tile": None,
    "bounds": False,
}


def picture(kind: str, noted: object) -> bytes:
    """A picture with these parameters."""
    stream = io.BytesIO()
    try:
        text = json.dumps(noted)
    except RecursionError:
        text = "[" * 3000 + "]" * 3000
    options = encoding._metadata_options(kind, {})
    if kind == "PNG":
        options["pnginfo"].add_itxt(images.METADATA_KEY, text)
    else:
        exif = Image.Exif()
        exif[0x010E] = '{"%s": %s}' % (images.METADATA_KEY, text)
        options["exif"] = exif.tobytes()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(stream, kind, **options)
    return stream.getvalue()


def cases(random: standard.Random) -> Iterator[bytes]:
    while True:
        kind = random.choice(("PNG", "JPEG", "WEBP"))
        noted = changed(NOTED, random) if random.random() < 0.7 else NOTED
        content = picture(kind, noted)
        yield content if noted is not NOTED else mutated(content, random)


def read(path: Path) -> None:
    command_line(read_recipe(path).request)
