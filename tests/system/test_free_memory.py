"""Free memory is that of the process's own control group, of those around it, and of its own limit."""

from __future__ import annotations

import subprocess
import sys

import pytest

from caffe_style.system import memory as free_memory

GIB = 1 << 30


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A machine with 64 GiB, as the files of /proc and /sys tell it."""
    monkeypatch.setattr(free_memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(free_memory, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(free_memory, "_of_address_space", list)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1 kB\nMemAvailable: %d kB\n" % (64 << 20))
    return tmp_path


def group(folder, version, limit, used, cache=0):
    folder.mkdir(parents=True, exist_ok=True)
    limit_file, used_file, cache_name = version
    (folder / limit_file).write_text("%s\n" % limit)
    (folder / used_file).write_text("%d\n" % used)
    (folder / "memory.stat").write_text("anon 1\n%s %d\n" % (cache_name, cache))


def test_without_groups_it_is_the_machine_s(system):
    assert free_memory.available_bytes() == 64 * GIB


@pytest.mark.parametrize("limits, left", [(("max", 8), 7), ((4, "max"), 3), ((4, 2), 1)])
def test_version_2_own_and_parent(system, limits, left):
    (system / "proc/self/cgroup").write_text("0::/user/job\n")
    folder = system / "cgroup/user"
    for place, limit in zip((folder, folder / "job"), limits):
        in_bytes = limit if limit == "max" else limit * GIB
        group(place, free_memory._VERSION_2, in_bytes, 2 * GIB, GIB)
    # Of 2 GiB used, 1 GiB is file cache.
    assert free_memory.available_bytes() == left * GIB


def test_version_1(system):
    (system / "proc/self/cgroup").write_text("5:cpu:/\n4:memory:/box/job\n0::/\n")
    group(system / "cgroup/memory/box/job", free_memory._VERSION_1, 3 * GIB, GIB)
    group(system / "cgroup/memory", free_memory._VERSION_1, 2**63 - 4096, GIB)
    assert free_memory.available_bytes() == 2 * GIB


@pytest.mark.parametrize("told", ["/docker/4711", "/../outside"])
def test_in_a_container_the_own_group_may_be_the_root(system, told):
    (system / "proc/self/cgroup").write_text("0::%s\n" % told)
    group(system / "cgroup", free_memory._VERSION_2, 5 * GIB, GIB)
    assert free_memory.available_bytes() == 4 * GIB


def test_never_less_than_nothing(system):
    (system / "proc/self/cgroup").write_text("0::/\n")
    group(system / "cgroup", free_memory._VERSION_2, GIB, 2 * GIB)
    assert free_memory.available_bytes() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS with /proc")
def test_the_limit_of_the_process_counts():
    program = (
        "import resource; from caffe_style.system.memory import available_bytes;"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)); print(available_bytes())"
    )
    found = int(subprocess.check_output([sys.executable, "-c", program]))
    assert (1 << 29) < found < 1 << 30
