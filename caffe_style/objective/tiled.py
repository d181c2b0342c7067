"""The objective of a picture that is too large for the network, evaluated exactly, tile by tile.

A first pass over the tiles sums what a loss needs of the whole picture, such as its Gram matrix. In a second
pass the gradient of each tile's core is computed, with respect to all pixels of its window. The core's
responses are those of the whole picture, and the gradients add up to the whole picture's, so there are no
seams.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from .. import losses
from ..backends import arrays
from ..networks.margin import Frame
from ..networks.network import Network
from .cutting import cut, responses
from .objective import Objective
from .term import Term
from .tiles import Place


class TiledGram:
    """The Gram loss of `losses.gram` or, with guides, of `losses.covariation`, summed over tiles.

    Parameters
    ----------
    target : ndarray, (N, N), or (K, N, N) with guides
        Mean Gram matrices.
    guides : ndarray, (K, H, W), optional
        Weights of the positions of the whole picture.
    shares : tuple of K floats, optional
        Weight of each kind.
    shift : float
        Shift of all responses.
    positions : int
        Number M of positions in the whole picture.
    weight : float
        Factor of the loss.
    """

    def __init__(
        self,
        target: np.ndarray,
        guides: Optional[np.ndarray] = None,
        shares: Optional[Tuple[float, ...]] = None,
        shift: float = 0.0,
        *,
        positions: int,
        weight: float,
    ) -> None:
        self.target, self.guides, self.shares, self.shift = target, guides, shares, shift
        self.positions, self.weight = positions, weight
        self.slope: Any = None

    def measure(self, features: Any, place: Place) -> np.ndarray:
        """Compute the core's part of the Gram matrix, in double precision."""
        grams = losses.gram_matrices(features, self._guides(features, place), self.shift)
        return arrays.to_numpy(grams).astype(np.float64)

    def settle(self, grams: np.ndarray) -> float:
        """Return the loss of the whole picture's Gram matrix, and keep its slope for `spread`."""
        value, differences, scale = losses.gram_distance(
            grams, self.target, self.positions, self.weight, self.shares
        )
        self.slope = (scale * differences).astype(np.float32)
        return value

    def spread(self, features: Any, gradient: Any, place: Place) -> float:
        """Add the core's gradient and return 0: `settle` returns the whole loss."""
        slope = arrays.beside(self.slope, features)
        guides = self._guides(features, place)
        losses.add_gram_gradient(gradient, features, slope, 1.0, guides, self.shift)
        return 0.0

    def _guides(self, features: Any, place: Place) -> Any:
        if self.guides is None:
            return None
        return arrays.beside(self.guides[(slice(None), *place)], features)


class TiledLocal:
    """A loss that is a sum over positions, such as `losses.content`.

    Parameters
    ----------
    loss : callable
        `loss(features, target, weight, gradient) -> (value, gradient)`.
    target : ndarray, (N, H, W)
        Responses of the whole picture.
    weight : float
        Factor of the loss.
    position_power : int
        Power of the number of positions by which the loss is divided.
    """

    def __init__(
        self, loss: Any, target: np.ndarray, weight: float, position_power: int = 0
    ) -> None:
        self.loss, self.target, self.weight = loss, target, weight
        self.position_power = position_power
        self.positions = target[0].size

    measure = settle = None

    def spread(self, features: Any, gradient: Any, place: Place) -> float:
        """Add the core's gradient, and return its share of the loss."""
        share = (arrays.count(features[0]) / self.positions) ** self.position_power
        # The whole target stays on the host: only a tile's part of it has to fit on the device.
        target = arrays.beside(arrays.copy_of(self.target[(slice(None),) + place]), features)
        value, slope = self.loss(features, target, self.weight * share)
        gradient += slope
        return value


class TiledTerm(NamedTuple):
    """One weighted loss on the responses of one blob.

    Attributes
    ----------
    name, blob : str
        Name of the term, and the blob that it reads.
    loss : TiledGram or TiledLocal
        The loss with its target and weight.
    """

    name: str
    blob: str
    loss: Any


class TiledObjective:
    """The sum of terms as a function of the image, with the interface of `objective.Objective`.

    Parameters
    ----------
    network : Network
        Network that computes the responses.
    frame : Frame
        Margin within which the network reads the picture.
    size : int
        Largest side of a tile in pixels.
    terms : sequence of TiledTerm
        Terms on responses.
    image_terms : sequence of Term
        Terms on the image itself, which are not tiled.
    """

    def __init__(
        self,
        network: Network,
        frame: Frame,
        size: int,
        terms: Sequence[TiledTerm],
        image_terms: Sequence[Term],
    ) -> None:
        self.network, self.terms, self.image_terms = network, list(terms), list(image_terms)
        self.cut = cut(network, frame, size, [term.blob for term in terms])
        self._tile = self.cut.tiles[0]
        self._inner = Objective(
            network.net,
            network.input_blob,
            [Term(term.name, (term.blob,), self._in_tile(term), steady=False) for term in terms],
        )

    #: Losses whose targets depend on the picture do not work in tiles.
    redraw = None

    def _in_tile(self, term: TiledTerm) -> Any:
        """Return the term's loss on the core of the current tile."""

        def evaluate(features: Any, gradients: Any) -> float:
            core, place = self.cut.core(self._tile, term.blob)
            own = arrays.copy_of(features[0][core])
            # A core that is all margin has no responses.
            return term.loss.spread(own, gradients[0][core], place) if arrays.count(own) else 0.0

        return evaluate

    def __call__(self, image: Any) -> Tuple[float, Any, Dict[str, float]]:
        """Evaluate as `objective.Objective.__call__` does, but return a new array for the gradient."""
        xp = arrays.namespace(image)
        padded = self.cut.frame.pad(image)
        parts = self._settle(padded)
        gradient = xp.zeros_like(padded, dtype=xp.float32)
        for tile in self.cut.tiles:
            self._tile = tile
            rows, columns = tile.window
            window = padded[:, :, rows, columns]
            self.network.resize(*window.shape[2:])
            _, slope, values = self._inner(window)
            gradient[:, :, rows, columns] += slope
            for name, value in values.items():
                parts[name] += value
        gradient = self.cut.frame.fold(gradient)
        for term in self.image_terms:
            parts[term.name] = float(term.loss([image[0]], [gradient[0]]))
        return sum(parts.values()), gradient, parts

    def _settle(self, padded: Any) -> Dict[str, float]:
        """Make the first pass: sum what the losses need of the whole picture."""
        parts = {term.name: 0.0 for term in self.terms}
        asking = [term for term in self.terms if term.loss.measure is not None]
        sums: Dict[str, Any] = {}
        blobs = [term.blob for term in asking]
        for blob, place, features in responses(self.network, padded, self.cut, blobs):
            for term in asking:
                if term.blob == blob:
                    sums[term.name] = sums.get(term.name, 0) + term.loss.measure(features, place)
        for term in asking:
            parts[term.name] = term.loss.settle(sums[term.name])
        return parts
