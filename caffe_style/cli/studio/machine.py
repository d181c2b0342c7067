"""The backends of this machine, as `caffe-style doctor` finds them."""

from __future__ import annotations

import functools
import json
import logging
import subprocess
from typing import Any, Dict

from ...system.workers import start_worker


@functools.lru_cache(maxsize=1)
def find_backends() -> Dict[str, str]:
    """Return the description of each backend by its name.

    This takes some seconds. A process of its own looks, since the libraries of hardware are large, and a fault
    in one of them would end this process.
    """
    process = start_worker(
        "caffe_style.cli",
        ["doctor", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process.stdout, process.stdin:
        told = process.stdout.read()
    try:
        found: Dict[str, Any] = json.loads(told)
    except ValueError:
        logging.getLogger("caffe_style").warning(
            "`caffe-style doctor` gives no report: the page offers the backend cpu only"
        )
        found = {"backends": ["cpu"]}
    return {name: _described(name, found.get(name)) for name in found["backends"]}


def _described(name: str, hardware: Any) -> str:
    names = list(hardware.values()) if isinstance(hardware, dict) else []
    return "%s: %s" % (name, names[0]) if names else name
