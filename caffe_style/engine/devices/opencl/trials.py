"""What became of drivers and devices in the process where they were tried, remembered in the user's cache.

A driver can end the process that uses it, and a compiler older than the processor does. So nothing of OpenCL is
loaded here before a process of its own (`trial`) has listed the drivers' devices and run our kernels on them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Callable, Dict, List

from ....errors import OptionError
from ....system.files import write_whole
from ..apart import run_apart
from . import drivers

TRIAL = __name__.rpartition(".")[0] + ".trial"
Faults = Dict[str, str]


def try_drivers() -> Faults:
    """Each driver's fault, empty for those that can list their devices all together."""
    libraries = drivers.find_drivers()
    return _remembered("drivers", [_drivers_state(libraries)], lambda: _list_all(libraries))


def try_device(name: str, libraries: List[str]) -> str:
    """The fault of the device that these drivers name so, empty where our kernels compute what they should."""

    def try_it() -> Faults:
        logging.getLogger("caffe_style").info("building kernels for %s, once", name)
        outcome = run_apart(TRIAL, name, drivers.environment_for(libraries))
        told = [answer for answer in outcome.answers if answer]
        return {name: told[0] if told else outcome.fault}

    return _remembered("device", [name, _kernels_digest()], try_it)[name]


def _list_all(libraries: List[str]) -> Faults:
    """The faults when all are listed together; where that fails, of each by itself."""
    fault = _list(libraries)
    if not fault:
        return dict.fromkeys(libraries, "")
    faults = {library: _list([library]) for library in libraries}
    working = [library for library in libraries if not faults[library]]
    fault = _list(working)
    faults.update((library, fault) for library in working)
    return faults


def _list(libraries: List[str]) -> str:
    return run_apart(TRIAL, None, drivers.environment_for(libraries)).fault if libraries else ""


def _drivers_state(libraries: List[str]) -> List[object]:
    """What changes when a driver is installed or changed."""
    # A library without a folder is found by the linker's cache, which is written when one is installed.
    files = ["/etc/ld.so.cache", *filter(os.path.isabs, libraries)]
    stats = [os.stat(path) for path in files if os.path.exists(path)]
    changed = [(each.st_size, each.st_mtime_ns) for each in stats]
    return [sorted(libraries), changed, os.environ.get("LD_LIBRARY_PATH")]


def _kernels_digest() -> str:
    """Of our kernels and of what launches them."""
    folder = Path(__file__).resolve().parent
    files = sorted(path for path in folder.iterdir() if path.suffix in (".cl", ".py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _processor() -> List[str]:
    """What tells one kind of processor from another."""
    try:
        lines = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    except OSError:
        return [platform.machine(), platform.processor()]
    return [line for line in lines if line.startswith(("model", "cpu family", "flags", "Features"))]


def _remembered(kind: str, parts: List[object], make: Callable[[], Faults]) -> Faults:
    """What `make` found out the first time, on such a processor: several machines may share a home."""
    key = drivers.digest(parts, _processor(), metadata.version("pyopencl"))
    path = drivers.cache_folder() / ("%s-%s.json" % (kind, key))
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        pass
    found = make()
    try:
        write_whole(path, lambda temporary: temporary.write_text(json.dumps(found, indent=1)))
    except OptionError as error:
        logging.getLogger("caffe_style").warning("%s", error)
    return found
