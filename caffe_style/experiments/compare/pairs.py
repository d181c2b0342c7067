"""The rows of a comparison: one for each backend, or one for each implementation on each backend."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence

from ...backends import select as registry
from ...errors import OptionError
from ..presets import get_preset


class Entry(NamedTuple):
    """A row to make: a backend, and the preset of an implementation, or None for the model's defaults."""

    name: str
    backend: str
    implementation: Optional[str]


def entries(
    backends: Optional[Sequence[str]] = None, implementations: Optional[Sequence[str]] = None
) -> List[Entry]:
    """Return the rows for the names of backends and implementations that `compare` takes.

    Raises
    ------
    OptionError
        If a name is unknown, or there is none.

    Examples
    --------
    >>> [entry.name for entry in entries(["cpu", "numpy"], ["tai"])]
    ['tai on cpu', 'tai on numpy']
    """
    for name in implementations or ():
        get_preset(name)
    for name in backends or ():
        if name not in registry.BACKENDS:
            raise OptionError(
                "unknown backend '%s': choose some of %s" % (name, ", ".join(registry.BACKENDS))
            )
    for kind, names in (("backends", backends), ("implementations", implementations)):
        if names is not None and not list(names):
            raise OptionError("there are no %s to compare: name at least one" % kind)
    if backends is None:
        backends = registry.present()[: 1 if implementations else None]
    backends = list(dict.fromkeys(backends))
    if implementations is None:
        return [Entry(backend, backend, None) for backend in backends]
    return [
        Entry(name if len(backends) == 1 else "%s on %s" % (name, backend), backend, name)
        for name in dict.fromkeys(implementations)
        for backend in backends
    ]
