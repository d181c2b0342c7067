"""The form of the page: looks, networks and the settings of `transfer`; and reading it filled in."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from ...errors import OptionError
from ...networks import zoo
from ...scene.starts import WORDS
from ...settings.base import Setting
from ...settings.kinds import Choice, Flag, Number, NumberOrAuto
from ...settings.picture_kinds import Pair
from ...settings.transfer import TransferSettings
from .. import doctor
from ..request import FALLBACK, PREFERRED
from .folder import Picture
from .looks import LOOKS
from .machine import find_backends
from .uploads import LARGEST

#: Most paintings of a picture.
MOST_STYLES = 8
#: Longest value of a setting, in characters.
_LONGEST = 400
#: Settings that are chosen otherwise: the style loss by a look.
_CHOSEN = ("style_loss",)
_BOOLEANS = {"true": True, "false": False}


def _settings() -> List[Setting]:
    """Return the settings that the form has. Those that name files are left out."""
    listed = TransferSettings.list()
    return [one for one in listed if one.name not in _CHOSEN and not isinstance(one.kind, Pair)]


def form() -> Dict[str, Any]:
    """Return what the form offers, except the backends, in values that JSON can hold."""
    here = [name for name, found in doctor.find_weights().items() if found != "missing"]
    of_model = [one.name for one in _settings() if one.of_model]
    return {
        "groups": _groups(),
        "looks": [
            {**look._asdict(), "settings": written(look.settings)} for look in LOOKS.values()
        ],
        "models": [
            {
                "name": model.name,
                "settings": written({name: getattr(model, name) for name in of_model}),
            }
            for model in map(zoo.get_model, here)
        ],
        "model": PREFERRED if PREFERRED in here else FALLBACK,
        "largest_upload": LARGEST,
    }


def written(values: Mapping[str, Any]) -> Dict[str, str]:
    """Return values of settings as the form shows them."""
    kinds = {one.name: one.kind for one in TransferSettings.list()}
    return {
        name: str(value).lower() if isinstance(value, bool) else kinds[name].write(value)
        for name, value in values.items()
        if value is not None and name in kinds
    }


def _groups() -> List[Dict[str, Any]]:
    groups: Dict[str, List[Dict[str, Any]]] = {}
    for one in _settings():
        # The seed has no group of its own.
        groups.setdefault(one.group or "picture", []).append(_field(one))
    return [{"title": title, "fields": fields} for title, fields in groups.items()]


def _field(one: Setting) -> Dict[str, Any]:
    kind, more = one.kind, {}
    if isinstance(kind, Choice):
        more = {"choices": kind.names}
    elif isinstance(kind, Flag):
        more = {"choices": tuple(_BOOLEANS)}
    elif isinstance(kind, Number) and not isinstance(kind, NumberOrAuto):
        more = {"whole": kind.type is int}
    return {
        "name": one.name,
        "label": one.name.replace("_", " ").capitalize(),
        "help": one.described,
        "default": written({one.name: one.default}).get(one.name, ""),
        **more,
    }


def read_form(asked: Any, pictures: Mapping[str, Picture]) -> Dict[str, Any]:
    """Return a filled-in form as the entry of a job: names of options, with their values.

    Parameters
    ----------
    asked : any
        Value from the page: a mapping with `content`, `styles`, `look`, `model`, `backend` and `settings`.
    pictures : dict of str to Picture
        Pictures that may be used, by id.

    Raises
    ------
    OptionError
        If something is missing, unknown, or a setting has a bad value.
    """
    if not isinstance(asked, dict):
        raise OptionError("The form cannot be read: reload the page")
    look = LOOKS[_one_of("look", asked, list(LOOKS))]
    entry: Dict[str, Any] = {
        **look.options,
        "model": _one_of("model", asked, [model["name"] for model in form()["models"]]),
        "backend": _backend(asked),
        "content": _named(asked.get("content"), pictures, "a photograph"),
        "styles": _styles(asked.get("styles"), pictures),
    }
    given = asked.get("settings")
    settings = {one.name: one for one in _settings()}
    for name, text in (given if isinstance(given, dict) else {}).items():
        if name not in settings or not isinstance(text, str) or len(text) > _LONGEST:
            raise OptionError("The form has an unknown setting or too long a value")
        entry[name] = _read(settings[name], text.strip())
    # Only the runs of this optimizer can be continued. It has no bounds.
    if not entry.get("bounds", look.settings.get("bounds")):
        entry.setdefault("optimizer", "device")
    return entry


def _one_of(what: str, asked: Mapping[str, Any], names: List[str]) -> str:
    value = asked.get(what)
    if value not in names:
        raise OptionError("Choose a %s: one of %s" % (what, ", ".join(names)))
    return value


def _backend(asked: Mapping[str, Any]) -> str:
    # The cpu is always there, so that nobody has to wait for the search.
    return "cpu" if asked.get("backend") == "cpu" else _one_of("backend", asked, [*find_backends()])


def _named(identity: Any, pictures: Mapping[str, Picture], what: str) -> str:
    if identity is None:
        raise OptionError("Choose %s first" % what)
    if not isinstance(identity, str) or identity not in pictures:
        raise OptionError("One of the pictures is no longer in the folder: choose %s again" % what)
    return pictures[identity].name


def _styles(asked: Any, pictures: Mapping[str, Picture]) -> List[str]:
    if not isinstance(asked, list) or not asked:
        raise OptionError("Choose a painting first")
    if len(asked) > MOST_STYLES:
        raise OptionError("Choose at most %d paintings" % MOST_STYLES)
    return [_style(each, pictures) for each in asked]


def _style(asked: Any, pictures: Mapping[str, Picture]) -> str:
    asked = asked if isinstance(asked, dict) else {}
    name = _named(asked.get("id"), pictures, "a painting")
    weight = Number(float, 0.01, 100).check(asked.get("weight", 1), "the weight of a painting")
    return "%s:%r" % (name, weight)


def _read(one: Setting, text: str) -> Any:
    """Return the value of a setting for a job."""
    if isinstance(one.kind, Flag):
        return one.check(_BOOLEANS.get(text, text))
    if one.name == "init" and text.partition(":")[0] not in WORDS:
        raise OptionError("init must begin with one of %s, not %s" % (", ".join(WORDS), text))
    return one.kind.write(one.kind.read(text, one.name.replace("_", " ")))
