"""The paper's figures as contact sheets."""

from __future__ import annotations

import numpy as np
import pytest

import caffe_style as cs
from caffe_style import cli
from caffe_style.errors import CaffeStyleError
from caffe_style.experiments.figures import picture as figure_pictures
from caffe_style.experiments.figures.picture import needs_network
from caffe_style.experiments.figures.table import FIGURES, one_of_each_kind
from caffe_style.networks import resources, zoo
from caffe_style.pictures import images
from caffe_style.pictures.sheets import MARGIN, Cell, contact_sheet

SMALL = {"size": 48, "iterations": 1}


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture(scope="module")
def pair():
    return [images.coloured_noise(40, 60, 1.0, 0), images.coloured_noise(50, 40, 1.0, 1)]


@pytest.fixture
def made(monkeypatch):
    """The labels of the pictures that were really made."""
    labels = []
    make = figure_pictures._make

    def note(panel, *arguments):
        labels.append(panel.label)
        return make(panel, *arguments)

    monkeypatch.setattr(figure_pictures, "_make", note)
    return labels


@pytest.mark.parametrize("model", [model.name for model in zoo.list_models()])
@pytest.mark.parametrize("number", FIGURES)
def test_table_names_layers_and_experiments_that_exist(model, number):
    model = zoo.get_model(model)
    panels = FIGURES[number].panels(model)
    assert len({panel.label for panel in panels}) == len(panels)
    known = {"content", "style", "transfer", "texture", "element", "sparse", "feature"}
    assert {panel.experiment for panel in panels} <= known
    for panel in panels:
        layers = panel.parameters.get("layers", panel.parameters.get("style_layers", {}))
        assert set(layers) <= set(model.style_layers)
        for name in ("layers", "style_layers", "content_layers"):
            assert panel.parameters.get(name, {"": 1}), "no layers in '%s'" % panel.label
        if panel.model:
            zoo.get_model(panel.model)


# Figures 2 and 5 to 7 have their own tests, or too many pictures for one here.
@pytest.mark.parametrize("number", [1, 3, 4, 7, 8, 9, 13, 14])
def test_each_figure_is_made(network, pair, tmp_path, number, made):
    sheet = cs.figure(number, *pair, network, tmp_path, **SMALL)
    panels = FIGURES[number].panels(network.model)
    pictures = sorted((tmp_path / ("figure-%02d" % number)).glob("*.png"))
    assert len(pictures) == len(made) == sum(map(needs_network, panels))
    columns = min(FIGURES[number].columns, len(panels))
    assert images.read_image(sheet).shape[1] == MARGIN + columns * (48 + MARGIN)
    assert images.read_metadata(sheet)["figure"] == number


def test_pictures_differ_and_hold_their_parameters(network, pair, tmp_path):
    cs.figure(3, *pair, network, tmp_path, **SMALL)
    paths = sorted((tmp_path / "figure-03").glob("*.png"))
    inits = [images.read_metadata(path)["init"] for path in paths]
    assert inits == ["noise", "coloured:1", "content", "style", "mix:0.5"]
    pixels = [images.read_image(path).tobytes() for path in paths]
    assert len(set(pixels)) == len(pixels)


def test_only_what_is_missing_or_different_is_made(network, pair, tmp_path, made):
    cs.figure(9, *pair, network, tmp_path, **SMALL)
    assert made == ["from content", "from style", "from noise", "--preset season"]
    made.clear()
    sheet = cs.figure(9, *pair, network, tmp_path, **SMALL)
    before = sheet.read_bytes()
    assert made == []
    paths = sorted((tmp_path / "figure-09").glob("*.png"))
    paths[0].unlink()
    paths[1].write_bytes(b"broken")
    cs.figure(9, *pair, network, tmp_path, **SMALL)
    assert made == ["from content", "from style"]
    assert np.abs(images.read_image(sheet).astype(int) - decode(before)).max() <= 2
    for change in ({"iterations": 2}, {"seed": 1}, {"size": 40}):
        made.clear()
        cs.figure(9, *pair, network, tmp_path, **{**SMALL, **change})
        assert len(made) == 4, change
    made.clear()
    cs.figure(9, pair[1], pair[0], network, tmp_path, **SMALL)
    assert len(made) == 4
    made.clear()
    other = cs.open_network("strokenet", pooling="max")
    cs.figure(9, pair[1], pair[0], other, tmp_path, **SMALL)
    assert len(made) == 4


