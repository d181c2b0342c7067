"""Hostile files of jobs and records: one line each, in bounded time and memory."""

from __future__ import annotations

import os
import random
import tracemalloc

import pytest

from caffe_style.cli.batch.jobs import Job, read_jobs
from caffe_style.cli.batch.outcomes import Record
from caffe_style.cli.batch.run import run_batch
from caffe_style.errors import BatchError, CaffeStyleError
from tests.fuzz import batch_files, batch_outcomes

#: Bytes that reading a hostile file of at most a megabyte may take.
MEMORY = 400 << 20


def bomb(first, level):
    lines = ["x0: &x0 " + first]
    lines += [level % {"to": n, "of": ", ".join(["*x%d" % (n - 1)] * 10)} for n in range(1, 7)]
    return "\n".join(lines) + "\njobs: [{content: *x6, style: b.png}]\n"


def one(options):
    return "jobs: [{content: a.png, style: b.png, %s}]" % options


YAML = [
    (one("iterations: 2021-99-99"), "--iterations"),
    (one("size: !!int x"), "cannot read .*invalid literal"),
    (one("content_weight: !!float x"), "cannot read .*could not convert"),
    (one("content_weight: .nan"), "--content-weight"),
    (one("seed: " + "9" * 4000), "more than 18 digits|cannot read"),
    (one("size: " + "9" * 5000), "a value longer than 4096"),
    (one("output: !!binary aGk="), "could not determine a constructor"),
    (one("output: !!python/name:os.system x"), "could not determine a constructor"),
    (one("mean: [[1], 2, 3]"), "job 1: mean has a list or mapping within another"),
    (one("style_layers: {a: {b: 1}}"), "style_layers has a list or mapping within another"),
    (one("mean: [1, ~, 3]"), "mean has no value"),
    (one("size: " + "[" * 100_000), "nested too deeply"),
    ("[" * 1_000_000, "nested too deeply"),
    (bomb("[a, b]", "x%(to)d: &x%(to)d [%(of)s]"), "too large, with its aliases"),
    (bomb("{k: 1}", "x%(to)d: &x%(to)d {<<: [%(of)s]}"), "too large, with its aliases"),
    (one("mean: &m [*m]"), "an alias within itself"),
    (one("output: '{number:>2000000000}'"), "may have only {content}, {style} and {number}"),
    (one("output: '{content!r}.png'"), "may have only"),
    (one("output: '{content.__class__}.png'"), "may have only"),
    (one("output: '{number:{number}}.png'"), "may have only"),
    (one("output: '{number:099d}.png'"), "may have only"),
    (one(r'output: "a\0.png"'), "a character that cannot be printed"),
    (one(r'output: "a\n.png"'), "a character that cannot be printed"),
    (one(r'output: "\x1b[2J.png"'), "a character that cannot be printed"),
    (one(r'output: "\ud800.png"'), "cannot be printed|cannot read"),
    (one("'': x"), "is not the name of an option"),
    (one("'a b': x"), "is not the name of an option"),
    ("jobs: [{content: [%s], style: [%s]}]" % (("a, " * 400,) * 2), "more than 20000 jobs"),
    ("# " + "x" * (1 << 20), "is larger than"),
]


