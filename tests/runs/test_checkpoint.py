"""Checkpoints: a resumed run ends in the same picture, and no accident leaves less than the last good file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers.callbacks import stop_at
from helpers.program import call, line_of, wait_for

import caffe_style as cs
from caffe_style.backends.threads import set_threads
from caffe_style.errors import CheckpointError, OptionError
from caffe_style.optimise import lbfgs
from caffe_style.optimise.minimise import Record
from caffe_style.pictures import images
from caffe_style.runs import checkpoint_file as checkpoints
from caffe_style.scene.styles import Style

# A resumed run sets the number of threads that it began with.
pytestmark = pytest.mark.usefixtures("threads_as_before")
SETTINGS = {"size": 48, "iterations": 10}


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture
def pair(tmp_path):
    paths = str(tmp_path / "content.png"), str(tmp_path / "style.png")
    for seed, path in enumerate(paths):
        images.write_image(path, images.coloured_noise(60, 80 - 30 * seed, 1.0, seed))
    return paths


def plain(history):
    """Everything of a history but its clock."""
    return [(one.iteration, one.loss, one.terms, one.accepted) for one in history]


def saved_run(pair, network, path, stop=4, **settings):
    """A run that was stopped, which saves it; the checkpoint's path."""
    settings = {**SETTINGS, **settings}
    result = cs.transfer(*pair, network, callback=stop_at(stop), checkpoint=path, **settings)
    assert result.status == "stopped"
    return path


# -- the same picture --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings, stops",
    [
        ({}, (1, 4, 9)),
        ({"scales": 2}, (3, 6, 8)),
        # The directions are drawn at steps 0, 3, 6 and 9.
        ({"style_loss": "wasserstein", "rematch": 3}, (2, 3)),
        # Between two matches, at the end of the first ones, and at another scale.
        ({"style_loss": "neighbours", "scales": 2, "rematch": 3}, (2, 3, 9)),
    ],
)
def test_a_resumed_run_ends_in_the_same_picture_bit_for_bit(
    pair, network, tmp_path, settings, stops
):
    whole = cs.transfer(*pair, network, optimizer="device", **SETTINGS, **settings)
    for stop in stops:
        path = saved_run(pair, network, tmp_path / "run.npz", stop, **settings)
        resumed = cs.resume(path)
        assert resumed.status == "finished"
        np.testing.assert_array_equal(resumed.image, whole.image)
        assert plain(resumed.history) == plain(whole.history)
        assert resumed.parameters == whole.parameters
        assert resumed.message == whole.message
        assert whole.message.startswith("finished") and "after 10 iterations" in whole.message


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_on_other_backends(pair, tmp_path, backend):
    """Where the network works on tensors, so does L-BFGS: its state comes from there and goes back."""
    if backend == "torch":
        pytest.importorskip("torch", reason="no PyTorch here")
    # BLAS's threads get in one another's way where other programs use the processors.
    set_threads(1)
    network = cs.open_network("strokenet", backend)
    whole = cs.transfer(*pair, network, optimizer="device", **SETTINGS)
    path = saved_run(pair, network, tmp_path / "run.npz")
    resumed = cs.resume(path)
    np.testing.assert_array_equal(resumed.image, whole.image)
    assert plain(resumed.history) == plain(whole.history)


def test_checkpoints_do_not_change_the_run(pair, network, tmp_path):
    whole = cs.transfer(*pair, network, optimizer="device", **SETTINGS)
    every = cs.Checkpoint(tmp_path / "run.npz", every=0)
    saved = cs.transfer(*pair, network, checkpoint=every, **SETTINGS)
    np.testing.assert_array_equal(saved.image, whole.image)


def test_the_memory_of_l_bfgs_matters(pair, network, tmp_path):
    """Otherwise the tests above would pass without it."""
    whole = cs.transfer(*pair, network, optimizer="device", **SETTINGS)
    path = saved_run(pair, network, tmp_path / "run.npz", stop=6)
    saved = checkpoints.read_checkpoint(path)
    saved.state.forget()
    checkpoints.write_checkpoint(path, saved)
    assert not np.array_equal(cs.resume(path).image, whole.image)


def test_the_picture_at_the_last_matches_matters(pair, network, tmp_path):
    """A resumed run finds the matches in the picture that they were found in, not in the one that was saved."""
    settings = {"style_loss": "neighbours", "scales": 1, "rematch": 8}
    whole = cs.transfer(*pair, network, optimizer="device", **SETTINGS, **settings)
    path = saved_run(pair, network, tmp_path / "run.npz", stop=6, **settings)
    saved = checkpoints.read_checkpoint(path)
    assert saved.state.age == 6
    saved.state.drawn = saved.state.point
    checkpoints.write_checkpoint(path, saved)
    assert not np.array_equal(cs.resume(path).image, whole.image)


