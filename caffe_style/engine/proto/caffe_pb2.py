"""Caffe's message classes, made of the compiled schema when this module is imported.

It offers what protoc's generated module of Caffe's schema offers: every message class (`NetParameter`,
`LayerParameter`, `BlobProto`, ...), the enum `Phase` and its values `TRAIN` and `TEST`. Generated code is tied
to the protobuf release that made it; a compiled schema is not, so any runtime from 3.12 on serves. The classes
live in a pool of their own: genuine Caffe's module can be loaded in the same process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper

_SCHEMA = Path(__file__).resolve().parent.parent / "schema.desc"


def _load(schema: Path) -> Any:
    """Descriptor of the schema's file, in a fresh pool."""
    files = descriptor_pb2.FileDescriptorSet.FromString(schema.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool.FindFileByName(files.file[-1].name)


def _message_class(descriptor: Any) -> Any:
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return _factory.GetPrototype(descriptor)


DESCRIPTOR = _load(_SCHEMA)
# Before protobuf 4.22 one factory must make all classes, or a field's class is not the module's.
_factory = None
if not hasattr(message_factory, "GetMessageClass"):
    _factory = message_factory.MessageFactory(DESCRIPTOR.pool)

for _name, _descriptor in DESCRIPTOR.message_types_by_name.items():
    globals()[_name] = _message_class(_descriptor)
for _name, _enum in DESCRIPTOR.enum_types_by_name.items():
    globals()[_name] = enum_type_wrapper.EnumTypeWrapper(_enum)
    globals().update((_value.name, _value.number) for _value in _enum.values)
