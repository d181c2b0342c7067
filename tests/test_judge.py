"""The judge of finished pictures."""

from __future__ import annotations

import numpy as np
import pytest

import caffe_style as cs
from benchmarks import judge
from caffe_style.pictures import images


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


def picture(seed, shape=(48, 64, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_a_picture_is_at_no_distance_from_itself(network):
    content, style = picture(0), images.resize(picture(1, (6, 8, 3)), (48, 64))
    of_style, of_content = judge.distances(network, content, content, style)
    assert of_content == 0 and of_style > 0.01
    of_style, of_content = judge.distances(network, style, content, style)
    assert of_style == 0 and of_content > 0.01


def test_sorted_responses_do_not_depend_on_the_places(network):
    tile = picture(1, (32, 32, 3))
    style = np.concatenate([tile, tile], 1)
    assert judge.sorted_distance(network, style, style) == 0
    near, far = (judge.sorted_distance(network, one, style) for one in (tile, tile // 2))
    assert 0 < near < 0.2 * far


def test_distances_are_relative():
    wanted = np.array([3.0, 4.0])
    assert judge.relative(np.zeros(2), wanted) == 1
    assert judge.relative(np.array([3.0, 9.0]), wanted) == 1
    assert judge.relative(10 * wanted, 10 * wanted) == 0


def test_edges_agree_with_their_own():
    content = np.zeros((40, 40, 3), np.uint8)
    content[:, 20:] = 200
    assert judge.edge_agreement(255 - content, content) == pytest.approx(1)
    assert judge.edge_agreement(content.transpose(1, 0, 2), content) < 0.2


def test_settings_are_keywords_of_transfer():
    text = "init=mix:0.3;style_weight=100;style_layers={'conv1_1': 1}"
    wanted = {"init": "mix:0.3", "style_weight": 100, "style_layers": {"conv1_1": 1}}
    assert judge.parsed(text) == wanted
    assert judge.parsed("") == {}


def test_finished_pictures_are_kept(network, tmp_path):
    kept = picture(2)
    images.write_image(tmp_path / "kept.png", kept)
    pictures = [picture(0), picture(1)]
    assert np.array_equal(judge.painted(tmp_path / "kept.png", network, pictures, {}), kept)
    made = judge.painted(tmp_path / "made.png", network, pictures, {"size": 64, "iterations": 1})
    assert made.shape == (48, 64, 3) and (tmp_path / "made.png").is_file()


def test_pictures_are_found_by_name(tmp_path):
    (tmp_path / "cat.jpg").touch()
    assert judge.found_in([tmp_path, judge.EXAMPLES], "cat") == tmp_path / "cat.jpg"
    assert judge.found_in([tmp_path, judge.EXAMPLES], "fractal").parent == judge.EXAMPLES
    with pytest.raises(SystemExit, match="no picture dog"):
        judge.found_in([tmp_path], "dog")