def test_resumed_again_and_again(pair, network, tmp_path):
    whole = cs.transfer(*pair, network, optimizer="device", **SETTINGS)
    path = saved_run(pair, network, tmp_path / "run.npz", 2)
    for stop in (3, 7):
        assert cs.resume(path, callback=stop_at(stop)).status == "stopped"
    resumed = cs.resume(path)
    np.testing.assert_array_equal(resumed.image, whole.image)
    assert plain(resumed.history) == plain(whole.history)


def test_styles_with_masks_and_weights(pair, network, tmp_path):
    mask = np.zeros((60, 80, 3), np.uint8)
    mask[:, :40] = 255
    images.write_image(tmp_path / "mask.png", mask)
    styles = [Style(pair[1], 2.0, str(tmp_path / "mask.png")), Style(pair[0])]
    whole = cs.transfer(pair[0], styles, network, optimizer="device", **SETTINGS)
    path = saved_run((pair[0], styles), network, tmp_path / "run.npz")
    np.testing.assert_array_equal(cs.resume(path).image, whole.image)
    images.write_image(tmp_path / "mask.png", 255 - mask)
    with pytest.raises(CheckpointError, match="another mask of the style 1"):
        cs.resume(path)


def test_pictures_that_were_arrays(pair, network, tmp_path):
    arrays = [images.read_image(path) for path in pair]
    whole = cs.transfer(*arrays, network, optimizer="device", **SETTINGS)
    path = saved_run(arrays, network, tmp_path / "run.npz")
    with pytest.raises(CheckpointError, match="were arrays"):
        cs.resume(path)
    going_on = cs.Checkpoint(path, resume=path)
    resumed = cs.transfer(*arrays, network, checkpoint=going_on, **SETTINGS)
    np.testing.assert_array_equal(resumed.image, whole.image)


