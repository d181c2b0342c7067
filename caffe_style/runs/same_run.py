"""Checking that a run is the one that was saved."""

from __future__ import annotations

import hashlib
from typing import Any, Dict

import numpy as np

from ..errors import CheckpointError
from ..settings.transfer import TransferSettings

#: Parameters that may differ when a run is resumed: names of files, and the backend.
_NAMES = (
    "content",
    "style",
    "segments",
    "model",
    "weights_file",
    "device",
    "network_seed",
    "threads",
    "version",
)


#: First words of the identity of a network with random filters.
RANDOM = "random filters"


def check_same_run(path: str, saved: Dict[str, Any], run: Dict[str, Any]) -> None:
    """Raise CheckpointError, naming the difference, unless a run is the saved one.

    Files may have other names, but must have the same content.
    """
    before, now = saved["identity"], run["identity"]
    for name in sorted(set(before) | set(now)):
        if before.get(name) != now.get(name) and not (
            name == "network" and _same_random_filters(saved, run)
        ):
            raise CheckpointError(
                "%s: this run began with another %s: restore it, or start a new run" % (path, name)
            )
    # A setting that an older version did not have meant what the setting says, or its default.
    older = {
        one.name: one.default if one.before is None else one.before
        for one in TransferSettings.list()
        if one.before is not None or not one.of_model
    }
    before, now = {**older, **saved["parameters"]}, run["parameters"]
    for name in now:
        if name in before and name not in _NAMES and before[name] != now[name]:
            raise CheckpointError(
                "%s: this run has %s %s, not %s: leave the option out, or start a new run"
                % (path, name.replace("_", " "), before.get(name), now[name])
            )


def _same_random_filters(saved: Dict[str, Any], run: Dict[str, Any]) -> bool:
    """Return whether an older checkpoint, with a hash of the filters' bits, is of these random filters."""
    before, now = saved["identity"].get("network"), run["identity"]["network"]
    if not now.startswith(RANDOM) or str(before).startswith(RANDOM):
        return False
    return all(saved["network"].get(name) == run["network"][name] for name in ("model", "seed"))


def digest(*values: np.ndarray) -> str:
    """Return a hash of the shapes, types and values of arrays."""
    found = hashlib.blake2b(digest_size=16)
    for value in values:
        found.update(repr((value.shape, value.dtype.str)).encode())
        found.update(np.ascontiguousarray(value))
    return found.hexdigest()
