"""A picture of a figure, and what the tables of panels share."""

from __future__ import annotations

from typing import Any, Dict, Iterable, NamedTuple, Optional


class Panel(NamedTuple):
    """One picture of a figure.

    Attributes
    ----------
    label : str
        Text below the picture.
    experiment : str
        "content" or "style" for these pictures themselves; otherwise a function of this package: "transfer",
        "texture", "element", "sparse" (with the style picture's statistics) or "feature".
    parameters : dict
        Parameters of the function.
    model : str
        Name of the model; empty for the figure's model.
    style : int, optional
        Which of the given style pictures it uses, from 0; None for all of them, mixed.
    """

    label: str
    experiment: str
    parameters: Dict[str, Any] = {}
    model: str = ""
    style: Optional[int] = 0


INPUTS = [Panel("content", "content"), Panel("style", "style")]

#: Factor of the style weight. At the models' own weight, pictures made from noise hardly show the content.
LOW = 0.1


def from_to(layers: Iterable[str]) -> str:
    """Return the first and the last of some layers as text."""
    names = list(layers)
    return names[0] if len(names) == 1 else "%s to %s" % (names[0], names[-1])