@pytest.mark.parametrize("text, told", YAML, ids=[str(n) for n in range(len(YAML))])
def test_yaml(tmp_path, text, told):
    path = tmp_path / "jobs.yaml"
    path.write_text(text)
    tracemalloc.start()
    with pytest.raises(BatchError, match=told) as caught:
        read_jobs(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 600
    assert peak < MEMORY


@pytest.mark.parametrize(
    "content, told",
    [
        (b"content,style\na.png," + b"x" * 140_000, "line . field larger|line 1: field larger"),
        (b"content,style\na.png," + b"x" * 5000, "line 2: style has a value longer than 4096"),
        (b"content,style\na.png,\0", "line 2: style has a char|line 1: line contains NUL|NUL"),
        (b"content,style\na.png,\xff", "cannot read"),
        (b"content,style,\na.png,b.png,x", "'' is not the name of an option"),
        (b"content,style,seed\na.png,b.png,2021-99-99", "line 2: .*--seed"),
        (b"", "has no jobs"),
    ],
)
def test_csv(tmp_path, content, told):
    path = tmp_path / "jobs.csv"
    path.write_bytes(content)
    with pytest.raises(BatchError, match=told) as caught:
        read_jobs(path)
    assert len(str(caught.value).splitlines()) == 1


def test_what_yesterdays_files_have(tmp_path):
    """Anchors, merged mappings, dates as names, other bases, padded numbers."""
    path = tmp_path / "jobs.yaml"
    path.write_text(
        "defaults: &base {size: 0x40, bounds: no}\n"
        "jobs:\n  - &first {<<: *base, content: a.png, style: b.png, seed: 010, output: 2021-01-01}\n"
        "  - {<<: *first, iterations: 1_000, output: '{content}-{{x}}-{number:03}.png'}\n"
    )
    first, second = read_jobs(path)
    assert first.output.name == "2021-01-01" and second.output.name == "a-{x}-002.png"
    assert first.arguments[3:] == ("--size", "64", "--no-bounds", "--seed", "8")
    assert second.arguments[3:] == (*first.arguments[3:], "--iterations", "1000")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(str(tmp_path / "jobs.yaml"))
    with pytest.raises(BatchError, match="not a file"):
        read_jobs(tmp_path / "jobs.yaml")


def test_bad_names_do_not_stop_later_jobs(tmp_path):
    path = tmp_path / "jobs.yaml"
    path.write_text(
        "jobs:\n  - {content: %s, style: b.png}\n  - {content: a.png, style: b.png, output: %s}\n"
        "  - {content: a.png, style: b.png, output: -q.png}\n"
        "  - {content: a.png, style: b.png, output: jobs.yaml/x.png}\n"
        % ("x" * 300 + ".png", "y" * 300 + ".png")
    )
    outcomes = run_batch(path)
    assert [outcome.status for outcome in outcomes] == ["failed"] * 4
    # No picture is there: the third came as far as that.
    assert "a.png" in outcomes[2].reason
    assert all(len(outcome.reason.splitlines()) == 1 for outcome in outcomes)


@pytest.mark.parametrize(
    "text",
    [
        '{"o.png": 1}',
        '{"o.png": {"arguments": []}}',
        '{"o.png": {"begun": 3}}',
        '[["a", {}]]',
        "[" * 100_000,
        "\xff",
    ],
)
def test_a_broken_record(tmp_path, text):
    path = tmp_path / "jobs.outcomes.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BatchError, match="the batch's record, is broken.*remove it"):
        Record(path)


def test_a_folder_as_record(tmp_path):
    with pytest.raises(BatchError, match="is broken"):
        Record(tmp_path)


@pytest.mark.parametrize("reader", [batch_files, batch_outcomes])
def test_whatever_is_in_a_file(tmp_path, reader):
    cases = reader.cases(random.Random(13))
    for number in range(150):
        (tmp_path / "case").write_bytes(next(cases))
        try:
            reader.read(tmp_path / "case")
        except CaffeStyleError as error:
            assert len(str(error).splitlines()) == 1, number


def test_two_jobs_of_one_checkpoint(tmp_path):
    path = tmp_path / "jobs.yaml"
    path.write_text(
        "defaults: {checkpoint: run.npz, style: b.png}\njobs: [{content: a.png}, {content: c.png}]"
    )
    with pytest.raises(BatchError, match="would both write run.npz: give each a checkpoint"):
        read_jobs(path)


@pytest.mark.parametrize(
    "options, checkpoint",
    [
        ("size: 64", None),
        ("optimizer: device", "a-b.png.unfinished.npz"),
        ("checkpoint: run.npz", "run.npz"),
        ("optimizer: device, resume: run.npz", None),
    ],
)
def test_which_jobs_keep_a_checkpoint(tmp_path, options, checkpoint):
    path = tmp_path / "jobs.yaml"
    path.write_text(one(options))
    (job,) = read_jobs(path)
    assert isinstance(job, Job)
    assert job.checkpoint is None if checkpoint is None else str(job.checkpoint) == checkpoint
    assert job.keeps_checkpoint == ("checkpoint" in options)
