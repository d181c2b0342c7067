"""prototxt: every definition there is parses, and what is wrong is said in one line with its place."""

from __future__ import annotations

import os

import numpy as np
import pytest
from conftest import REFERENCE, ROOT

from caffe_style.engine.formats.prototxt import (
    MissingPrototxtError,
    parse_net,
    read_prototxt,
    write_prototxt,
)
from caffe_style.engine.proto.caffe_pb2 import TEST, TRAIN, NetParameter, PoolingParameter
from caffe_style.errors import PrototxtError

TEXT = """# a comment
name: "net"
force_backward: true
layer { name: 'data' type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer <
  name: "pool" type: "Pooling" bottom: "data" top: "pool"; include: { phase: TRAIN stage: ["a", "b"] }
  pooling_param { pool: AVE kernel_size: 0x3, stride: 2 }
>
"""


def test_text_is_read():
    net = parse_net(TEXT)
    assert (net.name, net.force_backward, [layer.name for layer in net.layer]) == (
        "net",
        True,
        ["data", "pool"],
    )
    data, pool = net.layer
    assert list(data.input_param.shape[0].dim) == [1, 3, 8, 8]
    assert pool.include[0].phase == TRAIN and list(pool.include[0].stage) == ["a", "b"]
    assert pool.pooling_param.pool == PoolingParameter.AVE
    assert (pool.pooling_param.kernel_size, pool.pooling_param.stride) == (3, 2)


def test_recorded_definitions_parse():
    paths = sorted(REFERENCE.glob("*.npz"))
    assert paths
    for path in paths:
        with np.load(str(path)) as case:
            text = str(case["prototxt"])
        net = parse_net(text, path.name)
        assert len(net.layer) == text.count("layer {"), path.name
        assert parse_net(str(net)) == net


def test_shipped_definitions_parse():
    paths = sorted((ROOT / "prototxt").glob("**/*.prototxt"))
    assert paths
    for path in paths:
        net = read_prototxt(str(path))
        assert net.layer and net.layer[0].type == "Input", path.name


# (text, line, column, a part of the message)
WRONG = [
    ('name: "a"\nlayer { type "ReLU" }', 2, 14, 'Expected ":"'),
    (
        "layer {\n  nonsense: 3\n}",
        2,
        3,
        'Message type "LayerParameter" has no field named "nonsense"',
    ),
    ("layer { relu_param { slope: 1 } }", 1, 22, '"ReLUParameter" has no field named "slope"'),
    ("layer { lrn_param { alpha: abc } }", 1, 28, "Couldn't parse float: abc"),
    ("layer { pooling_param { pad: -1 } }", 1, 30, "Value out of range: -1"),
    ("layer { pooling_param { pool: MIX } }", 1, 31, '"PoolingParameter.PoolMethod" has no value'),
    ("layers { type: CONV }", 1, 16, '"V1LayerParameter.LayerType" has no value named CONV'),
    ("layer { name: 3 }", 1, 15, "Expected string"),
    ('layer { name: "a }', 1, 15, "missing ending quote"),
    ("force_backward: maybe", 1, 17, 'Expected "true" or "false"'),
    ('name: "a"\n\nname: "b"', 3, 7, 'multiple "name" fields'),
    ('layer { name: "a"\n', None, None, 'Expected "}"'),
    ("}", 1, 1, "Expected identifier"),
    ("layer: 3", 1, 8, 'Expected "{"'),
    ('layers { layer { type: "conv" } }', 1, 10, "V0 format"),
    ("[some.extension]: 3", 1, None, "extensions"),
    (r'name: "\xff"', 1, None, "utf-8"),
]


@pytest.mark.parametrize("text, line, column, part", WRONG, ids=[case[0] for case in WRONG])
def test_wrong_text_is_told_with_its_place(text, line, column, part):
    with pytest.raises(PrototxtError) as caught:
        parse_net(text, "net.prototxt")
    error, message = caught.value, str(caught.value)
    assert part in message and "\n" not in message and "caffe_style" not in message
    assert message.startswith("net.prototxt:%d:%d: " % (error.line, error.column))
    assert line is None or error.line == line
    assert column is None or error.column == column


def test_required_fields_are_told():
    with pytest.raises(PrototxtError, match=r"net: required field missing: .*clip_param\.max"):
        parse_net("layer { clip_param { min: 0 } }", "net")


def test_faults_of_old_formats_name_the_file():
    with pytest.raises(PrototxtError, match="^net: the net has both"):
        parse_net("layer { } layers { }", "net")


def test_message_stays_short_and_printable():
    for text in ('"' + "x" * 100000, "\x1b[31m" * 1000, "layer { " * 5000, "a" * 100000):
        with pytest.raises(PrototxtError) as caught:
            parse_net(text, "net")
        assert len(str(caught.value)) < 300 and str(caught.value).isprintable()


@pytest.mark.parametrize("kind", ["empty", "comment", "folder"])
def test_nothing_is_an_empty_net(tmp_path, kind):
    path = tmp_path / "net.prototxt"
    if kind == "folder":
        path.mkdir()
    else:
        path.write_text("" if kind == "empty" else "# nothing\n")
    assert read_prototxt(str(path)) == NetParameter()


def test_missing_file_is_also_a_runtime_error(tmp_path):
    path = str(tmp_path / "no.prototxt")
    with pytest.raises(RuntimeError, match="^Could not open file ") as caught:
        read_prototxt(path)
    assert isinstance(caught.value, PrototxtError) and path in str(caught.value)
    with pytest.raises(MissingPrototxtError):
        read_prototxt("zero\0byte")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_text_in_wide_characters_is_refused(tmp_path, encoding):
    path = tmp_path / "net.prototxt"
    path.write_bytes(TEXT.encode(encoding))
    with pytest.raises(PrototxtError, match="net.prototxt: this is not text"):
        read_prototxt(str(path))


def test_caffemodel_as_prototxt_is_refused(tmp_path):
    path = tmp_path / "net.prototxt"
    net = NetParameter(name="net")
    net.layer.add(name="c").blobs.add(data=[0.0, 1.0])
    path.write_bytes(net.SerializeToString())
    with pytest.raises(PrototxtError, match="caffemodel"):
        read_prototxt(str(path))


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode("utf-8-sig"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("a comment", "caf\xe9").encode("latin-1"),
    ],
    ids=["byte order mark", "carriage returns", "latin-1 comment"],
)
def test_text_of_any_editor_is_read(tmp_path, content):
    path = tmp_path / "net.prototxt"
    path.write_bytes(content)
    assert read_prototxt(str(path)) == parse_net(TEXT)


def test_written_file_reads_the_same(tmp_path):
    net = parse_net(TEXT)
    net.state.phase = TEST
    net.layer[0].name = "donn\xe9es"
    path = str(tmp_path / "net.prototxt")
    write_prototxt(net, path)
    assert read_prototxt(path) == net
    assert os.listdir(str(tmp_path)) == ["net.prototxt"]


def test_failed_write_leaves_nothing(tmp_path):
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(PrototxtError, match="cannot write"):
        write_prototxt(parse_net(TEXT), str(target))
    assert os.listdir(str(tmp_path)) == ["folder"]
