"""Drivers of OpenCL that end the process they are in are a row with its reason; which drivers are seen."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from caffe_style.engine.devices import apart
from caffe_style.engine.devices.opencl import drivers, trials

pytest.importorskip("pyopencl")
on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux's loader reads a folder of drivers"
)
REASON = "crashes (SIGABRT): LLVM ERROR: Cannot select"
#: While a device is listed, and while a kernel is built.
MOMENTS = ("-DWHILE_LISTING", "-DWHILE_BUILDING")


def compiled(folder, moment):
    """A folder with the .icd file of a driver that aborts at this moment."""
    compiler = os.environ.get("CC", "cc")
    source, library = Path(__file__).parent / "drivers" / "aborting.c", folder / "libaborting.so"
    try:
        subprocess.run(
            [compiler, "-shared", "-fPIC", moment, str(source), "-o", str(library)], check=True
        )
    except FileNotFoundError:
        pytest.skip("no C compiler (%s) here, for a driver that aborts" % compiler)
    vendors = folder / "vendors"
    vendors.mkdir()
    (vendors / "aborting.icd").write_text(str(library))
    return vendors


@pytest.fixture(params=MOMENTS)
def aborting(request, tmp_path, monkeypatch):
    """Only that driver is here, and nothing is known of it; PyTorch, which takes seconds to import, is not."""
    (tmp_path / "torch.py").write_text("raise ImportError('not here')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path.strip(os.pathsep))
    vendors = compiled(tmp_path, request.param)
    monkeypatch.setenv("OCL_ICD_VENDORS", str(vendors))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def python(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=str(ROOT),
        capture_output=True,
        text=True,
        timeout=300,
    )


@on_linux
def test_doctor_survives(aborting):
    first, second = (python("caffe_style", "doctor", "--json") for _ in range(2))
    for told in (first, second):
        assert told.returncode == 0, told.stderr
        [device] = json.loads(told.stdout)["opencl"].values()
        assert REASON in device
    assert "building kernels" not in second.stderr  # it is remembered
    outcomes = list((aborting / "cache" / "caffe_style" / "opencl").glob("*.json"))
    assert any(REASON in path.read_text() for path in outcomes)


@on_linux
def test_a_run_on_it_is_refused_in_one_line(aborting):
    told = python("caffe_style", "doctor", "--backends", "opencl")
    assert told.returncode == 2 and "Traceback" not in told.stderr
    assert REASON in told.stderr.splitlines()[-1] and str(aborting) in told.stderr


# The trial that the two tests above see at both moments stands before these, too.
@on_linux
@pytest.mark.parametrize("aborting", ["-DWHILE_BUILDING"], indirect=True)
def test_compare_survives(aborting):
    options = ["--backends", "opencl,numpy", "--model", "strokenet", "--size", "32"]
    told = python(
        *("caffe_style", "compare", *options, "--iterations", "1"),
        *("-o", str(aborting / "comparison")),
    )
    assert told.returncode == 0, told.stderr
    rows = json.loads((aborting / "comparison" / "compare.json").read_text())["rows"]
    assert REASON in rows[0]["error"] and "error" not in rows[1]


@on_linux
@pytest.mark.parametrize("aborting", ["-DWHILE_LISTING"], indirect=True)
def test_pytest_survives(aborting):
    told = python(
        "pytest",
        "-q",
        "-rs",
        "-p",
        "no:cacheprovider",
        "tests/engine/test_opencl.py",
        "-k",
        "test_pooling",
    )
    assert told.returncode == 0, told.stdout
    assert REASON in told.stdout and "passed" not in told.stdout


@on_linux
def test_drivers_beside_it_stay(tmp_path, monkeypatch):
    working = [driver for driver, fault in trials.try_drivers().items() if not fault]
    if not working:
        pytest.skip("no driver of OpenCL here, to stand beside one that aborts")
    vendors = compiled(tmp_path, "-DWHILE_LISTING")
    for number, driver in enumerate(working):
        (vendors / ("%d.icd" % number)).write_text(driver)
    monkeypatch.setenv("OCL_ICD_VENDORS", str(vendors))
    monkeypatch.setattr(drivers, "cache_folder", lambda: tmp_path)
    faults = trials.try_drivers()
    assert {driver for driver, fault in faults.items() if not fault} == set(working)
    assert faults[str(tmp_path / "libaborting.so")].startswith(REASON)


# -- which drivers are seen --------------------------------------------------------------------------


@pytest.fixture
def nothing_chosen(tmp_path, monkeypatch):
    """A system's folder with a driver, and a cache."""
    system = tmp_path / "system"
    system.mkdir()
    (system / "a.icd").write_text("libgpu.so.1\n")
    (system / "b.icd").write_text("/there/is/none.so\n")
    monkeypatch.delenv("OCL_ICD_VENDORS", raising=False)
    monkeypatch.setenv("OPENCL_VENDOR_PATH", str(system))
    monkeypatch.setattr(drivers, "cache_folder", lambda: tmp_path)
    return tmp_path