def decode(data: bytes) -> np.ndarray:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data))).astype(int)


def test_networks_without_weights_are_named_below(pair, tmp_path, monkeypatch, caplog, made):
    monkeypatch.setenv("CAFFE_STYLE_HOME", str(tmp_path / "none"))
    network = cs.open_network("strokenet")
    sheet = cs.figure(2, *pair, network, tmp_path, size=32, iterations=1)
    assert made == ["strokenet"]
    assert "vgg16: not made" in caplog.text and "models fetch vgg16" in caplog.text
    assert images.read_image(sheet).shape[1] == MARGIN + 3 * (32 + MARGIN)


def test_steps_count_over_the_whole_figure(network, pair, tmp_path):
    steps = []
    cs.figure(
        9, *pair, network, tmp_path, size=32, iterations=3,
        callback=lambda step, record: steps.append(step),
    )  # fmt: skip
    assert steps == list(range(1, 13))


def test_interruption_keeps_what_is_finished(network, pair, tmp_path, made):
    def interrupt(step, record):
        if step == 3:
            raise KeyboardInterrupt

    options = {"size": 32, "iterations": 2}
    with pytest.raises(KeyboardInterrupt):
        cs.figure(9, *pair, network, tmp_path, callback=interrupt, **options)
    assert [path.name for path in (tmp_path / "figure-09").iterdir()] == ["02-from-content.png"]
    assert not (tmp_path / "figure-09.png").exists()
    made.clear()
    cs.figure(9, *pair, network, tmp_path, **options)
    assert made == ["from style", "from noise", "--preset season"]


@pytest.mark.parametrize(
    "number, pictures, words",
    [
        (15, (0, 1), "no figure 15"),
        (0, (0, 1), "no figure 0"),
        (3, ("no.png", 1), "no.png: no such file"),
    ],
)
def test_figures_that_cannot_be(network, pair, tmp_path, number, pictures, words):
    given = [pair[which] if isinstance(which, int) else which for which in pictures]
    with pytest.raises(CaffeStyleError, match=words):
        cs.figure(number, *given, network, tmp_path, **SMALL)
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_made(network, pair, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "no" / "such", tmp_path / "picture.png"):
        with pytest.raises(CaffeStyleError, match="folder"):
            cs.figure(9, *pair, network, folder, **SMALL)
        assert not folder.is_dir()


def test_contact_sheet_layout():
    red = np.zeros((30, 40, 3), np.uint8)
    red[..., 0] = 255
    cells = [Cell("one", red), Cell("a reason that takes several lines", None), Cell("two", red)]
    sheet = contact_sheet("title", cells, 2, 40)
    assert sheet.shape[1] == MARGIN + 2 * (40 + MARGIN) and sheet.dtype == np.uint8
    is_red = (sheet == (255, 0, 0)).all(axis=2)
    assert is_red.sum() == 2 * 30 * 40
    columns = np.flatnonzero(is_red.any(axis=0))
    # The second row has one picture, in the middle.
    assert (columns[0], columns[-1]) == (MARGIN, MARGIN + 63)


def test_a_taller_picture_gets_the_height_of_its_row():
    wide, tall = (np.full((*shape, 3), 7, np.uint8) for shape in ((30, 40), (40, 20)))
    cells = [Cell("", wide), Cell("", tall), Cell("", wide)]
    inked = (contact_sheet("", cells, 3, 40) == 7).all(axis=2)
    assert inked.any(axis=1).sum() == 30
    assert inked.sum() == 2 * 30 * 40 + 30 * 15


