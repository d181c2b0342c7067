"""Protobuf's wire format, walked without decoding: what a file of weights needs, and no more.

A message is a run of fields; a field is a tag (number and wire type, a varint) and a value. Walking a memory
map of a file touches only the bytes that are asked for. Every length is checked against the bytes that are
there, so that a broken or hostile file ends in `WireError`.
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Union

import numpy as np

VARINT, FIXED64, BYTES, START_GROUP, END_GROUP, FIXED32 = range(6)


class WireError(ValueError):
    """The bytes are no protobuf message.

    Attributes
    ----------
    truncated : bool
        They end in the middle of one: a download that was cut, most likely.
    """

    def __init__(self, message: str, truncated: bool = False) -> None:
        super().__init__(message)
        self.truncated = truncated


class Field(NamedTuple):
    """One field: its number, wire type, and value (an int for VARINT, else the bytes).

    A run of FIXED32 or FIXED64 fields of one number, an unpacked array, comes as one field with all the bytes.
    """

    number: int
    wire_type: int
    value: Union[int, memoryview]


def read_varint(data: memoryview, position: int) -> tuple:
    """An unsigned integer of up to 64 bits at `position`, and the position after it."""
    result = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise WireError("ends inside a number", truncated=True)
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, position
    raise WireError("a number of more than 64 bits")


def fields(data: memoryview) -> Iterator[Field]:
    """Walk the fields of a message.

    Raises
    ------
    WireError
        When the bytes are none.
    """
    position, end = 0, len(data)
    while position < end:
        first = position
        tag, position = read_varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise WireError("a field without a number")
        if wire_type == VARINT:
            value, position = read_varint(data, position)
            yield Field(number, wire_type, value)
            continue
        if wire_type == BYTES:
            length, position = read_varint(data, position)
        elif wire_type in (FIXED32, FIXED64):
            length = 4 if wire_type == FIXED32 else 8
            run = _run_length(data, first, position - first, length)
            if run > 1:
                step = position - first + length
                entries = np.frombuffer(data[first : first + run * step], np.uint8)
                values = entries.reshape(run, step)[:, -length:]
                yield Field(number, wire_type, memoryview(values.tobytes()))
                position = first + run * step
                continue
        else:
            raise WireError("a field of an unknown kind")
        if length > end - position:
            raise WireError("a field goes on past the end", truncated=True)
        yield Field(number, wire_type, data[position : position + length])
        position += length


def _run_length(data: memoryview, first: int, tag_size: int, length: int) -> int:
    """How many fields in a row have the tag at `first`: an unpacked array is one field a number."""
    step = tag_size + length
    entries = np.frombuffer(data[first:], np.uint8)
    entries = entries[: len(entries) // step * step].reshape(-1, step)
    # In pieces: most fixed-size fields stand alone, and then the first piece says so.
    run, piece = 0, 16
    while run < len(entries):
        same = (entries[run : run + piece, :tag_size] == entries[0, :tag_size]).all(1)
        if not same.all():
            return run + int(same.argmin())
        run += len(same)
        piece = min(piece * 8, 1 << 20)
    return run


def varints(field: Field) -> Iterator[int]:
    """The integers of a repeated field's entry, packed or not; negative ones as int64.

    Raises
    ------
    WireError
        When the field holds something else.
    """
    if field.wire_type == VARINT:
        yield _signed(field.value)
        return
    if field.wire_type != BYTES:
        raise WireError("an integer of an unknown kind")
    position = 0
    while position < len(field.value):
        value, position = read_varint(field.value, position)
        yield _signed(value)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def floats(field: Field, dtype: str) -> np.ndarray:
    """The numbers of a repeated field's entry, packed or not: a view of the bytes.

    Parameters
    ----------
    field : Field
    dtype : {"<f4", "<f8"}

    Raises
    ------
    WireError
        When the bytes are no whole number of them.
    """
    size = np.dtype(dtype).itemsize
    if field.wire_type not in (BYTES, FIXED32 if size == 4 else FIXED64):
        raise WireError("an array of an unknown kind")
    if len(field.value) % size:
        raise WireError("an array with a part of a number")
    return np.frombuffer(field.value, dtype)


def varint(value: int) -> bytes:
    """The bytes of an unsigned integer."""
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)


def header(number: int, length: int) -> bytes:
    """What stands before `length` bytes of field `number`."""
    return varint(number << 3 | BYTES) + varint(length)
