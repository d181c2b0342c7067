"""Records of batches that something else wrote."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, Iterator

from caffe_style.cli.batch.jobs import Job
from caffe_style.cli.batch.outcomes import Outcome, Record

ARGUMENTS = ["transfer", "a.png", "b.png"]
VALUES: tuple = (
    None,
    True,
    0,
    -1.5,
    1e400,
    "x",
    "",
    [],
    {},
    [[]],
    {"time": "x"},
    10**400,
    ARGUMENTS,
)


def _record(random: random.Random) -> Any:
    made = {
        "arguments": ARGUMENTS,
        "status": "made",
        "loss": 0.5,
        "seconds": 2.0,
        "parameters": None,
    }
    begun = {"begun": {"arguments": ARGUMENTS, "time": 1.0}}
    record: Any = {"out.png": {**made, **begun}}
    inner = [record, record["out.png"], record["out.png"]["begun"]]
    for _ in range(random.choice((1, 1, 2))):
        place = random.choice(inner)
        place[random.choice([*place, "out.png", "x"])] = random.choice(VALUES)
    return record


def cases(random: random.Random) -> Iterator[bytes]:
    """Yield files without end."""
    while True:
        text = bytearray(json.dumps(_record(random)).encode())
        kind = random.randrange(6)
        if kind == 0:
            del text[random.randrange(len(text)) :]
        elif kind == 1:
            text[random.randrange(len(text))] = random.randrange(256)
        elif kind == 2:
            text = bytearray(random.choice((b"[", b'{"a":')) * random.choice((3, 100_000)))
        yield bytes(text)


def read(path: Path) -> None:
    """Read one, and ask and add what a batch does.

    Raises
    ------
    CaffeStyleError
    """
    record = Record(Path(path))
    folder = Path(path).parent
    job = Job("here", tuple(ARGUMENTS), Path("out.png"), folder, Path("out.npz"))
    for name in ("out.png", "out.npz"):
        (folder / name).touch()
    record.kept(job)
    record.resumable(job)
    record.begin([job])
    record.add(job, Outcome("out.png", "failed"))
