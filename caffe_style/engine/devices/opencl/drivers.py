"""Which drivers OpenCL's loader is shown: the system's, and beside them Intel's where pip has installed it.

The loader looks into one folder, whose files `*.icd` name a driver's library each. pip does not write into the
system's, so a folder in the user's cache names the same drivers and Intel's.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib.util
import logging
import os
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

#: What the loader reads: on Linux a folder (ocl-icd and Khronos'), elsewhere libraries.
FOLDER_VARIABLE, LIBRARIES_VARIABLE = "OCL_ICD_VENDORS", "OCL_ICD_FILENAMES"
ON_LINUX = sys.platform.startswith("linux")
UNNAMED = "the system's drivers"
SYSTEM_FOLDER = "/etc/OpenCL/vendors"
INTEL_DRIVER = ("libintelocl.so", "intelocl64.dll")
#: What Intel's driver needs, in the order in which they need each other.
INTEL_SIBLINGS = ("libintlc.so.5", "libimf.so", "libsvml.so", "libirng.so", "libtbb.so.12")


def find_drivers() -> List[str]:
    """Libraries of the drivers, as the .icd files name them; the user's choice, where there is one, alone.

    What the loader finds where we do not look is `UNNAMED`.
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return _named_in(Path(chosen)) or [UNNAMED]
    if not ON_LINUX:
        return [*_installed("intel-opencl-rt", INTEL_DRIVER), UNNAMED]
    folders = [
        Path(os.environ.get("OPENCL_VENDOR_PATH") or SYSTEM_FOLDER),
        Path(sys.prefix, "etc", "OpenCL", "vendors"),  # conda's
        _pyopencl() / ".libs",  # PoCL's wheel
    ]
    found = _installed("intel-opencl-rt", INTEL_DRIVER)
    for folder in folders:
        found += _named_in(folder)
    return list(dict.fromkeys(found)) or [UNNAMED]


def environment_for(libraries: Sequence[str]) -> Dict[str, str]:
    """The environment in which the loader sees these drivers, for a process that has not loaded it yet."""
    if libraries == [UNNAMED]:
        return {}
    if ON_LINUX:
        return {FOLDER_VARIABLE: str(_folder_naming(tuple(sorted(libraries))))}
    intel = [library for library in libraries if library.endswith(INTEL_DRIVER)]
    if not intel or LIBRARIES_VARIABLE in os.environ:
        return {}
    # Windows looks for a library's siblings along the path.
    path = os.pathsep.join([str(Path(intel[0]).parent), os.environ.get("PATH", "")])
    return {LIBRARIES_VARIABLE: os.pathsep.join(intel), "PATH": path}


@contextlib.contextmanager
def shown(libraries: Sequence[str]) -> Iterator[None]:
    """The environment of `environment_for` while the loader is loaded and asked the first time.

    Afterwards what the user chose stands there again, for the next process and for the next list of drivers.
    """
    names = FOLDER_VARIABLE, LIBRARIES_VARIABLE
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ.update(environment_for(libraries))
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


def preload_siblings() -> None:
    """Load what Intel's driver needs: pip may have installed it elsewhere, where the driver does not look."""
    for name in INTEL_SIBLINGS:
        for package in ("intel-cmplr-lib-rt", "tbb"):
            for library in _installed(package, (name,)):
                ctypes.CDLL(library, ctypes.RTLD_GLOBAL)


@functools.cache
def cache_folder() -> Path:
    """Where our folders of drivers, and what was found out about devices, are kept."""
    import pooch

    folder = Path(pooch.os_cache("caffe_style")) / "opencl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=str(folder)):
            return folder
    except OSError as error:
        logging.getLogger("caffe_style").warning(
            "%s cannot be written (%s): OpenCL devices are tried anew at each start",
            folder,
            error.strerror,
        )
    import atexit

    temporary = tempfile.mkdtemp(prefix="caffe_style-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return Path(temporary)


def digest(*parts: object) -> str:
    """A name for a file in the cache, of what its content depends on."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


def _named_in(path: Path) -> List[str]:
    """The libraries that a folder's .icd files name, or one such file; not those that are not there."""
    files = sorted(path.glob("*.icd")) if path.is_dir() else [path] if path.is_file() else []
    named = []
    for file in files:
        try:
            library = file.read_text(errors="replace").strip()
        except OSError:
            continue
        beside = file.parent / library
        if beside.is_file():
            named.append(str(beside))
        elif library and os.sep not in library:  # the dynamic linker knows where
            named.append(library)
    return named


def _pyopencl() -> Path:
    spec = importlib.util.find_spec("pyopencl")
    return Path(spec.origin if spec and spec.origin else "").parent


def _installed(package: str, names: Sequence[str]) -> List[str]:
    """Those of these files that an installed package has."""
    try:
        files: Optional[list] = metadata.files(package)
    except metadata.PackageNotFoundError:
        return []
    found = (Path(str(file.locate())).resolve() for file in files or () if file.name in names)
    return [str(path) for path in found if path.is_file()]


@functools.cache
def _folder_naming(libraries: Sequence[str]) -> Path:
    """A folder with an .icd file for each; its name tells its content, so that nobody changes it."""
    folder = cache_folder() / ("drivers-" + digest(*libraries))
    if not folder.is_dir():
        made = Path(tempfile.mkdtemp(dir=str(cache_folder())))
        for number, library in enumerate(libraries):
            (made / ("%02d.icd" % number)).write_text(library + "\n")
        try:
            os.rename(str(made), str(folder))
        except OSError:  # another process was faster
            shutil.rmtree(str(made))
    return folder
