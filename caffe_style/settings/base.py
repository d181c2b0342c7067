"""Settings: fields of a frozen dataclass that declare their kind, default and help text.

Everything else about a setting is derived from its field: the option of the command line and its shown default,
the keyword argument in Python and its documentation, the name in a file of jobs, the entry in a picture's
metadata and in a checkpoint, and the error for a bad value.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Type, TypeVar

from ..errors import OptionError
from .kinds import Flag, Kind, shown

#: Marks a setting that has no default.
REQUIRED: Any = dataclasses.MISSING

S = TypeVar("S", bound="Settings")


class Setting(NamedTuple):
    """One setting of a command.

    Attributes
    ----------
    name : str
        Name of the field.
    default : any
        Default value. None leaves the choice to the model or to the run.
    kind : Kind
        Type and limits of the value.
    help : str
        Help text, a few words.
    group : str or None
        Heading of the option in the help; None for a setting without an option of its own.
    shown : str or None
        Description of the default in the help, where the value itself is not enough.
    of_model : bool
        Whether None means the model's own value.
    bare : any
        Value of the option if it is given without a value; None if the option needs a value.
    before : any
        Value for pictures and checkpoints that were made before the setting existed; None if it is the default.
    """

    name: str
    default: Any
    kind: Kind
    help: str
    group: Optional[str]
    shown: Optional[str] = None
    of_model: bool = False
    bare: Any = None
    before: Any = None

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
        """The help text with the default."""
        if self.required:
            return self.help
        default = self.shown or ("the model's" if self.of_model else None)
        if default is None and self.default is not None and self.default is not False:
            default = self.kind.write(self.default)
        return self.help if default is None else "%s (default: %s)" % (self.help, default)

    def check(self, value: Any) -> Any:
        """Check a value, and return it in the type of its kind.

        Raises
        ------
        OptionError
            If the setting cannot have this value.
        """
        if value is None and self.default is None:
            return None
        return self.kind.check(value, self.name)


def setting(default: Any, kind: Kind, help: str, group: Optional[str], **more: Any) -> Any:
    """Declare a field of a `Settings` class. The parameters are the attributes of `Setting`."""
    return _field({"default": default, "kind": kind, "help": help, "group": group, **more})


def changed(cls: Type[Settings], name: str, **more: Any) -> Any:
    """Declare a setting of a base class again with changes, such as another default."""
    return _field({**cls.__dataclass_fields__[name].metadata["about"], **more})


def _field(about: Dict[str, Any]) -> Any:
    # A dataclass requires fields without a default to come first, so a required one is None until it is
    # checked.
    default = None if about["default"] is REQUIRED else about["default"]
    return dataclasses.field(default=default, metadata={"about": about})


@dataclasses.dataclass(frozen=True)
class Settings:
    """Base class of all settings. They are checked when created, and cannot be changed.

    Raises
    ------
    OptionError
        If a setting has a bad value. The message names the setting.

    Examples
    --------
    >>> from caffe_style.settings.transfer import TransferSettings
    >>> settings = TransferSettings(size=256)
    >>> settings.replace(iterations=100).iterations
    100
    >>> TransferSettings(size=4)
    Traceback (most recent call last):
    ...
    caffe_style.errors.OptionError: size must be a whole number, at least 16 and at most 65536, not 4
    """

    def __post_init__(self) -> None:
        for one in self.list():
            value = getattr(self, one.name)
            if value is None and one.required:
                raise OptionError("%s is needed: %s" % (one.name, one.help))
            object.__setattr__(self, one.name, one.check(value))

    @classmethod
    def list(cls) -> List[Setting]:
        """Return all settings in the order of the help: group by group, and as declared within a group."""
        fields = dataclasses.fields(cls)
        settings = [Setting(field.name, **field.metadata["about"]) for field in fields]
        groups = [one.group for one in settings]
        return sorted(settings, key=lambda one: (one.group is None, groups.index(one.group)))

    @classmethod
    def names(cls) -> List[str]:
        """Return the names of all settings, in the order of `list`."""
        return [one.name for one in cls.list()]

    @classmethod
    def of(cls: Type[S], values: Mapping[str, Any]) -> S:
        """Return settings with these values, and defaults for the rest.

        Raises
        ------
        OptionError
            If a name is no setting, or a value is bad.
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
        """Return the settings in the parameters of a picture or checkpoint, checked.

        Raises
        ------
        OptionError
            If a setting has a bad value.
        """
        noted = {one.name: parameters.get(one.name, one.before) for one in cls.list()}
        return {
            one.name: one.check(noted[one.name])
            for one in cls.list()
            if one.name in parameters or one.before is not None
        }

    def parameters(self) -> Dict[str, Any]:
        """Return the settings as metadata records them, as values that JSON can hold."""
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
            If the network does not have one of the layers.
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
        """Names of the layers that are read."""
        return []


def takes(cls: Type[Settings]) -> Callable[[Callable], Callable]:
    """Make a decorator that adds the settings of a class to a function's signature and documentation.

    The function takes the settings as `**settings`.
    """

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