def test_a_short_row_is_in_the_middle_and_a_note_below():
    cells = [Cell("", np.full((40, 40, 3), 7, np.uint8))] * 3
    sheet = contact_sheet("", cells, 2, 40)
    last = (sheet[len(sheet) // 2 :] == 7).all(axis=2)
    columns = np.flatnonzero(last.any(axis=0))
    assert columns[0] + columns[-1] == sheet.shape[1] - 1
    noted = contact_sheet("", cells, 2, 40, "a note")
    assert len(noted) > len(sheet) and (noted[: len(sheet)] == sheet).all()


def test_large_pictures_are_shrunk_to_their_column():
    sheet = contact_sheet("t", [Cell("big", np.zeros((300, 200, 3), np.uint8))], 3, 64)
    assert sheet.shape[1] == 64 + 2 * MARGIN


def test_command(tmp_path, monkeypatch, capsys, pair):
    monkeypatch.chdir(tmp_path)
    for name, image in zip(("content.png", "style.png"), pair):
        images.write_image(name, image)
    asked = ["--model", "strokenet", "--size", "32", "--iterations", "1"]
    both = ["--content", "content.png", "--style", "style.png", *asked]
    assert cli.main(["figure", "9", *both, "-o", "out"]) == 0
    assert capsys.readouterr().out.strip() == str(images.Path("out/figure-09.png"))
    assert images.read_metadata("out/figure-09/02-from-content.png")["content"] == "content.png"
    assert cli.main(["figure", "15", *both]) == 2
    assert "no figure 15" in capsys.readouterr().err


def test_all_makes_one_of_each_kind_of_given_pictures(monkeypatch, tmp_path):
    from caffe_style.cli import figure as command

    numbers = []
    monkeypatch.setattr(command, "_make", lambda args, each, *rest: numbers.append(each))
    asked = ["figure", "all", "--model", "strokenet"]
    assert cli.main([*asked, "--content", "content.png"]) == 0
    assert numbers == one_of_each_kind() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14]
    numbers.clear()
    assert cli.main(asked) == 0
    assert numbers == list(FIGURES)


def test_without_pictures_the_examples_are_shown(network, tmp_path):
    sheet = cs.figure(9, None, None, network, tmp_path, **SMALL)
    noted = images.read_metadata(sheet)
    shown = [images.Path(noted[which]).name for which in ("content", "style")]
    assert shown == ["mountains.jpg", "autumn.jpg"]


def test_every_figure_has_examples():
    for figure in FIGURES.values():
        for name in (figure.content, figure.style):
            assert (resources.folder("examples") / name).is_file()


def test_figure_1_shows_several_styles(network, pair, tmp_path, made):
    sheet = cs.figure(1, pair[0], pair[::-1], network, tmp_path, **SMALL)
    assert made == ["in all styles, mixed", "in style 1", "in style 2"]
    assert images.read_image(sheet).shape[1] == MARGIN + 3 * (48 + MARGIN)
    made.clear()
    cs.figure(1, pair[0], pair[::-1], network, tmp_path, **SMALL)
    assert made == []
    shown = [images.read_image(path) for path in sorted((tmp_path / "figure-01").glob("*.png"))]
    alone = cs.transfer(pair[0], pair[0], network, **SMALL).image
    assert [np.array_equal(alone, each) for each in shown] == [False, False, True]


def test_a_long_title_takes_more_lines():
    cells = [Cell("one", np.zeros((30, 40, 3), np.uint8))]
    short, long = (contact_sheet(title, cells, 1, 40) for title in ("one", "one two three four"))
    assert long.shape[1] == short.shape[1] and long.shape[0] > short.shape[0]
    assert (long[:, -MARGIN:] == 255).all()