def test_relative_names_are_those_of_the_folder_it_began_in(pair, network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = saved_run(("content.png", "style.png"), network, tmp_path / "run.npz")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cs.resume(path).parameters["content"] == "content.png"


# -- what has changed is told ------------------------------------------------------------------------


@pytest.mark.parametrize("which, words", [(0, "content picture"), (1, "picture for the style")])
def test_a_changed_picture(pair, network, tmp_path, which, words):
    path = saved_run(pair, network, tmp_path / "run.npz")
    changed = images.read_image(pair[which])
    changed[0, 0, 0] ^= 1
    images.write_image(pair[which], changed)
    with pytest.raises(CheckpointError, match="another %s: restore it" % words):
        cs.resume(path)
    os.unlink(pair[which])
    with pytest.raises(cs.errors.ImageError, match="no such file"):
        cs.resume(path)


def test_a_changed_network(pair, tmp_path):
    network = cs.open_network("strokenet")
    path = saved_run(pair, network, tmp_path / "run.npz")
    network.net.params["conv3_2"][0].data[5, 4, 0, 1] *= 1.001
    with pytest.raises(CheckpointError, match="another network"):
        cs.transfer(*pair, network, checkpoint=cs.Checkpoint(path, resume=path), **SETTINGS)


@pytest.mark.parametrize("name, value", [("size", 50), ("style_weight", 7.0), ("scales", 2)])
def test_changed_settings(pair, network, tmp_path, name, value):
    path = saved_run(pair, network, tmp_path / "run.npz")
    settings = {**SETTINGS, name: value}
    with pytest.raises(CheckpointError, match="%s .*, not %s" % (name.replace("_", " "), value)):
        cs.transfer(*pair, network, checkpoint=cs.Checkpoint(path, resume=path), **settings)


@pytest.mark.parametrize("settings", [{"bounds": True}, {"optimizer": "scipy"}])
def test_what_checkpoints_cannot_do(pair, network, tmp_path, settings):
    with pytest.raises(OptionError, match="checkpoints need the optimizer device"):
        cs.transfer(*pair, network, checkpoint=tmp_path / "run.npz", **settings)


# -- the file ----------------------------------------------------------------------------------------


def example(memory=2):
    random = np.random.default_rng(0)
    state = lbfgs.State(
        random.standard_normal((1, 3, 4, 5)),
        3.5,
        [random.standard_normal((1, 3, 4, 5)) for _ in range(memory)],
        [random.standard_normal((1, 3, 4, 5)) for _ in range(memory)],
        0.1,
        fresh_starts=0,
    )
    history = [Record(7, 0.1, {"style": 0.1}, 2.0, 0.5, True)]
    network = dict.fromkeys(("weights_file", "mean"))
    network.update(model="vgg16", backend="cpu", device=0, pooling="max", seed=0)
    run = {"parameters": {"size": 5}, "identity": {}, "network": network, "threads": 1}
    run.update(tiles=[None, 256], folder=".", notes="é")
    return checkpoints.Saved(run, 1, 3, history, state)


def test_what_is_written_is_read(tmp_path):
    saved = example()
    saved.state.drawn, saved.state.age = saved.state.point + 1, 4
    checkpoints.write_checkpoint(tmp_path / "run.npz", saved)
    found = checkpoints.read_checkpoint(tmp_path / "run.npz")
    assert found[:4] == saved[:4]
    for before, after in zip(
        [saved.state.point, saved.state.drawn, *saved.state.steps, *saved.state.changes],
        [found.state.point, found.state.drawn, *found.state.steps, *found.state.changes],
    ):
        np.testing.assert_array_equal(before, after)
    assert (found.state.loss, found.state.step_length, found.state.fresh_starts) == (0.1, 3.5, 0)
    assert found.state.age == 4
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


def test_a_file_that_is_not_whole(tmp_path):
    path = tmp_path / "run.npz"
    checkpoints.write_checkpoint(path, example())
    whole = path.read_bytes()
    for length in [0, 1, 100, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(
            CheckpointError, match="run.npz: not a checkpoint, or not a complete one"
        ):
            checkpoints.read_checkpoint(path)


def test_a_flipped_bit_is_noticed(tmp_path):
    """In the middle of any array."""
    path = tmp_path / "run.npz"
    checkpoints.write_checkpoint(path, example())
    whole = path.read_bytes()
    point = example().state.point.tobytes()
    place = whole.index(point[:64]) + len(point) // 2
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(CheckpointError, match="not a complete one"):
        checkpoints.read_checkpoint(path)


def test_foreign_files(tmp_path):
    path = tmp_path / "run.npz"
    np.savez(str(path), point=np.zeros(3))
    foreign = [path.read_bytes(), b"text", images.white_noise(9, 9, 0).tobytes()]
    np.savez(str(path), header=np.array([{"an": "object"}], dtype=object))
    foreign.append(path.read_bytes())
    np.save(str(tmp_path / "x.npy"), np.zeros(3))
    foreign.append((tmp_path / "x.npy").read_bytes())
    for content in foreign:
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="not a checkpoint"):
            checkpoints.read_checkpoint(path)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        checkpoints.read_checkpoint(tmp_path / "none.npz")
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.read_checkpoint(tmp_path)


def test_another_version(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FORMAT", 99)
    checkpoints.write_checkpoint(tmp_path / "run.npz", example())
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"another version of caffe_style \(format 99, here"):
        checkpoints.read_checkpoint(tmp_path / "run.npz")


def test_where_it_cannot_be_written(tmp_path):
    with pytest.raises(CheckpointError, match="ends in .npz"):
        cs.Checkpoint(tmp_path / "run.png")
    with pytest.raises(CheckpointError, match="no/such"):
        cs.Checkpoint("no/such/run.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(CheckpointError, match="is a folder"):
        cs.Checkpoint(tmp_path / "folder.npz")


def test_no_space_left(pair, network, tmp_path, caplog):
    """The operating system itself refuses the second checkpoint; the first one stays, the run goes on."""
    resource = pytest.importorskip("resource")
    path = saved_run(pair, network, tmp_path / "run.npz", stop=2, corrections=10)
    # Each step adds 83 kB.
    limit = path.stat().st_size + 100_000
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        going_on = cs.Checkpoint(path, every=0, resume=path)
        result = cs.transfer(*pair, network, checkpoint=going_on, **SETTINGS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert result.status == "finished"
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1 and "File too large); the last one is kept" in warnings[0]
    assert sorted(os.listdir(tmp_path)) == ["content.png", "run.npz", "style.png"]
    assert checkpoints.read_checkpoint(path).done == 3
    np.testing.assert_array_equal(cs.resume(path).image, result.image)


# -- from outside ------------------------------------------------------------------------------------

COMMAND = ["transfer", "content.png", "style.png", "--model", "strokenet", "--size", "48"]
COMMAND += ["--quiet", "--threads", "1"]


def start(*arguments, cwd, program=("-m", "caffe_style")):
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        cwd=str(cwd),
        stderr=subprocess.PIPE,
        text=True,
    )


def check_made(result):
    assert (result.returncode, result.stderr) == (0, "")


@pytest.fixture
def uninterrupted(pair, tmp_path):
    """The picture of 30 iterations."""
    options = ["--iterations", 30, "--optimizer", "device", "-o", "whole.png"]
    check_made(call(tmp_path, *COMMAND, *options))
    return images.read_image(tmp_path / "whole.png")


#: Waits before its seventh checkpoint, or in the middle of it: half of the file is written.
HELD_UP = """
import io, sys, time, numpy
from pathlib import Path
from caffe_style.cli import main
savez, calls = numpy.savez, []
def held_up(file, **arrays):
    calls.append(1)
    if len(calls) < 7:
        return savez(file, **arrays)
    if sys.argv[1] == "within":
        whole = io.BytesIO()
        savez(whole, **arrays)
        file.write(whole.getvalue()[: whole.tell() // 2])
        file.flush()
    Path("held-up").touch()
    time.sleep(1000)
numpy.savez = held_up
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("when", ["between", "within"])
def test_killed_while_it_runs_and_while_it_saves(pair, tmp_path, uninterrupted, when):
    process = start(
        *COMMAND,
        *("--iterations", 30, "--checkpoint", "run.npz", "--checkpoint-every", 0, "-o", "out.png"),
        cwd=tmp_path,
        program=("-c", HELD_UP, when),
    )
    wait_for((tmp_path / "held-up").exists)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "out.png").exists()
    assert len(list(tmp_path.glob(".run.*.part.npz"))) == 1
    assert checkpoints.read_checkpoint(tmp_path / "run.npz").done == 6

    # From another folder, with no other option.
    (tmp_path / "elsewhere").mkdir()
    check_made(call(tmp_path / "elsewhere", "transfer", "--resume", "../run.npz", "--quiet"))
    assert not list(tmp_path.glob(".run.*"))
    np.testing.assert_array_equal(images.read_image(tmp_path / "out.png"), uninterrupted)
    assert images.read_metadata(tmp_path / "out.png")["iterations"] == 30


def test_killed_at_any_moment(pair, tmp_path, uninterrupted):
    """Again and again, whenever there is a new checkpoint."""
    path, kept = tmp_path / "run.npz", tmp_path / "seen.npz"
    arguments = [*COMMAND, "--iterations", 30, "--checkpoint", "run.npz", "-o", "out.png"]
    for delay in (0.0, 0.013, 0.05):
        before = path.stat().st_mtime_ns if path.exists() else 0
        process = start(*arguments, "--checkpoint-every", 0, cwd=tmp_path)
        wait_for(lambda seen=before: path.exists() and path.stat().st_mtime_ns != seen)
        time.sleep(delay)
        process.kill()
        process.communicate()
        shutil.copy(str(path), str(kept))
        arguments = ["transfer", "--resume", "run.npz", "--quiet"]
    assert 0 < checkpoints.read_checkpoint(kept).done < 30
    check_made(call(tmp_path, *arguments))
    np.testing.assert_array_equal(images.read_image(tmp_path / "out.png"), uninterrupted)


def test_ctrl_c_saves_where_it_is_and_says_how_to_go_on(pair, tmp_path):
    process = start(
        *COMMAND,
        *("--iterations", 100000, "--checkpoint", "run.npz", "--save-every", 1, "-o", "out.png"),
        cwd=tmp_path,
    )
    wait_for(lambda: len(list(tmp_path.glob("out-*.png"))) > 3)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130 and "--resume run.npz" in error and "Traceback" not in error
    frames = len(list(tmp_path.glob("out-*.png")))
    assert abs(checkpoints.read_checkpoint(tmp_path / "run.npz").done - frames) <= 1


def test_the_command_line_refuses_in_one_line(pair, network, tmp_path):
    saved_run(pair, network, tmp_path / "run.npz")
    (tmp_path / "text.npz").write_text("no checkpoint")
    for arguments, words in [
        (["--resume", "none.npz"], ["none.npz", "no such"]),
        (["--resume", "text.npz"], ["text.npz", "not a checkpoint"]),
        (["--resume", "run.npz", "--size", "64"], ["size 48, not 64"]),
        (["style.png", "--resume", "run.npz"], ["another content picture"]),
        (["content.png", "style.png", "--checkpoint-every", "5"], ["needs --checkpoint"]),
        (["content.png", "style.png", "--checkpoint", "a.txt"], ["a.txt", ".npz"]),
        (["content.png", "style.png", "--checkpoint", "no/a.npz"], ["no/a.npz"]),
        ([], ["content picture"]),
    ]:
        result = call(tmp_path, "transfer", *arguments, "--quiet")
        assert result.returncode == 2
        line_of(result, *words)
    assert json.loads(json.dumps(checkpoints.read_checkpoint(tmp_path / "run.npz").run))


@pytest.mark.parametrize("name, value", [("regions", 2), ("photoreal", 5.0)])
def test_settings_that_an_older_version_lacked_had_their_defaults(
    pair, network, tmp_path, name, value
):
    path = saved_run(pair, network, tmp_path / "run.npz", space="pixels")
    saved = checkpoints.read_checkpoint(path)
    del saved.run["parameters"][name]
    checkpoints.write_checkpoint(path, saved)
    with pytest.raises(CheckpointError, match="this run has %s .*, not %s" % (name, value)):
        going_on = cs.Checkpoint(path, resume=path)
        cs.transfer(*pair, network, checkpoint=going_on, **SETTINGS, **{name: value})
    assert cs.resume(path).status == "finished"
