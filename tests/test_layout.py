"""Folders import one another in one direction only, and say truly what they import; files are short."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import Dict, Iterator, Set

import pytest
from conftest import ROOT

PACKAGE = ROOT / "caffe_style"

#: Each imports only from those below it. `caffe_style` are the names that users see, which lead to the rest.
ORDER = [
    *["cli", "caffe_style", "experiments", "runs", "watch", "scene", "objective", "optimise"],
    *["losses", "networks", "backends", "stand_in", "engine", "pictures", "settings", "system"],
    "errors",
]
#: The most lines of a file above the engine.
MOST_LINES = 250
#: The one of these names that every folder may read.
VERSION = "caffe_style.__version__"


def imported(node: ast.AST, package: str) -> Iterator[str]:
    """The full names that a piece of a module of this package imports, in its functions too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
            child = ast.Module(child.orelse, [])
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            above = package.rsplit(".", child.level - 1)[0] if child.level else ""
            module = ".".join(filter(None, [above, child.module]))
            yield from (module + "." + alias.name for alias in child.names)
        yield from imported(child, package)


def folder_of(name: str) -> str:
    """The folder of a full name that begins with the package."""
    package, *parts = name.split(".")
    return parts[0] if parts and parts[0] in ORDER else package


@functools.cache
def arrows(root: Path) -> Dict[str, Dict[str, Set[str]]]:
    """Folder -> the folders that it imports -> the modules that do so."""
    found: Dict[str, Dict[str, Set[str]]] = {}
    for path in sorted(root.rglob("*.py")):
        module = path.relative_to(root.parent)
        here = folder_of(".".join(module.with_suffix("").parts))
        names = set(imported(ast.parse(path.read_text()), ".".join(module.parent.parts)))
        own = {name for name in names - {VERSION} if name.split(".")[0] == root.name}
        for there in {folder_of(name) for name in own} - {here}:
            found.setdefault(here, {}).setdefault(there, set()).add(str(module))
    return found


def upward(root: Path) -> Dict[str, Set[str]]:
    """The arrows that point up, and the modules that they come from."""
    return {
        "%s -> %s" % (here, there): modules
        for here, targets in arrows(root).items()
        for there, modules in targets.items()
        # What runs the command line stands above all folders.
        if here != root.name and ORDER.index(there) < ORDER.index(here)
    }


def said(folder: str) -> Set[str]:
    """The folders that a folder's docstring says it may import."""
    text = ast.get_docstring(ast.parse((PACKAGE / folder / "__init__.py").read_text()))
    sentence = re.search(r"May import ([\w\s,]+?)[;.]", text)
    assert sentence, "caffe_style/%s/__init__.py does not say what it may import" % folder
    return set(re.findall(r"\w+", sentence[1])) - {"and", "the"}


def test_the_order_has_every_folder_once():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert sorted(folders | modules | {PACKAGE.name}) == sorted(ORDER)


def test_no_arrow_points_up():
    """So there is no circle either."""
    assert upward(PACKAGE) == {}


def test_files_above_the_engine_are_short():
    files = [path for path in PACKAGE.rglob("*.py") if PACKAGE / "engine" not in path.parents]
    lengths = {str(path): len(path.read_text().splitlines()) for path in files}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


@pytest.mark.parametrize("folder", [name for name in ORDER if (PACKAGE / name).is_dir()])
def test_a_folder_says_what_it_may_import(folder):
    below = ORDER[ORDER.index(folder) + 1 :]
    assert said(folder) <= set(below)
    targets = arrows(PACKAGE).get(folder, {})
    allowed = said(folder) | {PACKAGE.name}
    assert {there: modules for there, modules in targets.items() if there not in allowed} == {}


@pytest.mark.parametrize(
    "text, found",
    [
        ("import caffe_style.cli", {"errors -> cli"}),
        ("from .cli.options import read", {"errors -> cli"}),
        ("def f():\n    from . import runs", {"errors -> runs"}),
        ("from caffe_style import transfer", {"errors -> caffe_style"}),
        ("from . import __version__", set()),
        ("import numpy.cli", set()),
        ("if TYPE_CHECKING:\n    from .cli import main", set()),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    from . import cli", {"errors -> cli"}),
    ],
)
def test_arrows_are_found_wherever_they_are(tmp_path, text, found):
    (tmp_path / "caffe_style").mkdir()
    (tmp_path / "caffe_style" / "errors.py").write_text(text)
    assert set(upward(tmp_path / "caffe_style")) == found
