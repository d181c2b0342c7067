"""Checkpoints."""

from __future__ import annotations

import io
import json
import random as standard
from pathlib import Path
from typing import Any, Iterator

import numpy as np

from caffe_style.runs.checkpoint import read_checkpoint
from caffe_style.runs.identity import saved_request
from caffe_style.settings.transfer import TransferSettings

from .metadata import NOTED
from .mutations import changed, mutated

RECORD = {"iteration": 1, "loss": 1.0, "terms": {"style conv1_1": 1.0}, "seconds": 1.0}
NETWORK = ("model", "backend", "device", "weights_file", "pooling", "mean")
HEADER = {
    "caffe_style": "checkpoint",
    "format": 1,
    "run": {
        "parameters": {**TransferSettings.of({}).parameters(), **NOTED, "seed": 0},
        "identity": {"network": "00"},
        "network": {**{name: NOTED[name] for name in NETWORK}, "seed": 0},
        "threads": 2,
        "tiles": [None],
        "folder": ".",
    },
    "scale": 0,
    "done": 1,
    "history": [{**RECORD, "evaluation": 0.5, "accepted": True}],
    "loss": 1.0,
    "step_length": 1.0,
    "fresh_starts": 1,
    "memory": 1,
}


def checkpoint(header: Any, save: Any, array: np.ndarray) -> bytes:
    """A file of this header, with memory of one step."""
    stream = io.BytesIO()
    try:
        text = json.dumps(header).encode()
    except RecursionError:
        text = b"[" * 3000
    point = np.zeros((1, 3, 4, 4))
    save(stream, header=np.frombuffer(text, np.uint8), point=point, step_0=array, change_0=point)
    return stream.getvalue()


def cases(random: standard.Random) -> Iterator[bytes]:
    whole = np.ones((1, 3, 4, 4))
    yield checkpoint(HEADER, np.savez, whole)
    while True:
        kind = random.randrange(3)
        if kind == 0:
            yield checkpoint(changed(HEADER, random), np.savez, whole)
        elif kind == 1:
            arrays = (
                whole[:, :2],
                whole.astype("f4"),
                np.full_like(whole, np.nan),
                whole.T,
                whole[0],
            )
            yield checkpoint(HEADER, np.savez, random.choice(arrays))
        else:
            save = random.choice((np.savez, np.savez, np.savez_compressed))
            content = checkpoint(HEADER, save, whole)
            if random.random() < 0.3:
                # A header that announces more than there is.
                content = content.replace(b"(1, 3, 4, 4)", b"(9, 9, 9, 9)")
            yield mutated(content, random)


def read(path: Path) -> None:
    saved_request(read_checkpoint(path).run)
