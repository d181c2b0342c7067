"""Caffe's messages as generated code would show them: `NetParameter()`, `PoolingParameter.MAX`, `TRAIN`.

The classes are made from `schema.desc` (the compiled `schema.proto`) when this is imported. Generated code
would tie the package to a range of protobuf versions; a descriptor is understood by all of them. The pool is
private, so that genuine Caffe's messages may be loaded in the same process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper

_SCHEMA = Path(__file__).resolve().parent.parent / "schema.desc"


def _load() -> Dict[str, Any]:
    files = descriptor_pb2.FileDescriptorSet.FromString(_SCHEMA.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    if hasattr(message_factory, "GetMessageClass"):
        make_class = message_factory.GetMessageClass
    else:  # protobuf before 4.22
        make_class = message_factory.MessageFactory(pool).GetPrototype
    names: Dict[str, Any] = {}
    for file in files.file:
        for message in file.message_type:
            full_name = "%s.%s" % (file.package, message.name)
            names[message.name] = make_class(pool.FindMessageTypeByName(full_name))
        for enum in file.enum_type:
            descriptor = pool.FindEnumTypeByName("%s.%s" % (file.package, enum.name))
            names[enum.name] = enum_type_wrapper.EnumTypeWrapper(descriptor)
            names.update((value.name, value.number) for value in enum.value)
    return names


_names = _load()
globals().update(_names)
__all__ = sorted(_names)  # noqa: PLE0605
