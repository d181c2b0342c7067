"""Regions on the command line: repeated, resumed, in batches, and refused in one line."""

from __future__ import annotations

import os

import numpy as np
import pytest
from helpers.landscapes import BLUE, content_and_style, halves

from caffe_style import cli
from caffe_style.cli.batch.jobs import read_jobs
from caffe_style.pictures import images

ASKED = ["--model", "strokenet", "--size", "96", "--iterations", "2", "-q"]


@pytest.fixture(scope="module")
def pair():
    return content_and_style()


@pytest.fixture
def files(tmp_path, monkeypatch, pair):
    monkeypatch.chdir(tmp_path)
    for name, picture in zip(("c.png", "s.png"), pair):
        images.write_image(name, picture)
    images.write_image("cs.png", halves(72, 96, 24))
    images.write_image("ss.png", halves(96, 80, 64))


@pytest.mark.parametrize(
    "options", [["--regions", "auto"], ["--regions", "2"], ["--segments", "cs.png", "ss.png"]]
)
def test_like_repeats_it_and_show_says_how(files, capsys, options):
    shown = ["--show-regions", "sheet.png"]
    line = ["transfer", "c.png", "s.png", *ASKED, *options, *shown, "-o", "a.png"]
    assert cli.main(line) == 0
    assert images.read_image("sheet.png").shape[1] > 4 * 300
    assert cli.main(["transfer", "--like", "a.png", "-q", "-o", "b.png"]) == 0
    np.testing.assert_array_equal(images.read_image("a.png"), images.read_image("b.png"))
    capsys.readouterr()
    assert cli.main(["show", "a.png"]) == 0
    again = capsys.readouterr().out.splitlines()[-1].split()[1:]
    assert " ".join(options) in " ".join(again)
    assert cli.main([*again, "-q", "-o", "c2.png"]) == 0
    np.testing.assert_array_equal(images.read_image("a.png"), images.read_image("c2.png"))


@pytest.mark.parametrize("options", [["--regions", "2"], ["--segments", "cs.png", "ss.png"]])
def test_a_checkpoint_goes_on_over_scales(files, options):
    line = ["transfer", "c.png", "s.png", *ASKED, "--iterations", "6", "--scales", "2", *options]
    line += ["--optimizer", "device"]
    assert cli.main([*line, "-o", "whole.png"]) == 0
    stopped = [*line, "-o", "part.png", "--checkpoint", "run.npz", "--checkpoint-every", "0"]
    assert cli.main(stopped) == 0
    assert cli.main(["transfer", "--resume", "run.npz", "-q", "-o", "part.png"]) == 0
    np.testing.assert_array_equal(images.read_image("part.png"), images.read_image("whole.png"))


def test_a_checkpoint_is_of_its_segmentation(files, capsys):
    line = ["transfer", "c.png", "s.png", *ASKED, "--iterations", "4"]
    line += ["--segments", "cs.png", "ss.png", "-o", "a.png", "--checkpoint-every", "0"]
    assert cli.main([*line, "--checkpoint", "run.npz"]) == 0
    images.write_image("cs.png", halves(72, 96, 50))
    assert cli.main([*line, "--resume", "run.npz"]) == 2
    assert "another segmentation of the content picture" in capsys.readouterr().err


@pytest.mark.parametrize(
    "first, second",
    [
        (["--segments", "cs.png", "ss.png"], ["--regions", "2"]),
        (["--regions", "2"], ["--segments", "cs.png", "ss.png"]),
        (["--preset", "season"], ["--segments", "cs.png", "ss.png"]),
    ],
)
def test_asking_for_one_kind_of_regions_drops_the_recorded_other(files, capsys, first, second):
    line = ["transfer", "c.png", "s.png", *ASKED, *first, "-o", "a.png"]
    assert cli.main(line) == 0
    if "--segments" in first:
        os.remove("cs.png")
    assert cli.main(["transfer", "--like", "a.png", *second, "-q", "-o", "b.png"]) == 0
    noted = images.read_metadata("b.png")
    given, dropped = ("regions", "segments") if "--regions" in second else ("segments", "regions")
    assert noted[given] and not noted[dropped]
    if first[0] == "--preset":
        assert cli.main([*line, *second]) == 0
        assert images.read_metadata("a.png")["segments"] == ["cs.png", "ss.png"]
    # Both on one line contradict each other.
    both = ["--regions", "2", "--segments", "ss.png", "ss.png"]
    assert cli.main(["transfer", "c.png", "s.png", *ASKED, *both, "-o", "b.png"]) == 2
    assert "leave one out" in capsys.readouterr().err


def test_styles_with_two_masks_in_text_and_metadata(files):
    images.write_image("m.png", halves(72, 96, 24, (255, 255, 255), (0, 0, 0)))
    images.write_image("t.png", halves(96, 80, 64, (255, 255, 255), (0, 0, 0)))
    line = ["transfer", "c.png", "--style", "s.png:m.png:t.png", *ASKED, "-o", "a.png"]
    assert cli.main(line) == 0
    assert images.read_metadata("a.png")["style"] == {
        **{"picture": "s.png", "weight": 1.0, "mask": "m.png", "style_mask": "t.png"}
    }
    assert cli.main(["transfer", "--like", "a.png", "-q", "-o", "b.png"]) == 0
    np.testing.assert_array_equal(images.read_image("a.png"), images.read_image("b.png"))


def test_bad_files_end_in_one_line(files, capsys):
    dot = halves(72, 96, 24)
    dot[0, 0] = BLUE
    images.write_image("dot.png", dot)
    for options, words in (
        (["--segments", "cs.png", "nothing.png"], "nothing.png"),
        (["--segments", "cs.png"], "expected 2 arguments"),
        (["--regions", "99"], "at most 25"),
        (["--segments", "dot.png", "dot.png"], "a region is too small for this layer"),
        (["--regions", "2", "--show-regions", "c.png"], "c.png"),
    ):
        try:
            status = cli.main(["transfer", "c.png", "s.png", *ASKED, *options])
        except SystemExit as end:
            status = end.code
        told = capsys.readouterr().err
        assert status == 2 and words in told and len(told.strip().splitlines()) == 1


def test_a_batch_takes_them(files):
    with open("jobs.yaml", "w") as file:
        file.write(
            "defaults: {model: strokenet, size: 64, iterations: 1}\n"
            "jobs:\n"
            " - {content: c.png, style: s.png, regions: auto, show-regions: sheet.png, output: r.png}\n"
            " - {content: c.png, style: s.png, segments: [cs.png, ss.png], output: t.png}\n"
            " - {content: c.png, styles: ['s.png:cs.png:ss.png'], output: u.png}\n"
        )
    for job in read_jobs("jobs.yaml"):
        assert cli.main([*job.arguments, "-o", str(job.output), "-q"]) == 0
    for name in ("r.png", "sheet.png", "t.png", "u.png"):
        assert images.read_image(name).size
