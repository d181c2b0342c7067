"""Models' readmes."""

from __future__ import annotations

import random as standard
from pathlib import Path
from typing import Iterator

import yaml

from caffe_style.networks import zoo

from .mutations import changed, mutated

FRONT = {
    "name": "Mine",
    "caffemodel": "mine.caffemodel",
    "caffemodel_url": ["http://localhost/a"],
    "sha1": "00",
    "size": 5,
    "prototxt": "vgg19.prototxt",
    "mean": [1, 2, 3.5],
    "pooling": "max",
    "content_layers": {"conv4_2": 1},
    "style_layers": {"conv1_1": 0.5},
    "style_weight": 100,
    "layer_names": {"a": "b"},
    "license": "none",
}
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"
EXTRAS = (
    BOMB,
    "d: 2001-99-99",
    "n: " + "[" * 3000,
    "k: {" * 50,
    "? [1, 2]\n: 3",
    "!!python/object:os.x {}",
)


def cases(random: standard.Random) -> Iterator[bytes]:
    while True:
        kind = random.randrange(3)
        front = changed(FRONT, random) if kind == 0 else FRONT
        try:
            text = yaml.safe_dump(front)
        except RecursionError:
            text = "n: " + "[" * 3000
        if kind == 1:
            text += random.choice(EXTRAS)
        content = ("---\n%s\n---\nText.\n" % text).encode()
        yield mutated(content, random) if kind == 2 else content


def read(path: Path) -> None:
    readme = path.with_suffix(".md")
    path.replace(readme)
    try:
        zoo.get_model(readme)
    finally:
        readme.replace(path)
