"""Numbers that losses compute: floats, or on a device tensors of one value.

To wait for a value from a device takes longer than to compute it. So losses compute with a device's numbers as
they are, and all of them are fetched at once.
"""

from __future__ import annotations

from typing import Any, Dict

import numpy as np

from .arrays import namespace


def number(x: Any) -> Any:
    """Return an array's only value: a float, or on a device a tensor of float64."""
    return float(x) if namespace(x) is np else x.double()


def floats(numbers: Dict[str, Any]) -> Dict[str, float]:
    """Return numbers as floats.

    Examples
    --------
    >>> floats({"style": number(np.float32(0.5)), "content": 2.0})
    {'style': 0.5, 'content': 2.0}
    """
    tensors = {name: x for name, x in numbers.items() if namespace(x) is not np}
    found = {name: float(x) for name, x in numbers.items() if name not in tensors}
    if tensors:
        first = next(iter(tensors.values()))
        together = namespace(first).stack([x.double().reshape(()) for x in tensors.values()])
        found.update(zip(tensors, together.tolist()))
    return {name: found[name] for name in numbers}
