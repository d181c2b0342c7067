"""Regions: kinds that both pictures have, segmentations and masks, from the pictures to the loss."""

from __future__ import annotations

import logging
import os

import numpy as np
import pytest
from helpers.gradients import check_gradient, steep

import caffe_style as cs
from caffe_style import cli
from caffe_style.errors import OptionError
from caffe_style.objective.objective import Objective
from caffe_style.pictures import images
from caffe_style.pictures.edges import guided_filter
from caffe_style.scene import kinds
from caffe_style.scene.regions import layer_guides, matched_regions
from caffe_style.scene.segments import segmented
from caffe_style.scene.styles import Style
from caffe_style.scene.targets import Reference
from caffe_style.scene.terms import make_terms
from caffe_style.settings.style_losses import STYLE_LOSSES

BLUE, GREEN, RED = (90, 140, 250), (60, 160, 40), (250, 30, 30)
ASKED = ["--model", "strokenet", "--size", "96", "--iterations", "2", "-q"]


def landscape(height, width, horizon, sky=BLUE, ground=GREEN, seed=0):
    """A smooth sky above a rough ground."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:horizon] = sky
    grain = np.random.default_rng(seed).integers(-40, 40, (height - horizon, width, 1))
    picture[horizon:] = np.clip(np.array(ground) + grain, 0, 255)
    return picture


@pytest.fixture(scope="module")
def network():
    return cs.open_network("strokenet")


@pytest.fixture(scope="module")
def pair():
    return landscape(72, 96, 24), landscape(96, 80, 64, (250, 140, 60), (90, 60, 20), 1)


def halves(height, width, at, first=RED, second=GREEN):
    picture = np.empty((height, width, 3), np.uint8)
    picture[:at], picture[at:] = first, second
    return picture


# -- kinds ----------------------------------------------------------------------------------------


def found(network, pictures, count, seed=0):
    places = [kinds.describe_places(network, one, ["conv3_2", "conv4_2"]) for one in pictures]
    return kinds.find_kinds(places, count, seed)


@pytest.mark.parametrize("count", [3, "auto"])
def test_sky_goes_to_sky(network, count):
    """A flat sky may be of several kinds, but none of them is one of the ground's, in either picture."""
    paler = landscape(96, 80, 64, (150, 170, 230), (110, 120, 40), 1)
    guides = found(network, [landscape(72, 96, 24), paler], count)
    assert guides[0].shape[1:] == (18, 24) and guides[1].shape[1:] == (24, 20)
    for one in guides:
        np.testing.assert_allclose(one.sum(axis=0), 1, atol=1e-5)
        assert one.min() >= 0
    sky = guides[0][:, :5].mean(axis=(1, 2)) > guides[0][:, 10:].mean(axis=(1, 2))
    of_sky = [one[sky].sum(axis=0) for one in guides]
    assert of_sky[0][:5].mean() > 0.9 and of_sky[0][10:].mean() < 0.1
    assert of_sky[1][:14].mean() > 0.9 and of_sky[1][20:].mean() < 0.1


def test_a_kind_that_one_picture_lacks_is_dropped(network, pair):
    content = pair[0].copy()
    content[40:, 40:] = RED
    guides = found(network, [content, pair[1]], 3)
    for one in guides:
        assert len(one) < 3 and one.mean(axis=(1, 2)).min() >= kinds.LEAST


def test_a_small_kind_does_not_fill_a_large_one(network):
    """A red spot of the style is a kind of its own, until the content is mostly red."""
    style = landscape(96, 96, 48)
    style[60:85, 60:85] = RED
    for rows, left in ((slice(66, 90), True), (slice(6, 90), False)):
        content = landscape(96, 96, 48)
        content[rows, 6:90] = RED
        guides = found(network, [content, style], 3)
        parts = np.array([one.mean(axis=(1, 2)) for one in guides])
        assert (parts.min(axis=0) >= kinds.UNEQUAL * parts.max(axis=0)).all()
        assert (len(parts[0]) == 3) == left


def test_kinds_are_seeded(network, pair):
    for one, again in zip(found(network, pair, 3, seed=4), found(network, pair, 3, seed=4)):
        np.testing.assert_array_equal(one, again)


def test_the_border_is_no_kind_of_its_own(network):
    """Of an even picture all places are alike, with padding or without."""
    places = kinds.describe_places(
        network, np.full((96, 96, 3), 120, np.uint8), ["conv3_2", "conv4_2"]
    )
    responses = places[..., :-1]  # without the height
    np.testing.assert_allclose(
        responses, np.broadcast_to(responses[12, 12], responses.shape), atol=1e-3
    )


