"""Mutated files end in our exception or in what protobuf reads too, within bounded memory.

CAFFE_STYLE_FUZZ sets the number of mutations (300); the seed is the number of the mutation.
"""

from __future__ import annotations

import os
import random
import struct
import tracemalloc

import numpy as np
import pytest
from google.protobuf import text_format
from google.protobuf.message import DecodeError

from caffe_style.engine.formats import wire
from caffe_style.engine.formats.caffemodel import layer_shapes, read_caffemodel
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.engine.proto.caffe_pb2 import NetParameter
from caffe_style.errors import CaffeStyleError, PrototxtError, WeightsError

TRIES = int(os.environ.get("CAFFE_STYLE_FUZZ", "300"))
#: Bytes that the reading of one mutated file of some hundred bytes may take at its peak.
MEMORY = 4 << 20

TEXT = """
name: "net" # a comment
input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1" blobs_lr: 1 blobs_lr: 2
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "gaussian" std: 1e-2 } } }
layers { name: "pool1" type: POOLING bottom: "conv1" top: "pool1"
  pooling_param { pool: AVE kernel_size: 2 stride: 2 } include { phase: TEST stage: 'a' } }
"""


def _seed_files() -> list:
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


def mutate(content: bytes, others: list, rng: random.Random) -> bytes:
    """A few of the things that happen to bytes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        span = rng.choice((1, 2, 4, 16, 64))
        kind = rng.randrange(8)
        if kind == 0:
            del data[at:]
        elif kind == 1 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2 and at < len(data):
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 3:
            data[at : at + span] = bytes(rng.randrange(256) for _ in range(span))
        elif kind == 4:
            del data[at : at + span]
        elif kind == 5:
            data[at:at] = data[at : at + span] * rng.choice((1, 2, 30))
        elif kind == 6:
            data[at:at] = rng.choice(
                (b"\xff" * 9 + b"\x01", b"\xff" * 12, b"\x80" * 5, b"\xff\xff\x7f")
            )
        elif kind == 7:
            other = rng.choice(others)
            data[at:] = other[rng.randrange(len(other)) :]
    return bytes(data)


def _expected(content: bytes) -> dict:
    """Layers as protobuf and Caffe's rules read them, but for names that come twice or are no UTF-8."""
    net = NetParameter.FromString(content)
    layers = list(net.layer) + list(net.layers)
    names = [layer.name for layer in layers]
    result = {}
    for layer in layers:
        if names.count(layer.name) > 1 or isinstance(layer.name, bytes):
            continue
        arrays = result[layer.name] = []
        for blob in layer.blobs:
            legacy = ("num", "channels", "height", "width")
            shape = tuple(blob.shape.dim)
            if any(map(blob.HasField, legacy)):
                shape = tuple(getattr(blob, name) for name in legacy)
            values = np.array(blob.double_data if blob.double_data else blob.data, np.float64)
            arrays.append((shape, values.astype(np.float32)))
    return result


def check_caffemodel(content: bytes, path: str) -> bool:
    """Whether it could be read; fails where that went wrong."""
    with open(path, "wb") as stream:
        stream.write(content)
    tracemalloc.start()
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            layers = read_caffemodel(path)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    except WeightsError as error:
        assert tracemalloc.get_traced_memory()[1] < MEMORY
        assert path in str(error) and "\n" not in str(error)
        with pytest.raises(WeightsError):
            layer_shapes(path)
        return False
    finally:
        tracemalloc.stop()
    shapes = {name: [array.shape for array in arrays] for name, arrays in layers.items()}
    assert layer_shapes(path) == shapes
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            expected = _expected(content)
    except (DecodeError, UnicodeDecodeError):
        return True  # it is broken where nothing of ours lies
    for name, arrays in expected.items():
        found = layers[name]
        assert [(array.shape, array.size) for array in found] == [
            (shape, values.size) for shape, values in arrays
        ]
        for array, (_, values) in zip(found, arrays):
            np.testing.assert_array_equal(array.ravel(), values)
    return True


def test_mutated_caffemodels(tmp_path):
    seeds = _seed_files()
    path = str(tmp_path / "mutated.caffemodel")
    assert all(check_caffemodel(content, path) for content in seeds)
    read = 0
    for number in range(TRIES):
        rng = random.Random(number)
        content = mutate(rng.choice(seeds), seeds, rng)
        try:
            read += check_caffemodel(content, path)
        except Exception as error:
            raise AssertionError("mutation %d: %r" % (number, content)) from error
    assert 0 < read < TRIES


@pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning")
def test_mutated_prototxts():
    parsed = 0
    text = TEXT.encode()
    for number in range(TRIES):
        rng = random.Random(number)
        content = mutate(text, [text, b"layer { layer {", b'"'], rng).decode("utf-8", "replace")
        try:
            net = parse_net(content, "mutated.prototxt")
        except PrototxtError as error:
            assert str(error).startswith("mutated.prototxt") and "\n" not in str(error)
            continue
        except CaffeStyleError as error:
            raise AssertionError("mutation %d: %r" % (number, content)) from error
        parsed += 1
        again = NetParameter()
        text_format.Parse(text_format.MessageToString(net), again)
        assert len(again.layer) == len(net.layer) and not len(net.layers)
    assert 0 < parsed < TRIES