def test_intels_driver_stands_beside_the_systems(nothing_chosen, monkeypatch):
    monkeypatch.setattr(drivers, "_installed", lambda package, names: ["/intel/" + names[0]])
    found = drivers.find_drivers()
    assert (
        found[:2] == ["/intel/libintelocl.so", "libgpu.so.1"] and "/there/is/none.so" not in found
    )


@on_linux
def test_the_folder_names_the_drivers(nothing_chosen):
    folder = Path(
        drivers.environment_for(["libgpu.so.1", "/intel/libintelocl.so"])["OCL_ICD_VENDORS"]
    )
    assert folder.parent == nothing_chosen
    named = sorted(path.read_text().strip() for path in folder.iterdir())
    assert named == ["/intel/libintelocl.so", "libgpu.so.1"]
    assert drivers.environment_for(named)["OCL_ICD_VENDORS"] == str(folder)


@on_linux
def test_the_environment_is_the_users_again(nothing_chosen, monkeypatch):
    for chosen in (None, "/chosen"):
        if chosen:
            monkeypatch.setenv("OCL_ICD_VENDORS", chosen)
        with drivers.shown(["libgpu.so.1"]):
            assert os.environ["OCL_ICD_VENDORS"].startswith(str(nothing_chosen))
        assert os.environ.get("OCL_ICD_VENDORS") == chosen


def test_the_users_choice_stands_alone(nothing_chosen, monkeypatch):
    chosen = nothing_chosen / "chosen"
    chosen.mkdir()
    (chosen / "mine.icd").write_text("libmine.so\n")
    for choice in (chosen, chosen / "mine.icd"):
        monkeypatch.setenv("OCL_ICD_VENDORS", str(choice))
        assert drivers.find_drivers() == ["libmine.so"]


def test_where_no_file_names_a_driver_the_loader_decides(nothing_chosen, monkeypatch):
    monkeypatch.setenv("OCL_ICD_VENDORS", str(nothing_chosen / "none"))
    assert drivers.environment_for(drivers.find_drivers()) == {}
    monkeypatch.delenv("OCL_ICD_VENDORS")
    monkeypatch.setattr(drivers, "ON_LINUX", False)
    monkeypatch.setattr(drivers, "_installed", lambda package, names: ["C:/bin/intelocl64.dll"])
    found = drivers.find_drivers()
    assert found == ["C:/bin/intelocl64.dll", drivers.UNNAMED]
    assert drivers.environment_for(found)["OCL_ICD_FILENAMES"] == found[0]


def test_what_was_found_out_is_not_tried_again(nothing_chosen, monkeypatch):
    tried = []

    def run_apart(module, job, environment=None):
        tried.append(job)
        return apart.Outcome([], "crashes")

    monkeypatch.setattr(trials, "run_apart", run_apart)
    for digest in ("one", "one", "another"):
        monkeypatch.setattr(trials, "_kernels_digest", lambda digest=digest: digest)
        assert trials.try_device("a device (1.0)", []) == "crashes"
        assert trials.try_device("a device (1.1)", []) == "crashes"
    assert tried == 2 * ["a device (1.0)", "a device (1.1)"]


# -- processes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status, complaints, told",
    [
        (0, ["warning: nothing"], ""),
        (-6, ["LLVM ERROR", "In function: fma"], r"crashes \(SIGABRT\): In function: fma"),
        (-11, [], r"crashes \(SIGSEGV\): no message"),
        (-40, ["bye"], r"crashes \(signal 40\): bye"),
        (1, ["Traceback", "MemoryError"], "crashes: MemoryError"),
    ],
)
def test_ends(status, complaints, told):
    assert re.fullmatch(told, apart.how_it_ended(status, complaints))


@pytest.mark.parametrize("stuck", ["time.sleep(60)", "while True: pass"])
def test_a_process_that_is_stuck_ends_itself(stuck, tmp_path, monkeypatch):
    (tmp_path / "stuck.py").write_text(
        "import time\nfrom caffe_style.engine.devices.apart import Answering\n"
        "answering = Answering(0.5)\nprint('not an answer')\nanswering.tell('begun')\n%s\n" % stuck
    )
    monkeypatch.setattr(apart, "PLACE", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert apart.run_apart("stuck", None) == (["begun"], "takes too long")
