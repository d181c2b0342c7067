"""Fields that a program adds to LayerParameter: the parameters of layer types of its own.

Protobuf allows that as extensions, which text spells `[package.field]`. Here a prototxt spells them as all
others: `to_extensions` puts the brackets where the parser wants them, `from_extensions` takes them away.
"""

from __future__ import annotations

import re
import zlib
from typing import Any, Dict, List, Mapping

from google.protobuf import descriptor_pb2

from ...errors import OptionError
from . import caffe_pb2

_PACKAGE = caffe_pb2.DESCRIPTOR.package
_FIRST, _COUNT = 10000000, 2**29 - 10000000

_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    bool: _Field.TYPE_BOOL,
    int: _Field.TYPE_INT64,
    float: _Field.TYPE_FLOAT,
    str: _Field.TYPE_STRING,
}
#: A string, a comment, or a name.
_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*|[A-Za-z_][\w.]*')
_EXTENSION = re.compile(r"^(\s*)\[%s\.(\w+)\]" % re.escape(_PACKAGE), re.MULTILINE)

#: Name of an added field -> its descriptor, and what it was declared with.
_ADDED: Dict[str, Any] = {}
_DECLARED: Dict[str, Dict[str, Any]] = {}


def add_field(name: str, defaults: Mapping[str, Any]) -> Any:
    """Add the message field `name`, whose own fields have these defaults, to LayerParameter.

    Parameters
    ----------
    name : str
        Ends in "_param".
    defaults : dict of str to bool, int, float, str or list
        [float], a list of a type, declares a repeated field of it.

    Returns
    -------
    FieldDescriptor
        The key of `layer_parameter.Extensions`.

    Raises
    ------
    OptionError
        For a name that is taken or no name, or a default of another type.
    """
    defaults = dict(defaults)
    if name in _ADDED:
        if _DECLARED[name] != defaults:
            raise OptionError("%s is there already with other fields: restart Python" % name)
        return _ADDED[name]
    if not re.match(r"[a-z]\w*_param$", name):
        raise OptionError("a layer's field is called something_param, not '%s'" % name)
    messages = caffe_pb2.DESCRIPTOR.message_types_by_name.values()
    if any(name in message.fields_by_name for message in messages):
        raise OptionError("%s is a field of Caffe's: choose another name" % name)
    pool = caffe_pb2.DESCRIPTOR.pool
    pool.AddSerializedFile(_describe(name, defaults).SerializeToString())
    field = pool.FindExtensionByName("%s.%s" % (_PACKAGE, name))
    # Protobuf before 4 does not find it by itself.
    if hasattr(caffe_pb2.LayerParameter, "RegisterExtension"):
        caffe_pb2.LayerParameter.RegisterExtension(field)
    _ADDED[name], _DECLARED[name] = field, defaults
    return field


def _describe(name: str, defaults: Mapping[str, Any]) -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="%s.proto" % name, package=_PACKAGE, syntax="proto2"
    )
    file.dependency.append(caffe_pb2.DESCRIPTOR.name)
    message = file.message_type.add(name="Own_%s" % name)
    for number, (key, default) in enumerate(defaults.items(), 1):
        repeated = isinstance(default, list) and len(default) == 1
        kind = _TYPES.get(default[0] if repeated else type(default))
        if kind is None:
            raise OptionError(
                "%s.%s: the default must be a bool, int, float or str, or a list of one such type, not %r"
                % (name, key, default)
            )
        field = message.field.add(name=key, number=number, type=kind)
        field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
        if not repeated:
            field.default_value = (
                str(default).lower() if isinstance(default, bool) else str(default)
            )
    # The same number in every process, so that a message can be sent from one to another.
    number = _FIRST + zlib.crc32(name.encode()) % _COUNT
    extension = file.extension.add(name=name, number=number, type=_Field.TYPE_MESSAGE)
    extension.label = _Field.LABEL_OPTIONAL
    extension.type_name = ".%s.%s" % (_PACKAGE, message.name)
    extension.extendee = ".%s.LayerParameter" % _PACKAGE
    return file


def field_names(message: str) -> List[str]:
    """Names of the fields of a message, Caffe's or that of an added field."""
    types = [field.message_type for field in _ADDED.values()]
    types += caffe_pb2.DESCRIPTOR.message_types_by_name.values()
    return [name for each in types if each.name == message for name in each.fields_by_name]


def added_field(name: str) -> Any:
    """The descriptor of an added field, None where there is none of this name."""
    return _ADDED.get(name)


def to_extensions(text: str) -> str:
    """A prototxt whose added fields are spelled as the parser wants them."""
    if not _ADDED:
        return text
    return _TOKEN.sub(
        lambda match: "[%s.%s]" % (_PACKAGE, match[0]) if match[0] in _ADDED else match[0], text
    )


def from_extensions(text: str) -> str:
    """The way back."""
    return _EXTENSION.sub(r"\1\2", text)
