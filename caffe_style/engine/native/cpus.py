"""How many processors this process may use: its affinity, and the quota of its control group."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Optional

ROOT = Path("/sys/fs/cgroup")


def available_cpus() -> int:
    """Processors for the kernels' threads: at least 1; OMP_NUM_THREADS, where set, is an upper bound."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # neither macOS nor Windows has it
        count = os.cpu_count() or 1
    quota = cgroup_quota()
    if quota is not None:
        count = min(count, math.ceil(quota))
    wished = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if wished.isdigit() and int(wished):
        count = min(count, int(wished))
    return max(count, 1)


def cgroup_quota(root: Path = ROOT, own: Path = Path("/proc/self/cgroup")) -> Optional[float]:
    """Processors that the control groups (version 2 or 1) allow, or None where nothing limits them."""
    limits = []
    for line in _read(own).splitlines():
        _, controllers, group = line.split(":", 2)
        names = controllers.split(",")
        if controllers and "cpu" not in names:
            continue
        base = root if not controllers else root / ("cpu,cpuacct" if "cpuacct" in names else "cpu")
        if not base.is_dir():
            base = root / "cpu"
        # A limit of any group above holds too; inside a container only the top may be visible.
        folder = base / group.lstrip("/")
        while True:
            limits.append(_version_2(folder) if not controllers else _version_1(folder))
            if folder in (base, folder.parent):
                break
            folder = folder.parent
    found = [limit for limit in limits if limit]
    return min(found) if found else None


def _version_2(folder: Path) -> Optional[float]:
    fields = _read(folder / "cpu.max").split()
    return float(fields[0]) / float(fields[1]) if len(fields) == 2 and fields[0] != "max" else None


def _version_1(folder: Path) -> Optional[float]:
    quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    return float(quota) / float(period) if quota and period and float(quota) > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
