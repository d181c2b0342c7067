"""prototxt: a network as text."""

from __future__ import annotations

import os
import re
from typing import Any, Optional

from google.protobuf import text_format

from ...errors import PrototxtError
from ...system.files import check_regular, replace_file
from ..proto.caffe_pb2 import NetParameter
from ..proto.own_fields import from_extensions, to_extensions
from .unknown import explain_unknown
from .upgrade import upgrade

#: Characters of a parser's message that are shown.
_LONGEST = 200


class MissingPrototxtError(PrototxtError, RuntimeError):
    """A prototxt that cannot be opened; genuine pycaffe raises RuntimeError."""


def read_prototxt(path: str) -> Any:
    """Read a network definition, brought to the current format.

    Parameters
    ----------
    path : str
        The file. As in Caffe, an empty file and a folder give an empty net.

    Returns
    -------
    NetParameter

    Raises
    ------
    MissingPrototxtError
        Where the file cannot be opened; it is a RuntimeError too.
    PrototxtError
        Where it does not parse, with line and column.
    """
    if os.path.isdir(path):
        return NetParameter()
    return parse_net(read_text(path), path)


def parse_net(text: str, path: Optional[str] = None) -> Any:
    """Parse a network definition and bring it to the current format.

    Parameters
    ----------
    text : str
        The prototxt.
    path : str, optional
        Where it is from, for messages.

    Returns
    -------
    NetParameter

    Raises
    ------
    PrototxtError
        Where it does not parse or lacks a required field; with line and column where there are.
    """
    net = parse_message(NetParameter(), text, path)
    try:
        return upgrade(net)
    except PrototxtError as error:
        raise PrototxtError(str(error), path) from None


def read_text(path: str) -> str:
    """The text of a prototxt.

    Raises
    ------
    MissingPrototxtError
        Where the file cannot be opened; it is a RuntimeError too.
    PrototxtError
        Where it is not text.
    """
    try:
        check_regular(path)
        with open(path, "rb") as stream:
            content = stream.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MissingPrototxtError("Could not open file %s (%s)" % (path, reason)) from None
    if b"\0" in content:
        raise PrototxtError("this is not text: is it a caffemodel given as a prototxt?", path)
    # Comments come in any encoding; only names must be UTF-8.
    return content.decode("utf-8-sig", "replace")


def parse_message(message: Any, text: str, path: Optional[str] = None) -> Any:
    """Parse text into a message of any type, and return it; the rest is as for `parse_net`."""
    try:
        text_format.Parse(to_extensions(text), message)
    except text_format.ParseError as error:
        raise PrototxtError(
            _explain(error, text), path, error.GetLine(), error.GetColumn()
        ) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise PrototxtError("this does not parse: %s" % error, path) from None
    missing = message.FindInitializationErrors()
    if missing:
        raise PrototxtError("required field missing: %s" % ", ".join(missing), path)
    return message


def write_prototxt(net: Any, path: str) -> None:
    """Write a message as text, whole or not at all.

    Parameters
    ----------
    net : NetParameter
        Or any other message.
    path : str
        The file.

    Raises
    ------
    PrototxtError
        Where it cannot be written.
    """
    text = text_format.MessageToString(net, as_utf8=True)
    try:
        replace_file(
            path, lambda temporary: temporary.write_text(from_extensions(text), encoding="utf-8")
        )
    except OSError as error:
        raise PrototxtError("cannot write: %s" % error.strerror, path) from None


def _explain(error: text_format.ParseError, text: str) -> str:
    """What the parser says, on one short line: no position, no quoted source, no name of our package."""
    message = re.sub(r"^\d+:\d+ : (?:'.*': )?", "", str(error), flags=re.DOTALL)
    message = message.replace("caffe_style.", "")
    if re.search(r'"?V1LayerParameter"? has no field named "layer"', message):
        return "layers { layer { ... } } is Caffe's V0 format: convert it with Caffe's upgrade_net_proto_text"
    message = message[:_LONGEST].rstrip(".") + explain_unknown(message, text, error.GetLine())
    # What is no network may be one line of a megabyte, with characters that a terminal obeys.
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in message)
