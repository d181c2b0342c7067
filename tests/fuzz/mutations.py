"""What happens to bytes, and to plain values."""

from __future__ import annotations

import random as standard
from typing import Any, Sequence

VALUES = (
    None,
    True,
    -1,
    0,
    1e308,
    float("nan"),
    10**30,
    "",
    "x" * 5000,
    "\x00",
    [],
    {},
    [[]],
    {"a": 1},
)


def mutated(content: bytes, random: standard.Random) -> bytes:
    """Cut, flip, repeat, remove or overwrite a few bytes."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        at, span = random.randrange(len(data) + 1), random.choice((1, 2, 4, 16, 64))
        kind = random.randrange(5)
        if kind == 0:
            del data[at:]
        elif kind == 1 and at < len(data):
            data[at] ^= 1 << random.randrange(8)
        elif kind == 2:
            data[at : at + span] = bytes(random.randrange(256) for _ in range(span))
        elif kind == 3:
            del data[at : at + span]
        else:
            data[at:at] = data[at : at + span] * random.choice((1, 2, 30))
    return bytes(data)


def changed(value: Any, random: standard.Random, others: Sequence[Any] = VALUES) -> Any:
    """A copy of a plain value in which something somewhere is another thing, or missing."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        name = random.choice(sorted(value))
        result = dict(value)
        if random.random() < 0.15:
            del result[name]
        else:
            result[name] = changed(value[name], random, others)
        return result
    if isinstance(value, list) and value and random.random() < 0.7:
        at = random.randrange(len(value))
        return value[:at] + [changed(value[at], random, others)] + value[at + 1 :]
    if random.random() < 0.03:
        return nested(random.choice((10, 20, 3000)))
    return random.choice(others)


def nested(depth: int) -> Any:
    """Lists in each other."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value
