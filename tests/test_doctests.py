"""The examples in the docstrings give what they say, and every public function has one."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import caffe_style

FOLDER = Path(caffe_style.__file__).parent


def _modules_with_examples():
    for path in sorted(FOLDER.rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(FOLDER.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("name", list(_modules_with_examples()))
def test_examples(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    if ">>> import torch\n" in Path(module.__file__).read_text(encoding="utf-8"):
        pytest.importorskip("torch")
    failed, tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert tried and not failed, capsys.readouterr().out


@pytest.mark.parametrize("module", ["caffe_style", "caffe_style.losses"])
def test_every_public_function_has_an_example(module):
    module = importlib.import_module(module)
    public = {name: getattr(module, name) for name in module.__all__}
    without = [
        name
        for name, found in public.items()
        if inspect.isfunction(found)
        and not found.__module__.startswith("caffe_style.engine")
        and ">>> " not in (found.__doc__ or "")
    ]
    assert not without
