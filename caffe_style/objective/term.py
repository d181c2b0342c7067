"""One term of an objective: a loss on the responses of blobs, with its weight."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional, Sequence, Tuple

from ..backends import arrays

Arrays = Sequence[Any]


class Term(NamedTuple):
    """One weighted loss on the responses of one blob or of several together.

    Attributes
    ----------
    name : str
        Name under which the value is reported, for instance "style conv1_1".
    blobs : tuple of str
        Blobs that the loss reads.
    loss : callable
        `loss(features, gradients) -> number`. It takes the responses (N, H, W) of each blob, adds the weighted
        gradient to each array of `gradients` in place, and returns the weighted value, see `numbers.number`.
    takes_gaps : bool
        Whether these arrays may have gaps in memory.
    renew : callable, optional
        `renew(iteration)`, for a loss whose target depends on the picture or is random. It makes the next
        evaluation find the target anew. In the evaluations that follow, the target is fixed.
    steady : bool
        Whether `loss` computes the same function until `renew` is called, so that a device may record it.
    """

    name: str
    blobs: Tuple[str, ...]
    loss: Callable[[Arrays, Arrays], Any]
    takes_gaps: bool = False
    renew: Optional[Callable[[int], None]] = None
    steady: bool = True


def single_term(
    name: str, blob: str, loss: Callable, target: Any, weight: float, takes_gaps: bool = False
) -> Term:
    """Make the term of a loss on one blob.

    Parameters
    ----------
    name : str
        Name of the term.
    blob : str
        Blob that the loss reads.
    loss : callable
        `loss(features, target, weight, gradient)`, see `caffe_style.losses`.
    target : any
        Target of the loss. The first evaluation moves it to the device of the responses.
    weight : float
        Factor of the loss.
    takes_gaps : bool
        Whether the loss takes arrays with gaps in memory.

    Returns
    -------
    Term

    Examples
    --------
    >>> from caffe_style import losses
    >>> term = single_term("content", "conv1", losses.content, target=0.0, weight=2.0)
    >>> term.name, term.blobs
    ('content', ('conv1',))
    """

    def evaluate(features: Arrays, gradients: Arrays) -> Any:
        nonlocal target
        target = arrays.beside(target, features[0])
        return loss(features[0], target, weight, gradients[0])[0]

    return Term(name, (blob,), evaluate, takes_gaps)
