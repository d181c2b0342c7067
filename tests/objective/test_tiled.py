"""Tiles: what is computed piece by piece is what the whole picture gives."""

from __future__ import annotations

import numpy as np
import pytest

from caffe_style import losses
from caffe_style.backends import select as backends
from caffe_style.engine.formats.prototxt import read_prototxt
from caffe_style.errors import OptionError
from caffe_style.networks import zoo
from caffe_style.networks.margin import Frame, Margin
from caffe_style.networks.network import Network
from caffe_style.networks.random_weights import fill_random
from caffe_style.objective.cutting import cut, responses
from caffe_style.objective.objective import Objective
from caffe_style.objective.receptive import Field, receptive_fields
from caffe_style.objective.term import single_term
from caffe_style.objective.tiled import TiledGram, TiledLocal, TiledObjective, TiledTerm
from caffe_style.objective.tiles import plan
from caffe_style.pictures import images
from caffe_style.scene.terms import variation_term

MARGINS = [Margin(), Margin(24, wrapped=True)]
MODELS = {
    "vgg16": ("conv1_1", "conv2_1", "conv3_1"),
    "squeezenet": ("conv1", "fire2/concat", "fire4/concat"),
    "googlenet": ("conv1/7x7_s2", "inception_3a/output"),
    "alexnet": ("conv1", "conv2", "conv3"),
}
#: Sides of small tiles in pixels. AlexNet's responses depend on the most pixels.
TILES = {"vgg16": 160, "squeezenet": 160, "googlenet": 160, "alexnet": 256}


@pytest.fixture(scope="module", params=sorted(MODELS))
def network(request):
    model = zoo.get_model(request.param)
    param = read_prototxt(str(model.prototxt))
    net = backends.open_net(param, None)
    fill_random(net, net.inputs[0], model.mean, 0)
    return Network(net, model, "cpu", param)


@pytest.fixture
def pair(network):
    """Two pictures of four tiles or more."""
    tile = TILES[network.name]
    return [images.coloured_noise(tile + 27, tile + 75, 1.0, seed) for seed in (0, 1)]


def test_receptive_fields_of_vgg():
    param = read_prototxt(str(zoo.get_model("vgg19").prototxt))
    fields = receptive_fields(param, "data", "conv5_1")
    # Known sizes: 3 pixels for the first convolution, 156 for conv5_1.
    for blob, jump, size in (("conv1_1", 1, 3), ("conv2_1", 2, 10), ("conv5_1", 16, 156)):
        field = fields[blob]
        assert (field.jump, field.before + field.after + 1) == (jump, size)


def test_a_response_depends_on_its_receptive_field_only(network):
    blob = MODELS[network.name][-1]
    field = receptive_fields(network.param, network.input_blob, network.last_layer([blob]))[blob]
    plain = images.coloured_noise(200, 200, 1.0, 0)
    before = network.features(plain, [blob])[blob]
    changed = plain.copy()
    changed[100] = 255 - changed[100]
    change = np.abs(network.features(changed, [blob])[blob] - before).max(axis=(0, 2))
    rows = np.flatnonzero(change > 1e-4 * before.max())  # fast convolutions round across blocks
    reach = [
        row
        for row in range(before.shape[1])
        if -field.before <= 100 - row * field.jump <= field.after
    ]
    assert set(rows) <= set(reach), (rows, reach)
    assert len(rows) > 0.5 * len(reach)


