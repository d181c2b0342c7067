"""Caffemodels: current, of the first version, and with values that are not packed."""

from __future__ import annotations

import random as standard
import struct
from pathlib import Path
from typing import Iterator, List

import numpy as np

from caffe_style.engine.formats import wire
from caffe_style.engine.formats.caffemodel import layer_shapes, read_caffemodel
from caffe_style.engine.proto.caffe_pb2 import NetParameter

from .mutations import mutated

#: Numbers of Protocol Buffers that are too long, or larger than the file.
NUMBERS = (b"\xff" * 9 + b"\x01", b"\xff" * 12, b"\x80" * 5, b"\xff\xff\x7f")


def seeds() -> List[bytes]:
    """Files that are whole."""
    values = np.linspace(-1, 1, 36, dtype=np.float32)
    current = NetParameter(name="net")
    layer = current.layer.add(name="conv1", type="Convolution", bottom=["data"], top=["conv1"])
    layer.blobs.add(data=values).shape.dim.extend([4, 1, 3, 3])
    layer.blobs.add(data=values[:4]).shape.dim.extend([4])
    current.layer.add(name="relu1", type="ReLU")
    current.layer.add(name="doubles").blobs.add(double_data=[1, 2.5]).shape.dim.append(2)
    old = NetParameter(name="old")
    layer = old.layers.add(name="fc6", type=14, blobs_lr=[1, 2])
    layer.blobs.add(num=1, channels=1, height=6, width=6, data=values)
    layer.blobs.add(num=1, channels=1, height=1, width=6, data=values[:6])
    floats = b"".join(wire.key(5, wire.FIXED32) + struct.pack("<f", x) for x in values[:8])
    blob = b"\x3a\x04\x0a\x02\x02\x04" + floats
    layer = b"\x0a\x01a" + b"\x3a" + wire.write_varint(len(blob)) + blob
    unpacked = wire.key(100, wire.BYTES) + wire.write_varint(len(layer)) + layer
    return [current.SerializeToString(), old.SerializeToString(), unpacked]


def cases(random: standard.Random) -> Iterator[bytes]:
    whole = seeds()
    yield from whole
    while True:
        content, other = random.choice(whole), random.choice(whole)
        at, kind = random.randrange(len(content)), random.randrange(4)
        if kind == 0:
            content = content[:at] + random.choice(NUMBERS) + content[at:]
        elif kind == 1:
            content = content[:at] + other[random.randrange(len(other)) :]
        yield content if kind < 2 and random.random() < 0.7 else mutated(content, random)


def read(path: Path) -> None:
    layer_shapes(str(path))
    with np.errstate(over="ignore", invalid="ignore"):
        read_caffemodel(str(path))
