"""Readers against broken files: each module here has `cases(random)`, which yields bytes, and `read(path)`.

`python -m tests.fuzz 20000` runs that many cases over all of them.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import random
from collections import Counter
from pathlib import Path
from typing import Any, Iterator, List

from caffe_style.errors import CaffeStyleError


def readers() -> List[Any]:
    """The modules, by name."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    return [
        importlib.import_module("%s.%s" % (__name__, name))
        for name in names
        if name not in ("__main__", "mutations")
    ]


def check(reader: Any, path: Path, count: int, seed: int) -> Counter:
    """Let a reader read so many cases; how often each thing happened.

    Raises
    ------
    AssertionError
        With the case, if an error was not one line of the family.
    """
    found: Counter = Counter()
    for content in itertools.islice(reader.cases(random.Random(seed)), count):
        path.write_bytes(content)
        try:
            reader.read(path)
            found["read"] += 1
        except CaffeStyleError as error:
            assert "\n" not in str(error), "%s: %r" % (reader.__name__, str(error))
            found[type(error).__name__] += 1
        except Exception as error:
            kept = path.with_name("failed-%s" % reader.__name__.rpartition(".")[2])
            kept.write_bytes(content)
            raise AssertionError(
                "%s: %r; the case is %s" % (reader.__name__, error, kept)
            ) from error
    return found


def forever(make: Any, random: random.Random) -> Iterator[bytes]:
    """Cases without end."""
    while True:
        yield make(random)
