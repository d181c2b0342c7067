"""The rules of solvers and their learning rates, each against its formula, in double precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.line_solver import BASE, MOMENTA, maker, weights

from caffe_style import engine
from caffe_style.engine.solvers import SOLVERS


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes a solver of a prototxt's text, in a working directory of its own."""
    return maker(tmp_path, monkeypatch)


def sgd(gradients, rate, momentum=0.9, **_):
    velocity = 0
    for gradient in gradients:
        velocity = momentum * velocity + rate * gradient
        yield velocity


def nesterov(gradients, rate, momentum=0.9, **_):
    velocity = 0
    for gradient in gradients:
        last, velocity = velocity, momentum * velocity + rate * gradient
        yield (1 + momentum) * velocity - momentum * last


def adagrad(gradients, rate, delta, **_):
    total = 0
    for gradient in gradients:
        total = total + gradient**2
        yield rate * gradient / (np.sqrt(total) + delta)


def rmsprop(gradients, rate, delta, rms_decay=0.9, **_):
    mean = 0
    for gradient in gradients:
        mean = rms_decay * mean + (1 - rms_decay) * gradient**2
        yield rate * gradient / (np.sqrt(mean) + delta)


def adadelta(gradients, rate, delta, momentum=0.9, **_):
    mean = updates = 0
    for gradient in gradients:
        mean = momentum * mean + (1 - momentum) * gradient**2
        update = gradient * np.sqrt(updates + delta) / np.sqrt(mean + delta)
        updates = momentum * updates + (1 - momentum) * update**2
        yield rate * update


def adam(gradients, rate, delta, momentum=0.9, momentum2=0.99, **_):
    mean = square = 0
    for t, gradient in enumerate(gradients, 1):
        mean = momentum * mean + (1 - momentum) * gradient
        square = momentum2 * square + (1 - momentum2) * gradient**2
        # delta belongs to the root before its bias is corrected.
        root = (np.sqrt(square) + delta) / math.sqrt(1 - momentum2**t)
        yield rate * mean / (1 - momentum**t) / root


RULES = {
    "SGD": sgd,
    "Nesterov": nesterov,
    "AdaGrad": adagrad,
    "RMSProp": rmsprop,
    "AdaDelta": adadelta,
    "Adam": adam,
}


@pytest.mark.parametrize("name", SOLVERS)
def test_rule_against_its_formula(make, name):
    solver = make('type: "%s" delta: 0.001 %s' % (name, MOMENTA[name]))
    assert type(solver) is SOLVERS[name] and isinstance(solver, engine.Solver)
    random = np.random.RandomState(0)
    gradients = random.normal(0, 1, (6, 4, 3))
    wanted = weights(solver.net).astype(float)
    # lr_mult is a half.
    for gradient, update in zip(gradients, RULES[name](gradients, 0.1 * 0.5, delta=0.001)):
        solver.net.params["ip"][0].diff[...] = gradient
        solver.apply_update()
        wanted -= update
        np.testing.assert_allclose(weights(solver.net), wanted, atol=2e-6)
        np.testing.assert_allclose(solver.net.params["ip"][0].diff, update, rtol=1e-4, atol=1e-7)
    assert solver.iter == 6


@pytest.mark.parametrize("kind", ["L1", "L2"])
def test_gradients_are_clipped_averaged_and_decayed_in_this_order(make, kind):
    solver = make(
        'clip_gradients: 2 iter_size: 4 weight_decay: 0.3 regularization_type: "%s"' % kind
    )
    before = weights(solver.net).copy()
    gradient = np.random.RandomState(0).normal(0, 3, (4, 3))
    solver.net.params["ip"][0].diff[...] = gradient
    solver.apply_update()
    gradient *= 2 / np.sqrt((gradient**2).sum()) / 4
    gradient += 0.3 * 2 * (np.sign(before) if kind == "L1" else before)
    np.testing.assert_allclose(weights(solver.net), before - 0.05 * gradient, atol=1e-6)


def test_small_gradients_are_not_clipped(make):
    solver = make("clip_gradients: 5")
    before = weights(solver.net).copy()
    solver.net.params["ip"][0].diff[...] = 1
    solver.apply_update()
    np.testing.assert_allclose(weights(solver.net), before - 0.05, atol=1e-6)


POLICIES = {
    'lr_policy: "fixed"': lambda i: 1,
    'lr_policy: "step" stepsize: 3 gamma: 0.5': lambda i: 0.5 ** (i // 3),
    'lr_policy: "exp" gamma: 0.9': lambda i: 0.9**i,
    'lr_policy: "inv" gamma: 0.1 power: 0.75': lambda i: (1 + 0.1 * i) ** -0.75,
    'lr_policy: "multistep" gamma: 0.5 stepvalue: 2 stepvalue: 7': lambda i: (
        0.5 ** ((i >= 2) + (i >= 7))
    ),
    'lr_policy: "poly" max_iter: 12 power: 2': lambda i: (1 - i / 12) ** 2,
    'lr_policy: "sigmoid" gamma: 0.5 stepsize: 5': lambda i: 1 / (1 + math.exp(-0.5 * (i - 5))),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_learning_rate(make, policy):
    solver = make(policy, base=BASE.replace('lr_policy: "fixed"', ""))
    for iteration in range(10):
        before = weights(solver.net).copy()
        solver.net.params["ip"][0].diff[...] = 1
        wanted = 0.1 * POLICIES[policy](iteration)
        assert solver.lr == pytest.approx(wanted, rel=1e-6)
        solver.apply_update()
        np.testing.assert_allclose(before - weights(solver.net), 0.5 * wanted, atol=1e-6)


def test_the_rate_may_be_changed_between_steps(make):
    solver = make()
    solver.param.base_lr = 0.0
    before = weights(solver.net).copy()
    solver.step(2)
    assert np.array_equal(weights(solver.net), before)
