"""An old pycaffe script runs unchanged on the engine."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.signal import correlate

SCRIPT = Path(__file__).parent / "scripts" / "features_2015.py"


def expected(pixels: np.ndarray) -> dict:
    """What the script prints, computed with numpy and scipy alone."""
    x = pixels[:, :, ::-1].transpose(2, 0, 1).astype(np.float64)
    x -= np.array([104.0, 117.0, 123.0])[:, None, None]
    filters = np.linspace(-1, 1, 108).reshape(4, 3, 3, 3)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    conv = np.stack([correlate(padded, kernel, "valid")[0] for kernel in filters])
    conv = np.maximum(conv + np.array([0.5, -0.5, 1, 0])[:, None, None], 0)
    pooled = conv.reshape(4, 6, 2, 6, 2).max((2, 4))
    weights = np.linspace(-1, 1, 2 * pooled.size).reshape(2, -1)
    down = np.zeros_like(padded)
    for kernel, response in zip(filters, conv):
        for y in range(12):
            for z in range(12):
                down[:, y : y + 3, z : z + 3] += kernel * response[y, z]
    down = down[:, 1:-1, 1:-1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    parameters = np.einsum("kyx,cyxij->kcij", conv, windows)
    return {
        "fc": weights @ pooled.ravel(),
        "same": [1],
        "stored": [0],
        "gradient": [down.sum(), np.abs(down).sum()],
        "parameters": [np.abs(parameters).sum()],
    }


@pytest.fixture
def arguments(tmp_path):
    if np.lib.NumpyVersion(np.__version__) < "1.20.0":
        pytest.skip("the expected values need numpy's sliding_window_view")
    pixels = np.random.RandomState(0).randint(0, 256, (12, 12, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(str(tmp_path / "picture.png"))
    return pixels, [str(tmp_path), str(tmp_path / "picture.png")]


def check(output: str, pixels: np.ndarray) -> None:
    printed = {
        line.split()[0]: [float(v) for v in line.split()[1:]] for line in output.splitlines()
    }
    assert printed.pop("picture")[0] < 1e-5
    for name, values in expected(pixels).items():
        scale = max(1, np.abs(values).max())
        assert np.allclose(printed.pop(name), values, rtol=1e-4, atol=1e-4 * scale), name
    assert not printed


def test_python_m_runs_a_script(arguments):
    pixels, paths = arguments
    command = [sys.executable, "-m", "caffe_style.engine", str(SCRIPT), *paths]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    check(result.stdout, pixels)


def test_install_as_caffe(arguments):
    pixels, paths = arguments
    code = (
        "import runpy, sys, caffe_style\n"
        "before = set(sys.modules)\n"
        "caffe_style.install_as_caffe()\n"
        "new = set(sys.modules) - before\n"
        "assert not [m for m in new if m.startswith('caffe') and m.split('.')[0] not in"
        " ('caffe', 'caffe_style')]\n"
        "import caffe, caffe.io, caffe.net_spec, caffe.proto.caffe_pb2\n"
        "assert caffe.io is caffe_style.engine.io\n"
        "sys.argv[1:2] = []\n"
        "runpy.run_path(%r, run_name='__main__')\n"
    ) % str(SCRIPT)
    command = [sys.executable, "-c", code, "x", *paths]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    check(result.stdout, pixels)


@pytest.mark.parametrize("genuine", [True, False])
def test_genuine_caffe_stays_unless_told_otherwise(tmp_path, genuine):
    package = tmp_path / "caffe"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = 'theirs'\n")
    if genuine:  # its compiled part is what the empty package of that name lacks
        (package / "_caffe.py").write_text("")
    code = (
        "import sys; sys.path.insert(0, %r); import caffe_style\n"
        "print(caffe_style.install_as_caffe().__version__)\n"
        "print(caffe_style.install_as_caffe(replace=True).__version__)\n"
    ) % str(tmp_path)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.split() == ["theirs" if genuine else "1.0.0", "1.0.0"], result.stderr
    assert ("genuine Caffe is here" in result.stderr) == genuine


def test_script_errors_and_exit_codes_are_the_scripts_own(tmp_path):
    (tmp_path / "a.py").write_text("import sys; print(sys.argv[1], __name__); sys.exit(3)")
    command = [sys.executable, "-m", "caffe_style.engine"]
    result = subprocess.run(command + [str(tmp_path / "a.py"), "x"], capture_output=True, text=True)
    assert (result.returncode, result.stdout.split()) == (3, ["x", "__main__"])
    result = subprocess.run(command + ["none.py"], capture_output=True, text=True)
    assert result.returncode == 2 and "none.py" in result.stderr


SPAWNING = """
import multiprocessing