@pytest.mark.parametrize("loss, lines", [("gram", 1), ("covariation", 0)])
def test_guides_that_have_no_effect_are_named(network, pair, caplog, loss, lines):
    with caplog.at_level(logging.WARNING, "caffe_style"):
        cs.transfer(*pair, network, size=64, iterations=1, guides="kinds", style_loss=loss)
    said = [
        r.getMessage() for r in caplog.records if "guides kinds has no effect" in r.getMessage()
    ]
    assert len(said) == lines


def test_one_single_kind_falls_back_to_gram(network, caplog):
    sky = np.broadcast_to(np.array(BLUE, np.uint8), (64, 64, 3)).copy()
    dark = np.broadcast_to(np.array([40, 20, 0], np.uint8), (64, 64, 3)).copy()
    options = {"size": 64, "iterations": 2}
    with caplog.at_level(logging.WARNING, "caffe_style"):
        result = cs.transfer(sky, dark, network, regions=2, **options)
    assert sum("only one kind" in record.getMessage() for record in caplog.records) == 1
    with caplog.at_level(logging.WARNING, "caffe_style"):
        cs.show_regions(sky, dark, network, regions=2, size=64)
    # The sheet itself says it, so that --show-regions does not say it twice.
    assert sum("only one kind" in record.getMessage() for record in caplog.records) == 1
    plain = cs.transfer(sky, dark, network, **options)
    np.testing.assert_array_equal(result.image, plain.image)


# -- guides ---------------------------------------------------------------------------------------


def test_the_guided_filter_finds_the_edge():
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = 255
    blurred = np.clip((np.arange(60) - 19.5) / 20, 0, 1) * np.ones((1, 40, 1))
    sharp = guided_filter(blurred, picture, radius=8)[0]
    steps = np.abs(np.diff(sharp[20]))
    assert steps.argmax() == 29 and steps[29] > 5 * np.delete(steps, 29).max()
    np.testing.assert_allclose(
        guided_filter(np.full((1, 9, 9), 0.3), picture[:9, :9], 2), 0.3, atol=1e-6
    )


def test_regions_shrink_at_deep_layers_but_never_vanish():
    guides = np.zeros((2, 32, 32), np.float32)
    guides[0, :, :16] = guides[1, :, 16:] = 1
    small = layer_guides(guides, (32, 32), 3, "style")
    assert (small[0, :, :13] > 0).all() and (small[0, :, 13:] == 0).all()
    np.testing.assert_allclose(small.mean(axis=(1, 2)), 1, rtol=1e-6)
    assert (layer_guides(guides, (32, 32), 100, "style").max(axis=(1, 2)) > 0).all()


def test_the_shares_are_the_parts_of_the_content_picture():
    guides = np.zeros((2, 4, 4), np.float32)
    guides[0, :1] = guides[1, 1:] = 1
    assert matched_regions(guides, guides).shares == pytest.approx((0.25, 0.75))


# -- segmentations --------------------------------------------------------------------------------


def test_equal_colours_belong_together():
    drawn = [halves(36, 48, 12), halves(96, 80, 64)]
    regions = segmented(drawn, [landscape(72, 96, 24), landscape(96, 80, 64)])
    assert regions.content.shape == (2, 72, 96) and regions.style.shape == (2, 96, 80)
    assert sorted(regions.shares) == pytest.approx([1 / 3, 2 / 3])
    top = regions.content[:, 0, 0].argmax()
    assert regions.content[top, :24].all() and not regions.content[top, 24:].any()
    assert regions.style[top, :64].all() and not regions.style[top, 64:].any()


def test_a_colour_that_only_one_has_is_named(caplog):
    drawn = [halves(72, 96, 24), halves(72, 96, 24)]
    drawn[0][:8] = BLUE
    with caplog.at_level(logging.WARNING, "caffe_style"):
        regions = segmented(drawn, drawn)
        regions = segmented([drawn[0], halves(72, 96, 24)], drawn)
    assert "only array has #5a8cfa: these places get the nearest other kind" in caplog.text
    np.testing.assert_array_equal(regions.content.sum(axis=0), 1)
    assert len(regions.shares) == 2 and regions.content[:, :24].all(axis=(1, 2)).any()


def test_segmentations_without_a_common_colour_or_with_too_many():
    one = halves(48, 48, 24)
    with pytest.raises(OptionError, match="no colour in common"):
        segmented([one, np.full_like(one, 7)], [one, one])
    noise = images.white_noise(48, 48, 0)
    with pytest.raises(OptionError, match="colours in common, more than 25"):
        segmented([noise, noise], [noise, noise])


# -- the objective --------------------------------------------------------------------------------


def reference(pair, regions):
    return Reference(
        "style", pair[1], STYLE_LOSSES["gram"], {"conv1_1": 1.0, "conv3_1": 0.5}, regions
    )


