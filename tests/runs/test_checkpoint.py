"""A resumed run ends in the same picture, and is refused where something has changed."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from helpers.callbacks import stop_at

import caffe_style as cs
from caffe_style.backends.threads import set_threads
from caffe_style.errors import CheckpointError, OptionError
from caffe_style.objective.objective import Objective
from caffe_style.pictures import images
from caffe_style.runs import checkpoint_file as checkpoints
from caffe_style.runs import scales
from caffe_style.runs.plan import iterations_at
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


# -- the same picture ------------------------------------------------------------------------------


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


@pytest.mark.parametrize("settings", [{}, {"style_loss": "neighbours", "rematch": 3}])
@pytest.mark.parametrize("when", ["after the last step", "at the next size", "before it"])
def test_interrupted_between_two_sizes(pair, network, tmp_path, monkeypatch, settings, when):
    settings = {**SETTINGS, **settings, "scales": 2}
    steps = iterations_at(10, 2)[0]
    whole = cs.transfer(*pair, network, optimizer="device", **settings)
    path = tmp_path / "run.npz"
    if when == "after the last step":
        saved_run(pair, network, path, stop=steps, **settings)
    else:
        evaluate, prepare = Objective.__call__, scales.scene_objective

        def interrupted(self, image):
            if image.shape[3] == SETTINGS["size"]:
                raise KeyboardInterrupt
            return evaluate(self, image)

        def interrupted_before(network, scene, *rest):
            if scene.shape[1] == SETTINGS["size"]:
                raise KeyboardInterrupt
            return prepare(network, scene, *rest)

        with monkeypatch.context() as patched:
            if when == "before it":
                patched.setattr(scales, "scene_objective", interrupted_before)
            else:
                patched.setattr(Objective, "__call__", interrupted)
            part = cs.transfer(*pair, network, checkpoint=path, **settings)
        assert part.status == "interrupted"
        assert part.image.shape == whole.image.shape
    saved = checkpoints.read_checkpoint(path)
    assert (saved.scale, saved.done) == (0, steps)
    resumed = cs.resume(path)
    np.testing.assert_array_equal(resumed.image, whole.image)
    assert plain(resumed.history) == plain(whole.history)
    assert resumed.message == whole.message


def test_the_next_size_starts_from_grey_levels_rounded_as_a_result_s(pair, network, tmp_path):
    settings = {**SETTINGS, "scales": 2}
    path = saved_run(pair, network, tmp_path / "run.npz", iterations_at(10, 2)[0], **settings)
    saved, made = checkpoints.read_checkpoint(path), []
    mean = np.array(network.model.mean, np.float32).reshape(1, 3, 1, 1)
    halves = (saved.state.point + mean).round() + 0.5 - mean - 1e-9
    for point in (halves, halves.astype(np.float32).astype(np.float64)):
        saved.state.point = point
        checkpoints.write_checkpoint(path, saved)
        made.append(cs.resume(path).image)
    np.testing.assert_array_equal(*made)


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
    saved.state.pairs = []
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


# -- what has changed is told ----------------------------------------------------------------------


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