def where(queue):
    import caffe, caffe.io, caffe.proto.caffe_pb2
    queue.put((caffe.__name__, caffe.io is caffe.__dict__["io"], caffe.TEST))

if __name__ == "__main__":
    import sys, caffe
    context = multiprocessing.get_context(sys.argv[1])
    queue = context.Queue()
    process = context.Process(target=where, args=(queue,))
    process.start()
    print(queue.get(timeout=120))
    process.join()
"""


@pytest.mark.parametrize(
    "way, method",
    [("script", "spawn"), ("module", "spawn"), ("program", "spawn"), ("script", "forkserver")],
)
def test_spawned_processes_find_the_engine(tmp_path, way, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("this system has no " + method)
    (tmp_path / "spawning.py").write_text(SPAWNING)
    # A folder of that name beside the script, as in Caffe's sources, is not taken for Caffe.
    (tmp_path / "caffe").mkdir()
    command = {
        "script": [sys.executable, "-m", "caffe_style.engine", "spawning.py"],
        "module": [sys.executable, "-m", "caffe_style.engine", "-m", "spawning"],
        "program": [sys.executable, "program.py"],
    }[way]
    (tmp_path / "program.py").write_text(
        "import caffe_style; caffe_style.install_as_caffe()\n" + SPAWNING
    )
    root = str(Path(__file__).resolve().parents[2])
    environment = dict(os.environ, PYTHONPATH=root)
    result = subprocess.run(
        command + [method], cwd=str(tmp_path), env=environment, capture_output=True, text=True
    )
    assert result.stdout.strip() == "('caffe_style.engine', True, 1)", result.stderr


def test_python_m_runs_a_module(tmp_path):
    (tmp_path / "tool.py").write_text(
        "import sys, caffe; print(caffe.__version__, sys.argv[1:], __name__); sys.exit(4)"
    )
    root = str(Path(__file__).resolve().parents[2])
    environment = dict(os.environ, PYTHONPATH=root)
    command = [sys.executable, "-m", "caffe_style.engine", "-m"]
    result = subprocess.run(
        command + ["tool", "-x"], cwd=str(tmp_path), env=environment, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (4, "1.0.0 ['-x'] __main__\n"), result.stderr
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2 and "name of a module" in result.stderr


NO_GPU = """
import sys, caffe_style
caffe_style.install_as_caffe({gpu})
from caffe_style.engine.devices import make_device
import caffe_style.engine.modes as modes
from caffe_style.errors import BackendError
def nothing(name, index=0):
    if name in ("cuda", "opencl"):
        raise BackendError("no %s" % name)
    return use(name, index)
use, modes.use_device = modes.use_device, nothing
import caffe
caffe.set_device(0)
for _ in range(2):
    caffe.set_mode_gpu()
print(caffe.current_device().name in ("cpu", "numpy"))
"""


@pytest.mark.parametrize("way", ["argument", "environment", None])
def test_set_mode_gpu_without_a_gpu(way):
    environment = dict(os.environ)
    environment.pop("CAFFE_STYLE_GPU", None)
    if way == "environment":
        environment["CAFFE_STYLE_GPU"] = "cpu"
    code = NO_GPU.replace("{gpu}", "gpu='cpu'" if way == "argument" else "")
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if way is None:
        assert result.returncode == 1 and "CAFFE_STYLE_GPU=cpu" in result.stderr
        return
    assert result.stdout == "True\n", result.stderr
    assert result.stderr.count("no GPU here") == 1 and len(result.stderr.splitlines()) == 1


def test_install_as_caffe_knows_one_way_without_a_gpu():
    code = "import caffe_style; caffe_style.install_as_caffe(gpu='yes')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "OptionError: gpu must be None or" in result.stderr
