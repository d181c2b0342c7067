"""The space of a run: the model's, as asked, or as recorded; and what was made before there were spaces."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from helpers.callbacks import stop_at

import caffe_style as cs
from caffe_style import cli
from caffe_style.errors import CheckpointError, ModelError, OptionError
from caffe_style.experiments.presets import PRESETS
from caffe_style.networks.zoo import get_model
from caffe_style.pictures import images
from caffe_style.runs import checkpoint_file
from caffe_style.runs.recipe import read_recipe
from caffe_style.settings.transfer import OPTIMIZERS, SPACES, TransferSettings

SETTINGS = {"size": 48, "iterations": 6}


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture
def pair(tmp_path):
    paths = str(tmp_path / "content.png"), str(tmp_path / "style.png")
    for seed, path in enumerate(paths):
        images.write_image(path, images.coloured_noise(36, 48, 1.0, seed))
    return paths


def test_it_is_the_models_unless_it_is_asked(pair, network):
    assert network.model.space == "smooth"
    short = {"size": 48, "iterations": 1}
    assert cs.transfer(*pair, network, **short).parameters["space"] == "smooth"
    for space in SPACES:
        assert cs.transfer(*pair, network, space=space, **short).parameters["space"] == space


@pytest.mark.parametrize(
    "init, space",
    [("style", "whitened"), ("noise", "smooth"), ("mix:0.3", "smooth"), ("array", "whitened")],
)
def test_a_start_with_noise_is_not_whitened_by_default(pair, network, monkeypatch, init, space):
    model = dataclasses.replace(network.model, space="whitened")
    monkeypatch.setattr(network, "model", model)
    init = images.read_image(pair[0]) if init == "array" else init
    short = {"size": 48, "iterations": 1, "init": init}
    assert cs.transfer(*pair, network, **short).parameters["space"] == space
    assert cs.transfer(*pair, network, space="whitened", **short).parameters["space"] == "whitened"


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_begins_at_the_same_loss_goes_its_own_way_and_repeats_itself(pair, network, optimizer):
    made = {}
    for space in SPACES:
        first, again = (
            cs.transfer(*pair, network, space=space, optimizer=optimizer, **SETTINGS)
            for _ in range(2)
        )
        np.testing.assert_array_equal(first.image, again.image)
        losses = [record.loss for record in first.history if record.accepted]
        assert losses[-1] < losses[0]
        made[space] = first
    starts = {result.history[0].loss for result in made.values()}
    assert len(starts) == 1
    assert len({result.image.tobytes() for result in made.values()}) == len(SPACES)


def test_bounds_hold_for_pixels(pair, network):
    result = cs.transfer(*pair, network, bounds=True, **SETTINGS)
    assert result.parameters["space"] == "pixels"
    cs.transfer(*pair, network, bounds=True, space="pixels", size=48, iterations=1)
    with pytest.raises(OptionError, match="bounds hold for pixels.*--no-bounds"):
        cs.transfer(*pair, network, bounds=True, space="smooth", **SETTINGS)


def test_presets_are_of_programs_that_work_in_pixels():
    assert {preset.transfer["space"] for preset in PRESETS.values()} == {"pixels"}


@pytest.mark.parametrize("space", SPACES)
def test_a_resumed_run_ends_in_the_same_picture_bit_for_bit(pair, network, tmp_path, space):
    settings = {**SETTINGS, "space": space, "scales": 2}
    path = tmp_path / "run.npz"
    whole = cs.transfer(*pair, network, optimizer="device", **settings)
    cs.transfer(*pair, network, checkpoint=path, callback=stop_at(2), **settings)
    resumed = cs.resume(path)
    np.testing.assert_array_equal(resumed.image, whole.image)
    assert resumed.parameters["space"] == space
    # The model's default is no reason to refuse.
    cs.transfer(*pair, network, checkpoint=path, callback=stop_at(2), **settings)
    going_on = cs.Checkpoint(path, resume=path)
    resumed = cs.transfer(*pair, network, checkpoint=going_on, **{**SETTINGS, "scales": 2})
    np.testing.assert_array_equal(resumed.image, whole.image)


def test_a_checkpoint_from_before_goes_on_in_pixels(pair, network, tmp_path):
    path = tmp_path / "run.npz"
    whole = cs.transfer(*pair, network, space="pixels", optimizer="device", **SETTINGS)
    cs.transfer(*pair, network, space="pixels", checkpoint=path, callback=stop_at(3), **SETTINGS)
    saved = checkpoint_file.read_checkpoint(path)
    parameters = {**saved.run["parameters"]}
    del parameters["space"]
    saved = saved._replace(run={**saved.run, "parameters": parameters})
    checkpoint_file.write_checkpoint(path, saved)
    with pytest.raises(CheckpointError, match="space pixels, not whitened"):
        going_on = cs.Checkpoint(path, resume=path)
        cs.transfer(*pair, network, checkpoint=going_on, space="whitened", **SETTINGS)
    np.testing.assert_array_equal(cs.resume(path).image, whole.image)
    checkpoint_file.write_checkpoint(path, saved)
    going_on = cs.Checkpoint(path, resume=path)
    np.testing.assert_array_equal(
        cs.transfer(*pair, network, checkpoint=going_on, **SETTINGS).image, whole.image
    )


def test_a_picture_from_before_is_repeated_in_pixels(pair, network, tmp_path, capsys):
    result = cs.transfer(*pair, network, space="pixels", **SETTINGS)
    parameters = {**result.parameters}
    del parameters["space"]
    old, new = str(tmp_path / "old.png"), str(tmp_path / "new.png")
    images.write_image(old, result.image, parameters)
    assert read_recipe(old).request.settings["space"] == "pixels"
    assert cli.main(["transfer", "--like", old, "-q", "-o", new]) == 0
    np.testing.assert_array_equal(images.read_image(new), result.image)
    assert images.read_metadata(new)["space"] == "pixels"
    assert cli.main(["show", old]) == 0
    assert "--space pixels" in capsys.readouterr().out.splitlines()[-1]


def test_settings_say_what_older_files_mean():
    parameters = TransferSettings(space="smooth").parameters()
    assert TransferSettings.noted_in(parameters)["space"] == "smooth"
    del parameters["space"]
    assert TransferSettings.noted_in(parameters)["space"] == "pixels"


def test_a_model_says_its_space(tmp_path, network):
    (tmp_path / "net.prototxt").write_text(network.model.prototxt.read_text())
    readme = tmp_path / "readme.md"
    for line, space in (("", "pixels"), ("space: whitened\n", "whitened")):
        readme.write_text("---\nprototxt: net.prototxt\n%s---\n" % line)
        assert get_model(readme).space == space
    readme.write_text("---\nprototxt: net.prototxt\nspace: deep\n---\n")
    with pytest.raises(ModelError, match="space must be pixels or smooth or whitened"):
        get_model(readme)


def test_an_unknown_space_is_refused_in_one_line(pair, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["transfer", *pair, "--space", "deep", "-o", "out.png"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "space" in error and "pixels, smooth, whitened" in error and "Traceback" not in error
