"""The objective: loss terms on blobs become one value and one gradient to the image.

This is the only place that runs a net. The image goes forward up to the highest blob that has a term. Then
the terms are visited from the top down: the gradient of a term is added to its blob's diff, and the layers
between this blob and the next one below run backward, down to the image (Gatys et al. 2015, eqs. 2, 6 and 7;
Caffe's `_forward(start, end)` and `_backward(start, end)` are both inclusive). The public `forward` and
`backward` also return views of blobs, for which a device has to copy them to the host.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

from ..backends import arrays, estimate
from ..backends.net import Net
from ..errors import LayerError

Arrays = Sequence[Any]


class Term(NamedTuple):
    """One weighted loss on the responses of one blob or of several together.

    Attributes
    ----------
    name : str
        Under which its value is reported, for instance "style conv1_1".
    blobs : tuple of str
        What it reads.
    loss : callable
        `loss(features, gradients) -> float`: given the responses (N, H, W) of each blob it adds the weighted
        gradient to each array of `gradients` in place and returns the weighted value.
    """

    name: str
    blobs: Tuple[str, ...]
    loss: Callable[[Arrays, Arrays], float]


def single_term(name: str, blob: str, loss: Callable, target: Any, weight: float) -> Term:
    """The term of a loss `loss(features, target, weight, gradient)` (see `caffe_style.losses`) on one blob.

    The target goes to where the responses are at the first evaluation, and stays there.
    """

    def evaluate(features: Arrays, gradients: Arrays) -> float:
        nonlocal target
        target = arrays.beside(target, features[0])
        return loss(features[0], target, weight, gradients[0])[0]

    return Term(name, (blob,), evaluate)


class Objective:
    """The sum of terms as a function of the image.

    Losses work where the net does: on a device that shows its memory as arrays neither responses nor gradients
    are copied to the host.

    Parameters
    ----------
    net : Net
        As `backends.select.open_net` gives it, with one image in its batch.
    input_blob : str
        The image.
    terms : sequence of Term
        At least one.

    Raises
    ------
    LayerError
        When a term names a blob that the net has not.
    """

    def __init__(self, net: Net, input_blob: str, terms: Sequence[Term]) -> None:
        self.net = net
        self.input_blob = input_blob
        self._layers = list(net._layer_names)
        self._writer = _last_writers(net)
        self.terms = list(terms)

    @property
    def terms(self) -> List[Term]:
        """The terms; assigning replaces them."""
        return self._terms

    @terms.setter
    def terms(self, terms: List[Term]) -> None:
        for term in terms:
            for blob in term.blobs:
                if blob not in self._writer:
                    raise LayerError("term '%s': the network has no blob '%s'" % (term.name, blob))
        self._terms = terms
        watched = {blob for term in terms for blob in term.blobs} | {self.input_blob}
        self._stops = sorted(watched, key=lambda blob: self._writer[blob], reverse=True)
        top = self._writer[self._stops[0]]
        self._fed = {blob: self._is_read_below(blob, top) for blob in watched}

    def _is_read_below(self, blob: str, top: int) -> bool:
        """Whether backward from layer `top` writes the blob's diff, so that a term adds to it."""
        readers = self._layers[self._writer[blob] + 1 : top + 1]
        return any(blob in self.net.bottom_names[layer] for layer in readers)

    def __call__(self, image: Any) -> Tuple[float, Any, Dict[str, float]]:
        """Evaluate.

        Parameters
        ----------
        image : array, (1, 3, H, W)
            As the network reads it (BGR, mean-free): numpy's, or one on the net's device.

        Returns
        -------
        value : float
            Sum of all terms.
        gradient : array, (1, 3, H, W) float32
            A view of the input blob's diff, where the image is: it changes with the next evaluation.
        parts : dict of str to float
            The value of each term.

        Raises
        ------
        ResourceError
            When there is no memory left.
        """
        with estimate.explained(self.net, self.input_blob):
            return self._run(image)

    def _run(self, image: Any) -> Tuple[float, Any, Dict[str, float]]:
        net = self.net
        set_image(net, self.input_blob, image)
        net._forward(0, self._writer[self._stops[0]])
        parts: Dict[str, float] = {}
        pending: Dict[str, Any] = {}
        todo = list(self._terms)
        for blob, below in zip(self._stops, self._stops[1:] + [None]):
            diff = _slope(net, blob)
            if not self._fed[blob]:
                # Nothing that ran wrote this diff: it still holds an older evaluation's.
                diff[...] = 0
            for term in [term for term in todo if blob in term.blobs]:
                todo.remove(term)
                parts[term.name] = self._evaluate(term, blob, pending)
            if blob in pending:
                diff[0] += pending[blob]
            if below is not None and self._writer[below] < self._writer[blob]:
                net._backward(self._writer[blob], self._writer[below] + 1)
        on_host = arrays.namespace(image) is arrays.np
        image_blob = net.blobs[self.input_blob]
        gradient = image_blob.diff if on_host else _slope(net, self.input_blob)
        return sum(parts.values()), gradient, parts

    def _evaluate(self, term: Term, blob: str, pending: Dict[str, Any]) -> float:
        """Value of a term; its gradient goes to `blob`'s diff, and to `pending` for blobs further down."""
        features = [responses(self.net, name)[0] for name in term.blobs]
        gradients = []
        for name, values in zip(term.blobs, features):
            if name == blob:
                gradients.append(_slope(self.net, name)[0])
            else:
                gradients.append(pending.setdefault(name, arrays.zeros_like(values)))
        return float(term.loss(features, gradients))


def set_image(net: Net, name: str, image: Any) -> None:
    """Write an image (1, 3, H, W), numpy's or one on the net's device, into a blob of its shape."""
    if arrays.namespace(image) is arrays.np:
        net.blobs[name].data[...] = image
    else:
        net.device.set_data(net.blobs[name], arrays.copy_of(image))


def responses(net: Net, name: str) -> Any:
    """A blob's data where losses work, only to be read: asking for more would make a device copy it back."""
    return net.device.data_of(net.blobs[name])


def _slope(net: Net, name: str) -> Any:
    """A blob's diff, to be changed."""
    return net.device.diff_of(net.blobs[name])


def _last_writers(net: Net) -> Dict[str, int]:
    """Blob name -> index of the layer that wrote it last: with an in-place ReLU, the ReLU."""
    return {
        blob: index for index, layer in enumerate(net._layer_names) for blob in net.top_names[layer]
    }
