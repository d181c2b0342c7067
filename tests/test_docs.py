"""README and docs: command lines and files of jobs are read, Python runs, links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from caffe_style import cli
from caffe_style.cli.batch.jobs import read_jobs
from caffe_style.networks import weights, zoo

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [ROOT / "docker" / "README.md", ROOT / "examples" / "README.md"]


def named(page):
    return str(page.relative_to(ROOT))


def commands(page):
    """The arguments of each `caffe-style` in the page's indented lines, without optional parts' brackets."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^    (\S.*)$", text, re.M):
        found = re.search(r"(?:^|&& )caffe-style (.*)|^docker run .* caffe-style:\w+ +(.*)", line)
        if found:
            yield (found.group(1) or found.group(2)).translate(str.maketrans("", "", "[]"))


def blocks(page, language):
    pattern = r"^```%s\n(.*?)^```$" % language
    return re.findall(pattern, page.read_text(encoding="utf-8"), re.M | re.S)


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


COMMANDS = [(named(page), command) for page in PAGES for command in commands(page)]
BLOCKS = [(named(page), block) for page in PAGES for block in blocks(page, "python")]
JOBS = [(named(page), block) for page in PAGES for block in blocks(page, "yaml")]
#: Before each block: whatever it asks for, its pictures are small.
SMALL = """
import caffe_style as cs
def small(*pictures, transfer=cs.transfer, **settings):
    return transfer(*pictures, **{**settings, "size": 48, "iterations": 2})
cs.transfer = small
"""


@pytest.mark.parametrize("page, command", COMMANDS)
def test_command_lines_parse(page, command):
    arguments = shlex.split(command, comments=True)
    # A letter stands for a number there.
    arguments = ["7" if argument == "K" else argument for argument in arguments]
    assert cli.make_parser().parse_args(arguments).command == arguments[0]


def test_every_block_is_of_a_language_that_a_test_reads():
    languages = {
        language
        for page in PAGES
        for language in re.findall(r"^```(\w.*)$", page.read_text(encoding="utf-8"), re.M)
    }
    assert languages == {"python", "yaml"}


@pytest.mark.parametrize("page, block", JOBS)
def test_files_of_jobs_are_read(page, block, tmp_path):
    """The reader parses every job's options with the parser of its command."""
    (tmp_path / "jobs.yaml").write_text(block)
    assert len(read_jobs(tmp_path / "jobs.yaml")) >= block.count("output:")


def run(arguments, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page, block", BLOCKS, ids=lambda value: value[:40].replace("\n", " "))
def test_python_runs(page, block, tmp_path):
    for name in re.findall(r'open_network\("(\w+)"', block):
        # The rest of the block runs on another network too.
        if weights.weights_path(zoo.get_model(name)) is None:
            block = block.replace('"%s"' % name, '"strokenet"')
    shutil.copy(ROOT / "examples" / "cat.jpg", tmp_path / "photograph.jpg")
    shutil.copy(ROOT / "examples" / "fractal.jpg", tmp_path / "painting.jpg")
    run(["-c", SMALL + block], tmp_path)
    if "write_image" in block:
        assert (tmp_path / "out.png").stat().st_size > 0


def test_the_minimal_example_lowers_the_loss(tmp_path):
    example = ROOT / "examples" / "minimal.py"
    pictures = [ROOT / "examples" / name for name in ("cat.jpg", "fractal.jpg")]
    said = run([str(part) for part in (example, *pictures, "out.png", 64, 3)], tmp_path)
    first, last = map(float, re.fullmatch(r"loss (\S+) -> (\S+)\n", said).groups())
    assert last < first
    assert (tmp_path / "out.png").stat().st_size > 0


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:caffe_style|tests|docs|examples)/[\w./]+\.\w+)`", text):
        assert (ROOT / path).exists() or "NAME" in path, path


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130
