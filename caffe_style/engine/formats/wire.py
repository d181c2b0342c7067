"""Protobuf's wire format, walked in place: where each field lies, without decoding what nobody asked for.

A field is a varint key (number << 3 | wire type) and a value: type 0 a varint, 1 eight bytes, 5 four bytes, 2 a
varint length and that many bytes. Groups (3 and 4) are not used by Caffe.
"""

from __future__ import annotations

from typing import Any, Iterator, Tuple

import numpy as np

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

#: More fields than any network has (a thousand layers are some 20000): each costs time and memory, so a
#: file of nothing but keys must end soon.
MAX_FIELDS = 100000


class BrokenWire(Exception):
    """Bytes that are no protobuf message; the text says where and why."""


class Truncated(BrokenWire):
    """A field that goes on after the end of the file; `number` is the field's, 0 where it is not known."""

    def __init__(self, message: str, number: int = 0) -> None:
        super().__init__(message)
        self.number = number


def read_varint(buffer: Any, position: int, end: int) -> Tuple[int, int]:
    """The unsigned 64-bit value at `position`, and the position after it."""
    value = shift = 0
    while True:
        if position >= end:
            raise Truncated("it ends within a number, at byte %d" % end)
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
        if shift >= 70:
            raise BrokenWire("the number before byte %d is longer than ten bytes" % position)


def write_varint(value: int) -> bytes:
    """The bytes of an unsigned value."""
    result = bytearray()
    while value >= 0x80:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)


def key(number: int, wire_type: int) -> bytes:
    """What a field begins with."""
    return write_varint(number << 3 | wire_type)


def as_int(value: int, bits: int) -> int:
    """A varint read as a signed number of that many bits."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


class Walker:
    """Walks messages in a buffer, and counts the fields it has seen.

    Parameters
    ----------
    buffer : bytes or mmap
        The file.
    """

    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer
        self._seen = 0

    def fields(self, start: int, end: int) -> Iterator[Tuple[int, int, Any]]:
        """(number, wire type, value) of each field of the message in [start, end).

        The value is the number itself for a varint, the (start, end) of the content for bytes. Fields of fixed
        size come in runs of equal keys, as unpacked arrays have them: the value is an (n, size) uint8 view.
        """
        position = start
        while position < end:
            self._seen += 1
            if self._seen > MAX_FIELDS:
                raise BrokenWire("it has more than %d fields" % MAX_FIELDS)
            at = position
            field, position = read_varint(self.buffer, position, end)
            number, wire_type = field >> 3, field & 7
            if not 0 < number < 1 << 29:
                raise BrokenWire("there is a field number %d at byte %d" % (number, at))
            if wire_type == VARINT:
                value, position = read_varint(self.buffer, position, end)
                yield number, wire_type, value
            elif wire_type == BYTES:
                length, position = read_varint(self.buffer, position, end)
                self._check_length(number, at, length, position, end)
                yield number, wire_type, (position, position + length)
                position += length
            elif wire_type in (FIXED32, FIXED64):
                size = 4 if wire_type == FIXED32 else 8
                self._check_length(number, at, size, position, end)
                rows = self._run(at, position - at, size, end)
                yield number, wire_type, rows[:, position - at :]
                position = at + rows.size
            else:
                raise BrokenWire("there is a wire type %d at byte %d" % (wire_type, at))

    def _check_length(self, number: int, at: int, length: int, position: int, end: int) -> None:
        if length <= end - position:
            return
        message = "at byte %d begin %d bytes, but only %d are left" % (at, length, end - position)
        if end == len(self.buffer):
            raise Truncated(message, number)
        raise BrokenWire(message)

    def _run(self, at: int, key_length: int, size: int, end: int) -> np.ndarray:
        """Rows of key and value from `at` on, as long as the key stays the same."""
        stride = key_length + size
        rows = np.frombuffer(self.buffer, np.uint8, (end - at) // stride * stride, at)
        rows = rows.reshape(-1, stride)
        first, count, block = rows[0, :key_length], 1, 16
        # In growing blocks, so that many short runs before a long tail cost no more than one long run.
        while count < len(rows):
            same = (rows[count : count + block, :key_length] == first).all(1)
            if not same.all():
                count += int(same.argmin())
                break
            count += len(same)
            block *= 2
        return rows[:count]
