"""Segmentations: the colours that two drawings have in common."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from helpers.landscapes import BLUE, halves, landscape

from caffe_style.errors import OptionError
from caffe_style.pictures import images
from caffe_style.scene.segments import segmented


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
