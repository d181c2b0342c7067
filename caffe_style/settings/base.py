"""Settings: fields of a frozen dataclass that know their kind, default and help.

Everything that has to do with a setting follows from its field: the option of the command line and the default
that it shows, the keyword argument in Python and its documentation, the name in a file of jobs, the entry in a
picture's metadata and in a checkpoint, and the error for a bad value.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Type, TypeVar

from ..errors import OptionError
from .kinds import Flag, Kind, shown

#: The default of a setting that has none.
REQUIRED: Any = dataclasses.MISSING

S = TypeVar("S", bound="Settings")


class Setting(NamedTuple):
    """One setting of a command.

    Attributes
    ----------
    name : str
    default : any
        What holds where nothing is said; None where it is left to the model or to the run.
    kind : Kind
    help : str
        A few words for the command line.
    group : str or None
        The heading under which the help lists the option; None for a setting without an option of its own.
    shown : str or None
        What the help says of the default, where the value itself would not say it.
    of_model : bool
        Whether None means the model's own value.
    bare : any
        The value of an option that is given without one; None where an option needs its value.
    """

    name: str
    default: Any
    kind: Kind
    help: str
    group: Optional[str]
    shown: Optional[str] = None
    of_model: bool = False
    bare: Any = None

    @property
    def option(self) -> str:
        """The option's name: `--style-weight`, `-i`."""
        return ("-" if len(self.name) == 1 else "--") + self.name.replace("_", "-")

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is REQUIRED

    @property
    def described(self) -> str:
        """The help with the default."""
        if self.required:
            return self.help
        default = self.shown or ("the model's" if self.of_model else None)
        if default is None and self.default is not None and self.default is not False:
            default = self.kind.write(self.default)
        return self.help if default is None else "%s (default: %s)" % (self.help, default)

    def check(self, value: Any) -> Any:
        """Return a value in its own type.

        Raises
        ------
        OptionError
        """
        if value is None and self.default is None:
            return None
        return self.kind.check(value, self.name)


def setting(default: Any, kind: Kind, help: str, group: Optional[str], **more: Any) -> Any:
    """Declare a field of a `Settings` class; parameters as in `Setting`."""
    return _field({"default": default, "kind": kind, "help": help, "group": group, **more})


def changed(cls: Type[Settings], name: str, **more: Any) -> Any:
    """Declare a setting of a base class again, with another default or another word about it."""
    return _field({**cls.__dataclass_fields__[name].metadata["about"], **more})


def _field(about: Dict[str, Any]) -> Any:
    # A dataclass wants fields without a default first: a required one is None until it is checked.
    default = None if about["default"] is REQUIRED else about["default"]
    return dataclasses.field(default=default, metadata={"about": about})


@dataclasses.dataclass(frozen=True)
class Settings:
    """The base of all settings: checked when they are made, and never changed.

    Raises
    ------
    OptionError
        For a value that a setting cannot have, in one line that names the setting.
    """

    def __post_init__(self) -> None:
        for one in self.list():
            value = getattr(self, one.name)
            if value is None and one.required:
                raise OptionError("%s is needed: %s" % (one.name, one.help))
            object.__setattr__(self, one.name, one.check(value))

    @classmethod
    def list(cls) -> List[Setting]:
        """Return all settings, in the order of their declaration."""
        return [Setting(field.name, **field.metadata["about"]) for field in dataclasses.fields(cls)]

    @classmethod
    def names(cls) -> List[str]:
        """Return the names of all settings."""
        return [field.name for field in dataclasses.fields(cls)]

    @classmethod
    def of(cls: Type[S], values: Mapping[str, Any]) -> S:
        """Return settings with these values, and defaults for the rest.

        Raises
        ------
        OptionError
            For a name that is no setting, and for a bad value.
        """
        names = cls.names()
        for name in values:
            if name not in names:
                near = difflib.get_close_matches(str(name), names, 1)
                hint = "did you mean %s?" % near[0] if near else "there are %s" % ", ".join(names)
                raise OptionError("unknown setting %s: %s" % (shown(name), hint))
        return cls(**values)

    @classmethod
    def noted_in(cls, parameters: Mapping[str, Any]) -> Dict[str, Any]:
        """Return the settings among a picture's or a checkpoint's parameters, checked.

        Raises
        ------
        OptionError
            For a value that a setting cannot have.
        """
        settings = [one for one in cls.list() if one.name in parameters]
        return {one.name: one.check(parameters[one.name]) for one in settings}

    def parameters(self) -> Dict[str, Any]:
        """Return what metadata says of them, JSON-able."""
        pairs = ((one, getattr(self, one.name)) for one in self.list())
        return {one.name: None if value is None else one.kind.note(value) for one, value in pairs}

    def replace(self: S, **changes: Any) -> S:
        """Return settings with some values changed."""
        return dataclasses.replace(self, **changes)

    def for_model(self: S, network: Any) -> S:
        """Return settings with the model's own layers and weights in place of None.

        Raises
        ------
        LayerError
            For a layer that the network does not have.
        """
        missing = {
            one.name: getattr(network.model, one.name)
            for one in self.list()
            if one.of_model and getattr(self, one.name) is None
        }
        settings = self.replace(**missing)
        network.check_blobs(settings.blobs)
        return settings

    @property
    def blobs(self) -> List[str]:
        """The layers that are read."""
        return []


def takes(cls: Type[Settings]) -> Callable[[Callable], Callable]:
    """Let a function's `**settings` show all settings of a class, in its signature and its documentation."""

    def decorate(function: Callable) -> Callable:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        taken = {parameter.name for parameter in own}
        settings = [one for one in cls.list() if one.name not in taken]
        keywords = [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default)
            for one in settings
        ]
        function.__signature__ = signature.replace(parameters=own + keywords)  # type: ignore[attr-defined]
        lines = ["", "    Other Parameters", "    ----------------"]
        for one in settings:
            lines += ["    %s" % one.name, "        %s." % _sentence(one)]
        function.__doc__ = (function.__doc__ or "").rstrip() + "\n" + "\n".join(lines) + "\n"
        return function

    return decorate


def _sentence(one: Setting) -> str:
    text = one.described[0].upper() + one.described[1:]
    return text + " (True or False)" if isinstance(one.kind, Flag) else text
