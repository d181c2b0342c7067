"""Mutated files end in our exception or in what protobuf reads too, within bounded memory.

`python -m tests.fuzz` reads many more, without protobuf beside it.
"""

from __future__ import annotations

import itertools
import random
import tracemalloc

import numpy as np
import pytest
from google.protobuf import text_format
from google.protobuf.message import DecodeError

from caffe_style.engine.formats.caffemodel import layer_shapes, read_caffemodel
from caffe_style.engine.formats.prototxt import parse_net
from caffe_style.engine.proto.caffe_pb2 import NetParameter
from caffe_style.errors import CaffeStyleError, PrototxtError, WeightsError
from tests.fuzz import caffemodels, prototxts

TRIES = 300
#: Bytes that the reading of one mutated file of some hundred bytes may take at its peak.
MEMORY = 4 << 20


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
    path = str(tmp_path / "mutated.caffemodel")
    assert all(check_caffemodel(content, path) for content in caffemodels.seeds())
    read = 0
    cases = itertools.islice(caffemodels.cases(random.Random(0)), TRIES)
    for number, content in enumerate(cases):
        try:
            read += check_caffemodel(content, path)
        except Exception as error:
            raise AssertionError("mutation %d: %r" % (number, content)) from error
    assert 0 < read < TRIES


@pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning")
def test_mutated_prototxts():
    parsed = 0
    cases = itertools.islice(prototxts.cases(random.Random(0)), TRIES)
    for number, content in enumerate(cases):
        try:
            net = parse_net(content.decode("utf-8", "replace"), "mutated.prototxt")
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
