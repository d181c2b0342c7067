"""Renewing the targets that depend on the picture."""

from __future__ import annotations

from typing import Callable, Optional, Sequence

from .objective import Term


def renewal(terms: Sequence[Term]) -> Optional[Callable[[int], None]]:
    """Return the function that renews the targets of terms, for `minimise`; None if there is nothing to renew.

    Examples
    --------
    >>> term = Term("style", ("conv1",), lambda features, gradients: 0.0, lambda: print("renewed"))
    >>> renewal([term])(0)
    renewed
    """
    renewed = [term.renew for term in terms if term.renew is not None]
    if not renewed:
        return None

    def redraw(iteration: int) -> None:
        for renew in renewed:
            renew()

    return redraw