def test_the_gradient_through_the_network(network, pair):
    drawn = segmented([halves(72, 96, 24), halves(96, 80, 64)], pair)
    terms = make_terms(network, reference(pair, drawn), (72, 96))
    network.resize(72, 96)
    objective = Objective(network.net, network.input_blob, terms)
    image = network.to_blob(pair[0])
    direction = steep(objective(image)[1].copy(), np.random.default_rng(0)).astype(np.float32)
    direction /= np.abs(direction).max()
    check_gradient(objective, image, direction, step=0.5, tolerance=2e-2)


@pytest.mark.parametrize(
    "options", [{"regions": 2}, {"style_loss": "covariation", "guides": "kinds"}]
)
@pytest.mark.parametrize("normalisation", ["relative", "paper"])
def test_tiles_give_what_the_whole_gives(network, options, normalisation):
    content, style = landscape(160, 320, 60), landscape(200, 300, 120, seed=1)
    whole, tiled = (
        cs.transfer(
            *[content, style, network],
            **{"size": 320, "iterations": 1, "tile": tile, "normalisation": normalisation},
            **options,
        ).history[0]
        for tile in (None, 256)
    )
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-5)
    for name, value in whole.terms.items():
        assert tiled.terms[name] == pytest.approx(value, rel=1e-3, abs=1e-6 * whole.loss)


def test_each_region_gets_its_own_kind(network):
    """The Gram loss would give the sky some of the ground's colour."""
    content = landscape(72, 96, 36, (150, 150, 150), (120, 120, 120))
    style = halves(96, 96, 48, (20, 20, 255), (255, 20, 20))
    drawn = [halves(72, 96, 36), halves(96, 96, 48)]
    # Content at a hundredth: colours move freely.
    result = cs.transfer(
        content, style, network, size=96, iterations=25, content_weight=0.01, segments=drawn
    )
    warmth = result.image[..., 0].astype(float) - result.image[..., 2]
    assert warmth[:30].mean() < -30 and warmth[42:].mean() > 30


def test_a_mask_on_the_style_picture_says_what_is_taken(network):
    content = landscape(72, 96, 36, (150, 150, 150), (120, 120, 120))
    style = halves(96, 96, 48, (20, 20, 255), (255, 20, 20))
    upper, lower = (
        halves(96, 96, 48, (255,) * 3, (0,) * 3),
        halves(96, 96, 48, (0,) * 3, (255,) * 3),
    )
    cold, warm = (
        cs.transfer(
            *[content, Style(style, style_mask=mask), network],
            **{"size": 96, "iterations": 15, "content_weight": 0.01},
        ).image.astype(float)
        for mask in (upper, lower)
    )
    assert (warm[..., 0] - warm[..., 2]).mean() > (cold[..., 0] - cold[..., 2]).mean() + 60


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, words",
    [
        (
            {"regions": 40},
            "regions must be auto or a whole number, at least 2 and at most 25, not 40",
        ),
        ({"regions": "many"}, "regions must be auto or"),
        (
            {"regions": 2, "style_loss": "spatial"},
            "regions work with the style losses gram and neighbours only, not",
        ),
        ({"regions": 2, "segments": ["a.png", "b.png"]}, "leave one out"),
        (
            {"style_loss": "covariation", "guides": "kinds", "guide_count": 26},
            "guide_count of at most 25",
        ),
        ({"segments": ["a.png"]}, "segments must be two pictures"),
        ({"segments": "a.png"}, "segments must be two pictures"),
    ],
)
def test_what_cannot_be(network, pair, options, words):
    with pytest.raises(OptionError, match=words):
        cs.transfer(*pair, network, size=64, iterations=1, **options)


def test_regions_need_both_pictures_and_no_masks(network, pair):
    with pytest.raises(OptionError, match="needs a content and a style picture"):
        cs.texture(pair[1], network, size=64, regions="auto")
    masked = Style(pair[1], mask=np.full((72, 96, 3), 255, np.uint8))
    with pytest.raises(OptionError, match="regions and masks both say"):
        cs.transfer(pair[0], masked, network, size=64, regions=2)
    with pytest.raises(OptionError, match="segments is for one style picture"):
        cs.transfer(pair[0], [pair[1]] * 2, network, size=64, segments=[pair[0], pair[1]])
    with pytest.raises(OptionError, match="there are no regions to show"):
        cs.show_regions(*pair, network, size=64)


# -- on the command line --------------------------------------------------------------------------


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
    assert cli.main(["batch", "jobs.yaml"]) == 0
    for name in ("r.png", "sheet.png", "t.png", "u.png"):
        assert images.read_image(name).size
