"""Free memory: the smallest of the amounts that the machine, control groups and the process's limit leave."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Iterator, List, Optional, Tuple

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")

#: Files of a control group: its limit, its use, and the entry for file cache, which is freed on demand.
_VERSION_1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
_VERSION_2 = "memory.max", "memory.current", "inactive_file"


def available_bytes() -> Optional[int]:
    """Return the bytes of memory that this process may still use, or None if the system does not say."""
    limits = [*_of_machine(), *_of_cgroups(), *_of_address_space()]
    return max(0, min(limits)) if limits else None


def as_text(size: float) -> str:
    """Return a size in bytes as text, such as '1.4 GB'."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return "%.3g %s" % (size, unit)
        size /= 1000
    return "%.3g GB" % size


def _of_machine() -> List[int]:
    try:
        lines = (PROC / "meminfo").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return [int(fields["MemAvailable"].split()[0]) * 1024]
    except (OSError, KeyError, ValueError):
        pass
    try:
        return [os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (ValueError, OSError, AttributeError):
        return []


def _of_cgroups() -> Iterator[int]:
    """Yield the memory that the control groups of this process, and their parents, leave."""
    for root, group, files in _memberships():
        inside = PurePosixPath(group).relative_to("/")
        # In a container its own group is often the root, and the reported path does not exist.
        for folder in [root / inside, *(root / parent for parent in inside.parents)]:
            try:
                yield _left(folder, *files)
            except (OSError, ValueError, KeyError):
                continue


def _memberships() -> Iterator[Tuple[Path, str, Tuple[str, str, str]]]:
    """Yield root, path and file names of each hierarchy that counts this process's memory."""
    try:
        lines = (PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, group = line.split(":", 2)
        if ".." in group.split("/"):
            group = "/"
        if number == "0":
            yield CGROUPS, group, _VERSION_2
            yield CGROUPS / "unified", group, _VERSION_2
        elif "memory" in controllers.split(","):
            yield CGROUPS / "memory", group, _VERSION_1


def _left(folder: Path, limit: str, used: str, cache: str) -> int:
    most = (folder / limit).read_text().strip()
    lines = (folder / "memory.stat").read_text().splitlines()
    statistics = dict(line.split() for line in lines)
    # Without a limit the file contains "max".
    return int(most) - int((folder / used).read_text()) + int(statistics.get(cache, 0))


def _of_address_space() -> List[int]:
    """Return the bytes that `ulimit -v` (RLIMIT_AS) leaves, as a list; empty without a limit."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        if most == resource.RLIM_INFINITY:
            return []
        pages = int((PROC / "self/statm").read_text().split()[0])
        return [most - pages * resource.getpagesize()]
    except (ImportError, AttributeError, OSError, ValueError):
        return []
