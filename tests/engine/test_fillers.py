"""Fillers: what they draw, from which seed, over which fan."""

from __future__ import annotations

import numpy as np
import pytest

from caffe_style.engine import set_random_seed
from caffe_style.engine.blob import Blob
from caffe_style.engine.fillers import fill
from caffe_style.engine.proto.caffe_pb2 import LayerParameter
from caffe_style.errors import LayerError

SHAPE = (40, 30, 3, 3)


def filled(shape=SHAPE, seed=1, **fields):
    filler = LayerParameter().inner_product_param.weight_filler
    for name, value in fields.items():
        setattr(filler, name, value)
    set_random_seed(seed)
    blob = Blob(shape, channels_last=False)
    fill(blob, filler)
    return blob.data


def test_constant():
    assert (filled() == 0).all()
    assert (filled(value=2.5) == 2.5).all()
    assert filled((), value=2.5) == 2.5


def test_uniform_and_gaussian():
    values = filled(type="uniform", min=-1, max=3)
    assert -1 <= values.min() < -0.9 and 2.9 < values.max() < 3
    values = filled(type="gaussian", mean=2, std=0.5)
    assert abs(values.mean() - 2) < 0.02 and abs(values.std() - 0.5) < 0.02


def test_seeds():
    assert np.array_equal(filled(type="gaussian"), filled(type="gaussian"))
    assert not np.array_equal(filled(type="gaussian"), filled(type="gaussian", seed=2))


def test_sparse_gaussian_keeps_about_so_many_inputs_of_each_output():
    values = filled((100, 400), type="gaussian", sparse=15)
    assert abs((values != 0).mean() - 15 / 100) < 0.01


FAN_IN, FAN_OUT = 30 * 9, 40 * 9


@pytest.mark.parametrize("norm, fan", [(0, FAN_IN), (1, FAN_OUT), (2, (FAN_IN + FAN_OUT) / 2)])
def test_xavier_and_msra(norm, fan):
    values = filled(type="xavier", variance_norm=norm)
    bound = np.sqrt(3 / fan)
    assert 0.99 * bound < np.abs(values).max() <= bound * (1 + 1e-6)
    assert abs(filled(type="msra", variance_norm=norm).var() / (2 / fan) - 1) < 0.05


def test_positive_unitball():
    values = filled(type="positive_unitball")
    assert values.min() >= 0
    assert np.allclose(values.reshape(40, -1).sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("kernel, tent", [(3, [0.5, 1, 0.5]), (4, [0.25, 0.75, 0.75, 0.25])])
def test_bilinear(kernel, tent):
    values = filled((2, 3, kernel, kernel), type="bilinear")
    assert np.allclose(values, np.outer(tent, tent))


def test_wrong_fillers():
    for shape, fields, message in (
        (SHAPE, {"type": "magic"}, "choose one of constant"),
        (SHAPE, {"type": "xavier", "sparse": 2}, "only the gaussian"),
        ((2, 2), {"type": "bilinear"}, "square filters"),
        ((2, 2, 3, 4), {"type": "bilinear"}, "square filters"),
        ((2, 0), {"type": "xavier"}, "holds nothing"),
    ):
        with pytest.raises(LayerError, match=message):
            filled(shape, **fields)
