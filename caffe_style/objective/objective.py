"""The objective: the sum of loss terms on blobs, with its gradient with respect to the image.

The net runs forward from the image up to the highest blob that has a term. Then the terms are visited from the
top down. The gradient of a term is added to its blob's diff, and the layers between this blob and the next one
below run backward, down to the image (Gatys et al. 2015, eqs. 2, 6 and 7). Caffe's `_forward(start, end)` and
`_backward(start, end)` include both ends. The public `forward` and `backward` are not used: they return blobs,
which a device would have to copy to the host.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ..backends import arrays, caches, estimate, numbers
from ..backends.net import Net
from ..errors import LayerError
from ..networks.margin import Frame
from .term import Term


class Objective:
    """The sum of loss terms as a function of the image.

    Losses are computed on the net's device. If it exposes its memory as arrays, neither responses nor gradients
    are copied to the host.

    Parameters
    ----------
    net : Net
        A net that `backends.select.open_net` opened, with a batch of one image.
    input_blob : str
        Name of the blob that holds the image.
    terms : sequence of Term
        At least one term.
    frame : Frame, optional
        Margin within which the net reads the image. The terms see the responses at the image's own places, and
        the image itself without the margin.

    Raises
    ------
    LayerError
        If a term names a blob that the net does not have.

    Examples
    --------
    >>> import numpy as np
    >>> import caffe_style as cs
    >>> from caffe_style import losses
    >>> from caffe_style.objective.term import single_term
    >>> network = cs.open_network("strokenet")
    >>> image = np.full((32, 32, 3), 128, np.uint8)
    >>> blob = list(network.model.style_layers)[0]
    >>> target = losses.target_gram(network.features(image, [blob])[blob])
    >>> term = single_term("style", blob, losses.gram, target, weight=1.0)
    >>> objective = Objective(network.net, network.input_blob, [term])
    >>> value, gradient, parts = objective(network.to_blob(image))
    >>> round(value, 3), gradient.shape, list(parts)
    (0.0, (1, 3, 32, 32), ['style'])
    """

    def __init__(
        self, net: Net, input_blob: str, terms: Sequence[Term], frame: Optional[Frame] = None
    ) -> None:
        self.net, self.frame = net, frame
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
        self._steps = _Steps()
        self._misses = caches.misses()
        watched = {blob for term in terms for blob in term.blobs} | {self.input_blob}
        self._stops = sorted(watched, key=lambda blob: self._writer[blob], reverse=True)
        top = self._writer[self._stops[0]]
        self._fed = {blob: self._is_read_below(blob, top) for blob in watched}

    @property
    def redraw(self) -> Optional[Callable[[int], None]]:
        """Function for `minimise` that renews the targets that change during a run; None if none does."""
        renewed = [term.renew for term in self._terms if term.renew is not None]
        if not renewed:
            return None

        def redraw(iteration: int) -> None:
            self._steps = _Steps()
            for renew in renewed:
                renew(iteration)

        return redraw

    def _is_read_below(self, blob: str, top: int) -> bool:
        """Return whether backward from layer `top` writes the blob's diff, so that a term must add to it."""
        readers = self._layers[self._writer[blob] + 1 : top + 1]
        return any(blob in self.net.bottom_names[layer] for layer in readers)

    def __call__(self, image: Any) -> Tuple[float, Any, Dict[str, float]]:
        """Evaluate the objective and its gradient.

        Parameters
        ----------
        image : array, (1, 3, H, W)
            Image as the network reads it (BGR, mean-free), a numpy array or one on the net's device.

        Returns
        -------
        value : float
            Sum of all terms.
        gradient : array, (1, 3, H, W) float32
            On the image's device. The next evaluation may overwrite it.
        parts : dict of str to float
            The value of each term.

        Raises
        ------
        ResourceError
            If memory runs out.
        """
        device, on_host = self.net.device, arrays.namespace(image) is arrays.np
        with estimate.explained(self.net, self.input_blob):
            image = device.placed(image) if on_host else image
            if caches.misses() != self._misses:
                # A recording may read arrays that are no longer kept.
                self._misses, self._steps = caches.misses(), _Steps()
            if all(term.steady for term in self._terms):
                gradient, parts = device.repeat(
                    self._steps, self.net, self.input_blob, self._run, image
                )
            else:
                gradient, parts = self._run(image)
            values = numbers.floats(parts)
        if on_host:
            gradient = self._on_host(gradient)
        return sum(values.values()), gradient, values

    def _run(self, image: Any) -> Tuple[Any, Dict[str, Any]]:
        """Evaluate at an image on the device; return the gradient and the terms' values, a `number` each."""
        net = self.net
        frame = self.frame
        set_image(net, self.input_blob, image if frame is None else frame.pad(image))
        net._forward(0, self._writer[self._stops[0]])
        parts: Dict[str, Any] = {}
        pending: Dict[str, Any] = {}
        todo = list(self._terms)
        for blob, below in zip(self._stops, self._stops[1:] + [None]):
            diff = _slope(net, blob)
            if not self._fed[blob]:
                # No layer has written this diff, so it still holds the values of an earlier evaluation.
                diff[...] = 0
            for term in [term for term in todo if blob in term.blobs]:
                todo.remove(term)
                parts[term.name] = self._evaluate(term, blob, pending)
            if blob in pending:
                own = self._own(diff[0], blob)
                own += pending.pop(blob)
            if below is not None and self._writer[below] < self._writer[blob]:
                net._backward(self._writer[blob], self._writer[below] + 1)
        gradient = _slope(net, self.input_blob)
        return gradient if frame is None else frame.fold(gradient), parts

    def _on_host(self, gradient: Any) -> Any:
        """Return a gradient on the host."""
        if self.frame is None:
            return self.net.blobs[self.input_blob].diff
        return arrays.to_numpy(gradient)

    def _evaluate(self, term: Term, blob: str, pending: Dict[str, Any]) -> Any:
        """Return a term's value; add its gradient to `blob`'s diff, and to `pending` for lower blobs.

        With a frame, a loss gets copies without the margin, unless it takes arrays with gaps in memory.
        """
        features = [self._own(responses(self.net, name)[0], name) for name in term.blobs]
        in_place = self.frame is None or term.takes_gaps
        if not in_place:
            features = [arrays.copy_of(values) for values in features]
        gradients = []
        for name, values in zip(term.blobs, features):
            if name == blob and in_place:
                gradients.append(self._own(_slope(self.net, name)[0], name))
            else:
                gradients.append(pending.setdefault(name, arrays.zeros_like(values)))
        return term.loss(features, gradients)

    def _own(self, values: Any, blob: str) -> Any:
        """Return the part of a blob's values (N, H, W) that is the image's own, without the margin."""
        return values if self.frame is None else values[self.frame.places[blob]]


class _Steps:
    """Stands for what evaluations compute; a new one is made when this changes."""


def set_image(net: Net, name: str, image: Any) -> None:
    """Write an image (1, 3, H, W), a numpy array or one on the net's device, into a blob of its shape."""
    on_host = arrays.namespace(image) is arrays.np
    values = net.device.placed(image) if on_host else arrays.copy_of(image)
    net.device.set_data(net.blobs[name], values)


def responses(net: Net, name: str) -> Any:
    """Return a blob's data on the device of the losses. It is only for reading: no device copies it back."""
    return net.device.data_of(net.blobs[name])


def _slope(net: Net, name: str) -> Any:
    """Return a blob's diff, for writing."""
    return net.device.diff_of(net.blobs[name])


def _last_writers(net: Net) -> Dict[str, int]:
    """Map each blob's name to the index of the layer that writes it last: with an in-place ReLU, the ReLU."""
    return {
        blob: index for index, layer in enumerate(net._layer_names) for blob in net.top_names[layer]
    }
