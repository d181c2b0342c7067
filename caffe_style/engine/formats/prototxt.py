"""Network definitions: prototxt text to a NetParameter, and back."""

from __future__ import annotations

import os
from typing import Any, Optional

from ...errors import PrototxtError
from ..proto.caffe_pb2 import NetParameter
from .upgrade import upgrade


class MissingPrototxtError(PrototxtError, RuntimeError):
    """There is no such file; a RuntimeError too, as in pycaffe."""


def parse_net(text: str, path: Optional[str] = None) -> Any:
    """Read a network definition, in the present or an older format.

    Parameters
    ----------
    text : str
        In protobuf's text format.
    path : str, optional
        Where it comes from, for error messages.

    Returns
    -------
    NetParameter
        In the present format.

    Raises
    ------
    PrototxtError
        With line and column, when the text does not parse.
    """
    from google.protobuf import text_format

    net = NetParameter()
    try:
        text_format.Parse(text, net)
    except text_format.ParseError as error:
        # The message begins with "line:column : ", which the exception holds as numbers too.
        line, column = error.GetLine(), error.GetColumn()
        message = " ".join(str(error).split())
        prefix = "%s:%s : " % (line, column)
        if message.startswith(prefix):
            message = message[len(prefix) :]
        # Our package name means nothing to the reader of a Caffe file.
        message = message.replace('"caffe_style.', '"')
        raise PrototxtError(message, path, line, column) from None
    try:
        upgrade(net)
    except PrototxtError as error:
        raise PrototxtError(str(error), path) from None
    return net


def read_prototxt(path: str) -> Any:
    """Read a network definition from a file; see `parse_net`.

    An empty file, or a folder, is an empty network, as in Caffe.

    Raises
    ------
    PrototxtError
        When the file is missing (then a RuntimeError too), is no text, or does not parse.
    """
    if os.path.isdir(path):
        return NetParameter()
    try:
        with open(path, encoding="utf-8") as file:
            return parse_net(file.read(), path)
    except FileNotFoundError:
        raise MissingPrototxtError("Could not open file %s" % path) from None
    except OSError as error:
        raise PrototxtError("cannot be read (%s)" % error.strerror, path) from error
    except UnicodeDecodeError:
        raise PrototxtError("is no text: a prototxt is wanted, not a caffemodel", path) from None


def format_net(net: Any) -> str:
    """A NetParameter as prototxt text."""
    from google.protobuf import text_format

    return text_format.MessageToString(net)
