"""The margin of a run: by default, as asked, or as recorded; seamless pictures; what was made before."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.callbacks import stop_at

import caffe_style as cs
from caffe_style import cli
from caffe_style.errors import CheckpointError, OptionError
from caffe_style.experiments.presets import PRESETS
from caffe_style.networks.margin import Margin
from caffe_style.pictures import images
from caffe_style.runs import checkpoint_file
from caffe_style.runs.needs import transfer_needs
from caffe_style.scene.inputs import read_inputs
from caffe_style.scene.scene import make_scene, references, scene_objective
from caffe_style.scene.starts import enlarge_seamless
from caffe_style.scene.styles import Style, as_styles
from caffe_style.settings.transfer import MARGIN, TransferSettings

SETTINGS = {"size": 48, "iterations": 6}
LAYER = "conv2_1"


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture
def pair(tmp_path):
    paths = str(tmp_path / "content.png"), str(tmp_path / "style.png")
    for seed, path in enumerate(paths):
        images.write_image(path, images.coloured_noise(36, 48, 1.0, seed))
    return paths


def scene_of(pair, network, **settings):
    asked = TransferSettings(size=48, **settings).for_model(network)
    inputs = read_inputs(pair[0], as_styles(pair[1]), asked.style_loss, asked.colors)
    return make_scene(inputs, 48, 1.0, asked.style_loss, "style"), asked


def test_every_command_has_it(pair, network):
    short = {"size": 32, "iterations": 1}
    made = {
        "transfer": cs.transfer(*pair, network, **short),
        "texture": cs.texture(pair[1], network, **short),
        "reconstruct": cs.reconstruct(pair[0], network, **short),
        "element": cs.element(network, LAYER, **short),
        "sparse": cs.sparse(network, {LAYER: 1.0}, like=pair[1], **short),
        "feature": cs.feature(network, LAYER, **short),
    }
    for command, result in made.items():
        assert result.parameters["margin"] == MARGIN
        assert result.parameters["tileable"] is (command in ("element", "sparse", "feature"))
        assert max(result.image.shape) == 32
    assert all(preset.transfer["margin"] == 0 for preset in PRESETS.values())


def test_content_and_result_may_be_wrapped_and_the_style_is_mirrored(pair, network):
    scene, asked = scene_of(pair, network, tileable=True)
    margins = {reference.label: reference.margin for reference in references(scene, asked)}
    assert margins == {"style": Margin(MARGIN), "content": Margin(MARGIN, wrapped=True)}
    scene, asked = scene_of(pair, network, tileable=True, style_loss="covariation")
    assert references(scene, asked)[0].guides.margin == Margin(MARGIN, wrapped=True)


@pytest.mark.parametrize("loss", ["gram", "pixelwise", "covariation", "spatial"])
def test_the_content_has_no_content_loss_and_the_style_no_style_loss(pair, network, loss):
    """So targets and responses are taken in the same way."""
    for picture, label in ((0, "content"), (1, "style")):
        styles = {"style_loss": loss, "tv_weight": 0.0}
        scene, asked = scene_of([pair[picture]] * 2, network, **styles)
        objective = scene_objective(network, scene, asked, None)
        _, _, parts = objective(network.to_blob(scene.content))
        found = [value for name, value in parts.items() if name.startswith(label)]
        assert found and max(found) < 1e-9


def test_tiles_give_the_same_picture(pair, network):
    large = {"size": 96, "iterations": 3, "style_layers": {LAYER: 1.0}, "tileable": True}
    whole = cs.transfer(*pair, network, content_layers={LAYER: 1.0}, **large)
    tiled = cs.transfer(*pair, network, content_layers={LAYER: 1.0}, tile=80, **large)
    for one, other in zip(whole.history, tiled.history):
        assert other.loss == pytest.approx(one.loss, rel=1e-3)
    assert np.abs(tiled.image.astype(float) - whole.image).mean() < 0.5


def test_a_mask_reaches_the_same_places(pair, network, tmp_path):
    """Half of the picture is masked: the gradient is almost zero in the other half, also with a margin."""
    mask = np.zeros((36, 48, 3), np.uint8)
    mask[:, :24] = 255
    style = Style(pair[1], mask=mask)
    asked = TransferSettings(
        size=48, content_weight=0.0, tv_weight=0.0, style_layers={"conv1_1": 1.0}
    ).for_model(network)
    inputs = read_inputs(pair[0], as_styles(style), "gram", "style")
    scene = make_scene(inputs, 48, 1.0, "gram", "style")
    _, gradient, _ = scene_objective(network, scene, asked, None)(network.to_blob(scene.content))
    strength = np.abs(gradient[0]).max(axis=(0, 1))
    assert strength[27:].max() < 1e-6 * strength[:21].min()


@pytest.mark.parametrize("settings", [{"optimizer": "device"}, {}, {"scales": 2}])
def test_a_tileable_texture_has_no_seam(network, settings):
    style = images.coloured_noise(64, 64, 1.2, 5)
    result = cs.texture(style, network, size=64, iterations=40, tileable=True, **settings)
    assert result.parameters["tileable"] is True
    tiled = np.tile(result.image.astype(float), (2, 2, 1))
    for axis in (0, 1):
        steps = np.abs(np.diff(tiled, axis=axis)).mean(axis=(1 - axis, 2))
        seam, inside = steps[63], np.delete(steps, 63)
        assert seam < 1.25 * inside.mean() and seam <= inside.max()


def test_a_mirrored_texture_has_a_seam(network):
    """So the test above can fail."""
    style = images.coloured_noise(64, 64, 1.2, 5)
    result = cs.texture(style, network, size=64, iterations=40)
    tiled = np.tile(result.image.astype(float), (2, 2, 1))
    for axis in (0, 1):
        steps = np.abs(np.diff(tiled, axis=axis)).mean(axis=(1 - axis, 2))
        assert steps[63] > 1.5 * np.delete(steps, 63).mean()


def test_a_seamless_picture_stays_so_when_it_is_enlarged():
    rows, columns = np.mgrid[:24, :36] * (2 * np.pi / np.array([24, 36])[:, None, None])
    wave = 127 + 60 * np.sin(rows) + 60 * np.cos(3 * columns)
    picture = np.repeat(wave[..., None], 3, axis=2).astype(np.uint8)
    large = enlarge_seamless(picture, (34, 51)).astype(float)
    # A picture that is moved around its borders by twelve pixels is enlarged as the same picture, moved by 17.
    moved = enlarge_seamless(np.roll(picture, (12, 12), (0, 1)), (34, 51)).astype(float)
    np.testing.assert_allclose(np.roll(large, (17, 17), (0, 1)), moved, atol=1)


def test_a_tileable_picture_needs_its_margin(pair, network):
    for make in (
        lambda **asked: cs.texture(pair[1], network, **asked),
        lambda **asked: cs.element(network, LAYER, **asked),
    ):
        with pytest.raises(OptionError, match="give --margin 16, or leave --tileable out"):
            make(size=32, iterations=1, tileable=True, margin=0)


def test_the_estimate_of_memory_counts_the_margin(network):
    shape, styles = (96, 128), [(96, 128)]
    asked = TransferSettings(size=128, optimizer="scipy").for_model(network)
    needs = {
        width: transfer_needs(network, shape, styles, asked.replace(margin=width))
        for width in (0, 16, 64)
    }
    assert needs[0].responses < needs[16].responses < needs[64].responses
    assert needs[0].total < needs[16].total < needs[64].total


def test_a_picture_from_before_is_repeated_without_a_margin(pair, network, tmp_path, capsys):
    result = cs.transfer(*pair, network, margin=0, **SETTINGS)
    parameters = {**result.parameters}
    del parameters["margin"], parameters["tileable"]
    old, new = str(tmp_path / "old.png"), str(tmp_path / "new.png")
    images.write_image(old, result.image, parameters)
    assert cli.main(["transfer", "--like", old, "-q", "-o", new]) == 0
    np.testing.assert_array_equal(images.read_image(new), result.image)
    assert images.read_metadata(new)["margin"] == 0
    assert cli.main(["show", old]) == 0
    assert "--margin 0" in capsys.readouterr().out.splitlines()[-1]


def test_a_tileable_picture_is_repeated(pair, network, tmp_path, capsys):
    one, other = str(tmp_path / "one.png"), str(tmp_path / "other.png")
    texture = ["texture", pair[1], "--model", "strokenet", "--size", "48", "--iterations", "2"]
    assert cli.main([*texture, "--tileable", "-q", "-o", one]) == 0
    assert cli.main(["texture", "--like", one, "-q", "-o", other]) == 0
    np.testing.assert_array_equal(images.read_image(other), images.read_image(one))
    assert cli.main(["show", one]) == 0
    assert "--tileable" in capsys.readouterr().out.splitlines()[-1].split()


@pytest.mark.parametrize("asked", [{}, {"margin": 8}, {"tileable": True}])
def test_a_resumed_run_ends_in_the_same_picture_bit_for_bit(pair, network, tmp_path, asked):
    path = tmp_path / "run.npz"
    settings = {**SETTINGS, **asked, "scales": 2, "size": 64}
    whole = cs.transfer(*pair, network, optimizer="device", **settings)
    cs.transfer(*pair, network, checkpoint=path, callback=stop_at(2), **settings)
    np.testing.assert_array_equal(cs.resume(path).image, whole.image)


def test_a_checkpoint_from_before_goes_on_without_a_margin(pair, network, tmp_path):
    path = tmp_path / "run.npz"
    whole = cs.transfer(*pair, network, margin=0, optimizer="device", **SETTINGS)
    cs.transfer(*pair, network, margin=0, checkpoint=path, callback=stop_at(3), **SETTINGS)
    saved = checkpoint_file.read_checkpoint(path)
    parameters = {**saved.run["parameters"]}
    del parameters["margin"], parameters["tileable"]
    saved = saved._replace(run={**saved.run, "parameters": parameters})
    checkpoint_file.write_checkpoint(path, saved)
    with pytest.raises(CheckpointError, match="margin 0, not 16"):
        going_on = cs.Checkpoint(path, resume=path)
        cs.transfer(*pair, network, checkpoint=going_on, margin=16, **SETTINGS)
    np.testing.assert_array_equal(cs.resume(path).image, whole.image)
    checkpoint_file.write_checkpoint(path, saved)
    going_on = cs.Checkpoint(path, resume=path)
    np.testing.assert_array_equal(
        cs.transfer(*pair, network, checkpoint=going_on, **SETTINGS).image, whole.image
    )
