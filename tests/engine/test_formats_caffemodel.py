"""caffemodels: every way Caffe ever wrote numbers, broken files, and a round trip through the writer."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from caffe_style.engine.formats import wire
from caffe_style.engine.formats.caffemodel import (
    MissingWeightsError,
    layer_shapes,
    read_caffemodel,
    write_caffemodel,
)
from caffe_style.engine.proto.caffe_pb2 import TEST, BlobProto, LayerParameter, NetParameter
from caffe_style.errors import WeightsError

VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2) / 7


def blob_of(array: np.ndarray) -> BlobProto:
    blob = BlobProto(data=array.ravel())
    blob.shape.dim.extend(array.shape)
    return blob


def field(number: int, content: bytes) -> bytes:
    return wire.key(number, wire.BYTES) + wire.write_varint(len(content)) + content


def layer_file(tmp_path, *blobs: bytes, name: bytes = b"conv1"):
    """A caffemodel of one layer, of hand-made blobs."""
    path = tmp_path / "hand.caffemodel"
    path.write_bytes(field(100, field(1, name) + b"".join(field(7, blob) for blob in blobs)))
    return str(path)


@pytest.fixture
def current(tmp_path):
    net = NetParameter(name="n")
    net.layer.add(
        name="conv1", type="Convolution", blobs=[blob_of(VALUES), blob_of(VALUES[0, 0, 0])]
    )
    net.layer.add(name="relu1", type="ReLU")
    net.layer.add(name="fc", type="InnerProduct", blobs=[blob_of(VALUES[0, 0])])
    path = tmp_path / "current.caffemodel"
    path.write_bytes(net.SerializeToString())
    return str(path)


def test_current_format(current):
    layers = read_caffemodel(current)
    assert list(layers) == ["conv1", "relu1", "fc"]
    assert layers["relu1"] == []
    np.testing.assert_array_equal(layers["conv1"][0], VALUES)
    np.testing.assert_array_equal(layers["conv1"][1], VALUES[0, 0, 0])
    np.testing.assert_array_equal(layers["fc"][0], VALUES[0, 0])
    assert all(array.dtype == np.float32 for arrays in layers.values() for array in arrays)


def test_only_wanted_layers(current):
    assert list(read_caffemodel(current, {"fc", "not there"})) == ["fc"]


def test_layer_shapes(current):
    assert layer_shapes(current) == {"conv1": [(2, 3, 2, 2), (2,)], "relu1": [], "fc": [(2, 2)]}


def test_v1_format_with_legacy_shapes(tmp_path):
    net = NetParameter()
    old = net.layers.add(name="fc6", type=14)  # INNER_PRODUCT
    old.blobs.add(num=1, channels=1, height=2, width=12, data=VALUES.ravel())
    old.blobs.add(num=1, channels=1, height=1, width=2, data=[5, 6])
    path = tmp_path / "v1.caffemodel"
    path.write_bytes(net.SerializeToString())
    weight, bias = read_caffemodel(str(path))["fc6"]
    np.testing.assert_array_equal(weight, VALUES.reshape(1, 1, 2, 12))
    np.testing.assert_array_equal(bias.ravel(), [5, 6])
    assert bias.shape == (1, 1, 1, 2)


@pytest.mark.parametrize("extra", [b"", field(7, field(1, b"\x18"))], ids=["bare", "and shape"])
def test_legacy_numbers_win_over_shape(tmp_path, extra):
    numbers = b"".join(wire.key(i, 0) + bytes([n]) for i, n in ((1, 2), (2, 3), (3, 2), (4, 2)))
    path = layer_file(tmp_path, extra + numbers + field(5, VALUES.tobytes()))
    np.testing.assert_array_equal(read_caffemodel(path)["conv1"][0], VALUES)


def test_unpacked_floats(tmp_path):
    floats = b"".join(wire.key(5, wire.FIXED32) + struct.pack("<f", x) for x in VALUES.ravel())
    path = layer_file(tmp_path, floats + field(7, field(1, b"\x02\x03\x02\x02")))
    np.testing.assert_array_equal(read_caffemodel(path)["conv1"][0], VALUES)


def test_many_unpacked_floats_count_as_one_field(tmp_path):
    count = wire.MAX_FIELDS + 5
    rows = np.empty(count, [("key", "u1"), ("value", "<f4")])
    rows["key"], rows["value"] = wire.key(5, wire.FIXED32)[0], np.arange(count)
    path = layer_file(tmp_path, rows.tobytes() + field(7, field(1, wire.write_varint(count))))
    np.testing.assert_array_equal(read_caffemodel(path)["conv1"][0], np.arange(count, dtype="f4"))


def test_packed_and_unpacked_pieces_are_joined_in_order(tmp_path):
    one = wire.key(5, wire.FIXED32) + struct.pack("<f", 3)
    halves = [field(5, struct.pack("<2f", 1, 2)), one, field(5, struct.pack("<f", 4))]
    path = layer_file(tmp_path, b"".join(halves) + field(7, field(1, b"\x04")))
    np.testing.assert_array_equal(read_caffemodel(path)["conv1"][0], [1, 2, 3, 4])


def test_dims_one_by_one(tmp_path):
    shape = b"".join(wire.key(1, 0) + bytes([n]) for n in VALUES.shape)
    path = layer_file(tmp_path, field(5, VALUES.tobytes()) + field(7, shape))
    assert layer_shapes(path) == {"conv1": [VALUES.shape]}


@pytest.mark.parametrize("packed", [True, False])
def test_doubles(tmp_path, packed):
    doubles = np.array([1.5, -2.25])
    if packed:
        content = field(8, doubles.tobytes())
    else:
        content = b"".join(wire.key(8, wire.FIXED64) + struct.pack("<d", x) for x in doubles)
    path = layer_file(tmp_path, content + field(7, field(1, b"\x02")))
    (array,) = read_caffemodel(path)["conv1"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, doubles)


def test_scalar_empty_and_name_after_the_blobs(tmp_path):
    path = tmp_path / "odd.caffemodel"
    scalar = field(5, struct.pack("<f", 2.5))
    empty = field(7, field(1, b"\x00\x03")) + field(5, b"")
    path.write_bytes(field(100, field(7, scalar) + field(7, empty) + field(1, b"late")))
    scalar, empty = read_caffemodel(str(path))["late"]
    assert scalar.shape == () and float(scalar) == 2.5
    assert empty.shape == (0, 3)


def test_real_weights_as_protobuf_reads_them(squeezenet_weights):
    net = NetParameter.FromString(squeezenet_weights.read_bytes())
    layers = read_caffemodel(str(squeezenet_weights))
    assert list(layers) == [layer.name for layer in net.layer]
    for layer in net.layer:
        for blob, array in zip(layer.blobs, layers[layer.name]):
            assert array.shape == tuple(blob.shape.dim)
            np.testing.assert_array_equal(array.ravel(), np.array(blob.data, np.float32))


# ---- What is wrong, in one line ----

BROKEN_BLOBS = {
    "more values": (field(5, VALUES.tobytes()) + field(7, field(1, b"\x02")), "24 value"),
    "fewer values": (field(5, VALUES.tobytes()) + field(7, field(1, b"\x19")), "24 value"),
    "no values": (field(7, field(1, b"\x02")), "0 value"),
    "half a value": (field(5, b"abcdef") + field(7, field(1, b"\x01")), "within a value"),
    "negative": (field(7, field(1, b"\xff" * 9 + b"\x01")), "impossible shape"),
    "absurd": (field(7, field(1, b"\xff\xff\xff\xff\x07" * 3)), "impossible shape"),
    "absurd, but empty": (field(7, field(1, b"\x00" + b"\xff\xff\xff\xff\x07" * 3)), "impossible"),
    "axes": (field(7, field(1, b"\x01" * 40)) + field(5, b"\x00" * 4), "axes"),
    "many axes": (field(7, field(1, b"\x01" * 100000)), "axes"),
    "varint": (field(7, field(1, b"\xff" * 11)), "ten bytes"),
    "wire type": (b"\x2b", "wire type 3"),
    "field 0": (b"\x00\x01", "field number 0"),
    "too long": (b"\x2a\x7fabc", "only 3 are left"),
}


@pytest.mark.parametrize("case", BROKEN_BLOBS)
def test_broken_blobs(tmp_path, case):
    blob, message = BROKEN_BLOBS[case]
    path = layer_file(tmp_path, blob) if case != "too long" else layer_file(tmp_path, blob, blob)
    for read in (read_caffemodel, layer_shapes):
        with pytest.raises(WeightsError, match=message) as caught:
            read(path)
        assert "\n" not in str(caught.value) and path in str(caught.value)


@pytest.mark.parametrize("name", [b"two\nlines", b"x" * 100000, b"100%s", b"\xff"])
def test_a_strange_name_leaves_the_error_one_short_line(tmp_path, name):
    path = layer_file(tmp_path, field(5, b"abcdef"), name=name)
    with pytest.raises(WeightsError, match="parameter 0 ends within a value") as caught:
        read_caffemodel(path)
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < len(path) + 300


def test_a_truncated_file_is_called_truncated(tmp_path, current):
    content = open(current, "rb").read()
    path = tmp_path / "cut.caffemodel"
    for size in range(len(content) - 1, 3, -1):
        path.write_bytes(content[:size])
        if size in _ends_of_fields(content):
            continue  # such a file is a smaller net
        with pytest.raises(WeightsError, match="truncated"):
            read_caffemodel(str(path))


def _ends_of_fields(content: bytes) -> set:
    return {
        value[1] if kind == wire.BYTES else 0
        for _, kind, value in wire.Walker(content).fields(0, len(content))
    }


def test_v0_is_refused(tmp_path):
    path = tmp_path / "v0.caffemodel"
    path.write_bytes(field(2, field(1, field(1, b"conv1"))))
    with pytest.raises(WeightsError, match="V0"):
        read_caffemodel(str(path))


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "empty"),
        (b"<!DOCTYPE html>\n<html>", "text that begins with '<!DOCTYPE html>'"),
        (b"name: 'VGG'\nlayer {\n}\n", "text that begins with 'name"),
        (b"\r\n\n<html>\r<body>", "text that begins with '<html>'$"),
        (b"\x89HDF\r\n\x1a\n" + b"\x00" * 100, "not a caffemodel"),
        (b"PK\x03\x04" + b"\x14" * 60, "not a caffemodel"),
        (BlobProto(num=1, data=[1]).SerializeToString(), "no layers"),
    ],
)
def test_other_files(tmp_path, content, message):
    path = tmp_path / "other.caffemodel"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read_caffemodel(str(path))


def test_missing_file_and_folder(tmp_path):
    for error in (MissingWeightsError, RuntimeError, WeightsError):
        with pytest.raises(error, match="Could not open file .*nowhere.caffemodel"):
            read_caffemodel(str(tmp_path / "nowhere.caffemodel"))
    with pytest.raises(WeightsError, match="no file"):
        read_caffemodel(str(tmp_path))
    with pytest.raises(WeightsError):
        read_caffemodel("a\0b")


def test_a_file_of_nothing_but_keys_ends_soon(tmp_path):
    path = tmp_path / "keys.caffemodel"
    path.write_bytes(b"\x28\x01" * (wire.MAX_FIELDS + 1))
    with pytest.raises(WeightsError, match="not a caffemodel"):
        read_caffemodel(str(path))


# ---- Writing ----


def test_written_file_is_what_protobuf_would_write(tmp_path):
    conv = LayerParameter(
        name="conv1", type="Convolution", bottom=["data"], top=["conv1"], phase=TEST
    )
    conv.convolution_param.num_output = 2
    relu = LayerParameter(name="relu1", type="ReLU", bottom=["conv1"], top=["conv1"], phase=TEST)
    stale = LayerParameter()
    stale.CopyFrom(conv)
    stale.blobs.add(data=[1, 2, 3])
    bias = np.float32(3.5)
    transposed = VALUES.transpose(0, 2, 3, 1)
    path = str(tmp_path / "out.caffemodel")
    write_caffemodel(path, "net", [(stale, [transposed, bias]), (relu, [])])

    expected = NetParameter(name="net")
    conv.blobs.extend([blob_of(transposed), blob_of(bias)])
    conv.blobs[1].shape.SetInParent()
    expected.layer.extend([conv, relu])
    assert NetParameter.FromString(open(path, "rb").read()) == expected
    np.testing.assert_array_equal(read_caffemodel(path)["conv1"][0], transposed)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.caffemodel"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.caffemodel"
    path.write_bytes(b"old")

    def layers():
        yield LayerParameter(name="a"), [VALUES]
        raise OSError("no space left on device")

    with pytest.raises(WeightsError, match="no space left"):
        write_caffemodel(str(path), "net", layers())
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.caffemodel"]
    with pytest.raises(WeightsError, match="cannot write"):
        write_caffemodel(str(tmp_path / "no folder" / "x"), "net", [])
