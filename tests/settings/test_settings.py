"""Settings: one declaration gives the option, the keyword argument, the metadata and the one-line error."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
from dataclasses import dataclass
from typing import Optional

import numpy as np
import pytest

import caffe_style as cs
from caffe_style.cli import make_parser
from caffe_style.cli.options import add_settings
from caffe_style.errors import OptionError
from caffe_style.experiments.presets import PRESETS, PURPOSES, get_preset
from caffe_style.networks.zoo import get_model, list_models
from caffe_style.settings import commands
from caffe_style.settings.base import REQUIRED, Settings, changed, setting, takes
from caffe_style.settings.commands import COMMANDS
from caffe_style.settings.kinds import Choice, Flag, Kind, LayerWeights, Number, Scales
from caffe_style.settings.picture_kinds import File
from caffe_style.settings.transfer import FromNoiseSettings, TransferSettings

#: What a command needs besides its defaults.
NEEDED = {
    "element": {"layer": "conv1_1"},
    "sparse": {"layers": {"conv1_1": 1.0}},
    "feature": {"layer": "conv1_1"},
}


@dataclass(frozen=True)
class Made(Settings):
    """Made-up settings with one of each kind."""

    layer: str = setting(REQUIRED, Kind(), "which layer", "objective")
    grain: int = setting(3, Number(int, 1, 9), "how coarse it is", "picture")
    fog: Optional[float] = setting(None, Number(float, 0), "how much fog", "picture", shown="none")
    mirror: bool = setting(False, Flag(), "turn it round", "picture", shown="no")
    paper: str = setting("plain", Choice(("plain", "laid")), "what it is printed on", "output")


# -- kinds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, text, value",
    [
        (Kind(), "conv1_1", "conv1_1"),
        (Number(int, 1), "12", 12),
        (Number(float), "1e-3", 0.001),
        (Choice(("a", "b")), "b", "b"),
        (LayerWeights(), "conv1_1:0.5, conv2_1", {"conv1_1": 0.5, "conv2_1": 1.0}),
        (Scales(), "auto", "auto"),
        (Scales(), "3", 3),
        (File(), "a b.png", "a b.png"),
    ],
)
def test_a_text_is_read_and_written(kind, text, value):
    read = kind.read(text, "x")
    assert read == value and type(read) is type(value)
    assert kind.read(kind.write(read), "x") == value
    assert kind.check(kind.note(read), "x") == value


@pytest.mark.parametrize(
    "kind, value, reason",
    [
        (Kind(), "", "x must be a text, not ''"),
        (Kind(), 3, "x must be a text, not 3"),
        (Number(int, 1, 9), 10, "x must be .* not 10"),
        (Number(int), 1.5, "x must be a whole number, not 1.5"),
        (Number(int), True, "x must be a whole number, not True"),
        (Number(float), float("nan"), "x must be a finite number, not nan"),
        (Number(float, 0), -1, "x must be .* not -1"),
        (Number(float), "1", "x must be a finite number, not '1'"),
        (Flag(), 1, "x must be true or false, not 1"),
        (Choice(("a", "b")), "c", "unknown x 'c': choose one of a, b"),
        (LayerWeights(), ["conv1_1"], "x must be names of layers with their weights, not list"),
        (LayerWeights(), {"conv1_1": "much"}, "x: the weight of conv1_1 must be a finite number"),
        (LayerWeights(), {3: 1.0}, "a layer's name in x must be a text, not 3"),
        (Scales(), 0, "x must be auto or a whole number from 1, not 0"),
        (File(), "a\0b", "x must be a picture's file or array"),
        (Kind(), "\n" * 200, None),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_setting(kind, value, reason):
    if reason is None:
        reason, kind = "unknown x", Choice(("a",))
    with pytest.raises(OptionError, match=reason) as caught:
        kind.check(value, "x")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_numpys_scalars_are_numbers():
    made = Made(layer="a", grain=np.int64(2), fog=np.float32(0.5))
    assert (type(made.grain), type(made.fog)) == (int, float)


# -- all settings ------------------------------------------------------------------------------------


def test_they_never_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Made(layer="a").grain = 4
    made = Made(layer="a").replace(grain=4)
    assert made == Made(layer="a", grain=4) != Made(layer="a")


def test_a_required_setting_is_asked_for():
    with pytest.raises(OptionError, match="layer is needed: which layer"):
        Made()


@pytest.mark.parametrize(
    "name, hint", [("grian", "did you mean grain\\?"), ("zzzz", "there are layer, grain, fog")]
)
def test_an_unknown_name_has_a_hint(name, hint):
    with pytest.raises(OptionError, match="unknown setting '%s': %s" % (name, hint)):
        Made.of({"layer": "a", name: 1})


def test_a_setting_is_declared_again_with_another_default():
    assert TransferSettings().init == "content" and FromNoiseSettings().init == "noise"

    @dataclass(frozen=True)
    class Coarse(Made):
        grain: int = changed(Made, "grain", default=9)

    assert Coarse(layer="a").grain == 9 and Coarse.names() == Made.names()
    with pytest.raises(OptionError, match="grain"):
        Coarse(layer="a", grain=10)


@pytest.mark.parametrize("command", COMMANDS)
def test_metadata_gives_the_settings_back(command):
    settings = COMMANDS[command].of({**NEEDED.get(command, {}), "size": 99, "seed": 3})
    noted = settings.parameters()
    assert list(noted) == COMMANDS[command].names()
    assert COMMANDS[command](**COMMANDS[command].noted_in({**noted, "version": "9"})) == settings


def test_metadata_of_an_array_and_of_layers_is_plain():
    settings = TransferSettings(init=np.zeros((2, 2, 3), np.uint8), style_layers={"conv1_1": 1})
    noted = settings.parameters()
    assert noted["init"] == "array" and noted["style_layers"] == {"conv1_1": 1.0}


def test_bad_metadata_is_refused():
    with pytest.raises(OptionError, match="grain must be"):
        Made.noted_in({"layer": "a", "grain": "coarse"})


# -- where they show ---------------------------------------------------------------------------------


def options_of(command):
    """Name of the option -> its action, in the parser of a command."""
    (commands_,) = [
        action
        for action in make_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    actions = commands_.choices[command]._actions
    return {option: action for action in actions for option in action.option_strings}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_shows_every_setting_and_its_default(command):
    options = options_of(command)
    for one in COMMANDS[command].list():
        if one.name == "seed":  # the network's option too
            assert "default: 0" in options["--seed"].help
            continue
        text = options[one.option].help.replace("%%", "%")
        assert text == one.described
        if one.required:
            assert options[one.option].required
        elif one.of_model:
            assert text.endswith("(default: %s)" % (one.shown or "the model's"))
        elif one.default is not None and not one.shown:
            assert text.endswith("(default: %s)" % one.kind.write(one.default))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_functions_signature_and_documentation_show_every_setting(command):
    function = getattr(cs, command)
    parameters = inspect.signature(function).parameters
    assert all(one.kind is not one.VAR_KEYWORD for one in parameters.values())
    documentation = inspect.getdoc(function)
    for one in COMMANDS[command].list():
        assert one.name in parameters
        assert re.search(r"(?m)^(\w+, )*%s(, \w+)*( :.*)?$" % one.name, documentation), one.name
        if parameters[one.name].kind is inspect.Parameter.KEYWORD_ONLY and not one.required:
            assert parameters[one.name].default == one.default


@pytest.mark.parametrize("name", [*PRESETS, *PURPOSES])
@pytest.mark.parametrize("model", [model.name for model in list_models()])
def test_a_presets_names_and_values_are_settings(name, model):
    asked = get_preset(name).settings(get_model(model))
    settings = TransferSettings.of(asked)
    assert {key: getattr(settings, key) for key in asked} == asked


def test_a_field_is_an_option_an_argument_and_metadata_at_once(monkeypatch):
    monkeypatch.setitem(commands.COMMANDS, "made", Made)
    parser = argparse.ArgumentParser(prog="caffe-style made")
    add_settings(parser)
    text = " ".join(parser.format_help().split())
    assert "--grain N how coarse it is (default: 3)" in text
    assert "how much fog (default: none)" in text and "--no-mirror" in text
    given = vars(parser.parse_args(["--layer", "a", "--fog", "0.5", "--mirror"]))
    # What is not given stays open, for a preset or a picture to decide.
    assert given == {"layer": "a", "fog": 0.5, "mirror": True}

    @takes(Made)
    def make(network, **settings):
        """Make it."""
        return Made.of(settings)

    assert str(inspect.signature(make)).startswith("(network, *, layer")
    assert inspect.signature(make).parameters["grain"].default == 3
    assert "    grain\n        How coarse it is (default: 3)." in make.__doc__
    assert make("net", **given).parameters() == {
        **{"layer": "a", "grain": 3, "fog": 0.5, "mirror": True, "paper": "plain"}
    }


def test_a_bad_option_is_one_line(monkeypatch, capsys):
    monkeypatch.setitem(commands.COMMANDS, "made", Made)
    parser = argparse.ArgumentParser(prog="caffe-style made")
    add_settings(parser)
    for option, reason in (
        (["--grain", "10"], "argument --grain: grain must be"),
        (["--paper", "silk"], "argument --paper: unknown paper 'silk': choose one of plain, laid"),
    ):
        with pytest.raises(SystemExit):
            parser.parse_args(["--layer", "a", *option])
        assert reason in capsys.readouterr().err.splitlines()[-1]