@pytest.mark.parametrize("shape", [(300, 1000), (641, 517), (256, 256), (257, 999)])
def test_cores_cover_the_picture_once(shape):
    fields = [Field(1, 1, 1), Field(8, 30, 37)]
    tiles = plan(shape, 256, fields)
    assert len({tile.window[0].stop - tile.window[0].start for tile in tiles}) == 1
    for field in fields:
        own = [slice(2, -(-side // field.jump)) for side in shape]
        covered = np.zeros([part.stop - 2 for part in own], int)
        for tile in tiles:
            window, place = tile.core(field, own)
            covered[place] += 1
            assert np.ones([-(-256 // field.jump)] * 2)[window].shape == covered[place].shape
        assert (covered == 1).all()


def test_tiles_that_are_all_margin_are_refused():
    with pytest.raises(OptionError, match="too small: responses depend on 80 pixels"):
        plan((500, 500), 160, [Field(16, 70, 85)])


@pytest.mark.parametrize("margin", MARGINS)
def test_responses_are_those_of_the_whole(network, pair, margin):
    blobs = MODELS[network.name]
    frame = Frame(network, pair[0].shape[:2], margin)
    pieces = cut(network, frame, TILES[network.name], blobs)
    assert len(pieces.tiles) >= 4
    whole = network.features(pair[0], blobs, margin)
    together = {blob: np.full_like(whole[blob], np.nan) for blob in blobs}
    padded = frame.pad(network.to_blob(pair[0]))
    for blob, place, core in responses(network, padded, pieces, blobs):
        together[blob][(slice(None), *place)] = core
    for blob in blobs:
        np.testing.assert_allclose(together[blob], whole[blob], atol=2e-5 * whole[blob].max())


@pytest.mark.parametrize("margin", MARGINS)
def test_value_and_gradient_are_those_of_the_whole(network, pair, margin):
    content, style = pair
    blobs = MODELS[network.name]
    pictured, painted = (network.features(picture, blobs, margin) for picture in pair)
    rng = np.random.default_rng(0)
    plain, tiled = [], []
    for blob in blobs:
        target = losses.target_gram(painted[blob])
        positions = pictured[blob][0].size
        weight = 1 / losses.gram(np.zeros_like(pictured[blob]), target)[0]
        plain.append(single_term("gram " + blob, blob, losses.gram, target, weight))
        tiled.append(
            TiledTerm("gram " + blob, blob, TiledGram(target, positions=positions, weight=weight))
        )
        mask = rng.random(pictured[blob].shape[1:], np.float32)
        guided = losses.CovariationTarget(target[np.newaxis], mask[np.newaxis])
        plain.append(single_term("mask " + blob, blob, losses.covariation, guided, weight))
        tiled.append(
            TiledTerm("mask " + blob, blob, TiledGram(*guided, positions=positions, weight=weight))
        )
    top, bottom = blobs[-1], blobs[0]
    weight = 1 / losses.content(np.zeros_like(pictured[top]), pictured[top])[0]
    plain.append(single_term("content", top, losses.content, pictured[top], weight))
    local = TiledLocal(losses.content, pictured[top], weight)
    tiled.append(TiledTerm("content", top, local))
    weight = 1 / losses.pixelwise(np.zeros_like(pictured[bottom]), painted[bottom])[0]
    plain.append(single_term("pixelwise", bottom, losses.pixelwise, painted[bottom], weight))
    local = TiledLocal(losses.pixelwise, painted[bottom], weight, position_power=2)
    tiled.append(TiledTerm("pixelwise", bottom, local))
    variation = variation_term(network, 0.1, content, content.shape[:2])

    image = network.to_blob(images.mix(content, style, 0.5))
    frame = Frame(network, content.shape[:2], margin)
    whole = Objective(network.net, network.input_blob, plain + variation, frame)
    value, gradient, parts = whole(image)
    gradient = gradient.copy()
    objective = TiledObjective(network, frame, TILES[network.name], tiled, variation)
    for _ in range(2):  # nothing is left over from the evaluation before
        tiled_value, tiled_gradient, tiled_parts = objective(image)
        assert tiled_value == pytest.approx(value, rel=1e-5)
        assert tiled_parts == {name: pytest.approx(part, rel=1e-4) for name, part in parts.items()}
        error = np.abs(tiled_gradient - gradient) / np.abs(gradient).max()
        assert np.quantile(error, 0.95) < 1e-5
        # A tile may use other fast algorithms than the whole. Their rounding decides about the gradient where a
        # response is about zero, or where two of a pool are about equal.
        assert np.linalg.norm(tiled_gradient - gradient) < 1e-2 * np.linalg.norm(gradient)


def test_a_layer_that_sees_everything_is_refused(network):
    param = read_prototxt(str(zoo.get_model("vgg16").prototxt))
    layer = param.layer.add(name="fc", type="InnerProduct", bottom=["conv1_1"], top=["fc"])
    with pytest.raises(OptionError, match="'fc' .* cannot run in tiles"):
        receptive_fields(param, "data", layer.name)
