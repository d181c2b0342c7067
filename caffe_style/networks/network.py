"""Networks: the definition, weights, mean and default layers of a model, opened on a backend."""

from __future__ import annotations

import dataclasses
import difflib
import os
from pathlib import Path
from typing import Any, Dict, Iterable, Optional, Sequence, Union

import numpy as np

from ..backends import arrays, estimate
from ..backends import select as backends
from ..backends.net import TrainableNet
from ..errors import (
    ImageError,
    LayerError,
    WeightsError,
)
from ..pictures.images import to_caffe
from . import weights, zoo
from .checks import check_finite, check_input, set_pooling
from .margin import NO_MARGIN, Frame, Margin

#: Smallest side of a picture in pixels. A smaller picture shows no style.
SMALLEST_SIDE = 16


class Network:
    """A recognition network whose responses are compared.

    Attributes
    ----------
    net : Net
        Caffe net with pycaffe's interface.
    model : zoo.Model
        Description of the model: mean, default layers and weights.
    backend : str
        Backend that runs the net.
    param : NetParameter
        Definition of the network.
    input_blob : str
        Name of the blob that holds the image, (1, 3, H, W), BGR, mean-free.
    opened : dict
        Arguments with which `open_network` opens the network again. JSON can hold them.
    """

    def __init__(self, net: TrainableNet, model: zoo.Model, backend: str, param: Any) -> None:
        self.net, self.model, self.backend, self.param = net, model, backend, param
        self.input_blob = net.inputs[0]
        self.opened: Dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    def to_blob(self, image: np.ndarray) -> np.ndarray:
        """Convert a picture (H, W, 3) uint8 RGB to the network's input (1, 3, H, W) float32, BGR, mean-free."""
        return to_caffe(image, self.model.mean)

    def on_device(self, array: np.ndarray) -> Any:
        """Return an array on the net's device, if the device exposes its memory as arrays."""
        return self.net.device.placed(array)

    def check_blobs(self, blobs: Iterable[str]) -> None:
        """Raise LayerError, with similar names, if the network does not have one of these blobs."""
        for blob in blobs:
            if blob not in self.net.blobs:
                near = difflib.get_close_matches(blob, list(self.net.blobs), 3, 0.4)
                raise LayerError(
                    "%s has no layer '%s': did you mean %s?"
                    % (self.name, blob, " or ".join(near or list(self.net.blobs)[1:4]))
                )

    def resize(self, height: int, width: int) -> None:
        """Resize the network's input to pictures of this size.

        Parameters
        ----------
        height, width : int
            Size of the picture in pixels.

        Raises
        ------
        ImageError
            If the size is too small for the network.
        """
        if min(height, width) < SMALLEST_SIDE:
            raise ImageError(
                "a picture of %d x %d pixels is too small: at least %d each way"
                % (width, height, SMALLEST_SIDE)
            )
        self.net.blobs[self.input_blob].reshape(1, 3, height, width)
        try:
            self.net.reshape()
        except LayerError as error:
            raise ImageError(
                "a picture of %d x %d pixels is too small for %s (%s)"
                % (width, height, self.name, error)
            ) from None

    def features(
        self, image: np.ndarray, blobs: Iterable[str], margin: Margin = NO_MARGIN
    ) -> Dict[str, np.ndarray]:
        """Compute the responses of some layers to a picture.

        Parameters
        ----------
        image : ndarray, (H, W, 3) uint8 RGB
            The picture.
        blobs : iterable of str
            Names of the layers' blobs.
        margin : Margin, optional
            Margin within which the network reads the picture; by default none.

        Returns
        -------
        dict of str to ndarray, (N, H_l, W_l) float32
            The picture's own responses: copies, in the blob's own memory layout.

        Raises
        ------
        LayerError, ImageError
            If a blob is unknown, or the picture is too small.
        """
        blobs = list(blobs)
        self.check_blobs(blobs)
        frame = Frame(self, image.shape[:2], margin)
        with estimate.explained(self.net, self.input_blob):
            self.net.blobs[self.input_blob].data[...] = frame.pad(self.to_blob(image))
            self.net._forward(0, list(self.net._layer_names).index(self.last_layer(blobs)))
            return {
                blob: self._response(blob)[frame.places[blob]].copy(order="K") for blob in blobs
            }

    def _response(self, blob: str) -> np.ndarray:
        """Return the response (N, H_l, W_l) in the memory layout that losses use."""
        return arrays.to_numpy(self.net.device.data_of(self.net.blobs[blob]))[0]

    def last_layer(self, blobs: Iterable[str]) -> str:
        """Return the last layer that the network must run to compute all of these blobs."""
        wanted = set(blobs)
        layers = [
            layer
            for layer in self.net._layer_names
            if wanted.intersection(self.net.top_names[layer])
        ]
        return layers[-1]


def open_network(
    model: Union[str, Path] = "vgg19",
    backend: str = "cpu",
    *,
    device: int = 0,
    weights_file: Optional[Union[str, Path]] = None,
    pooling: Optional[str] = None,
    mean: Optional[Sequence[float]] = None,
    seed: int = 0,
) -> Network:
    """Open a model of the zoo, or one of your own, on a backend.

    Parameters
    ----------
    model : str or path
        Name of a model, or path of a prototxt or a model's folder. See `caffe_style.networks.zoo.get_model`.
    backend : str
        One of `caffe_style.backends.select.BACKENDS`.
    device : int
        Number of the backend's device.
    weights_file : path, optional
        Caffemodel to use instead of the model's own weights or random filters.
    pooling : {"max", "average"}, optional
        Operation of the pooling layers. By default that of the model.
    mean : sequence of 3 floats, optional
        Mean to subtract from pictures, in BGR order, from 0 to 255. By default that of the model.
    seed : int
        Seed of the filters of a model with random weights.

    Returns
    -------
    Network

    Raises
    ------
    ModelError, PrototxtError, LayerError, WeightsError, BackendError

    Examples
    --------
    >>> import numpy as np
    >>> network = open_network("strokenet")
    >>> blob = list(network.model.style_layers)[0]
    >>> features = network.features(np.zeros((32, 48, 3), np.uint8), [blob])
    >>> features[blob].shape[1:]
    (32, 48)
    """
    from ..engine.formats.prototxt import read_prototxt

    described = zoo.get_model(model)
    described = dataclasses.replace(
        described,
        pooling=pooling or described.pooling,
        mean=described.mean if mean is None else tuple(mean),
    )
    param = read_prototxt(str(described.prototxt))
    set_pooling(param, described.pooling)
    path = _find_weights(described, weights_file)
    net = backends.open_net(param, path, backend, device)
    network = Network(net, described, backend, param)
    network.opened = {
        "model": os.path.abspath(model) if described.own else described.name,
        "backend": backend,
        "device": device,
        "weights_file": None if weights_file is None else os.path.abspath(weights_file),
        "pooling": described.pooling,
        "mean": list(described.mean),
        "seed": seed,
    }
    check_input(network)
    if path is None:
        from .random_weights import fill_random

        fill_random(net, network.input_blob, described.mean, seed)
    else:
        check_finite(net, str(path))
    return network


def _find_weights(model: zoo.Model, given: Optional[Union[str, Path]]) -> Optional[Path]:
    """Return the path of the caffemodel, or None for a model with random filters."""
    if given is None and model.random:
        return None
    path = weights.weights_path(model) if given is None else Path(given)
    if path is None:
        raise WeightsError(weights.how_to_get(model))
    weights.refuse_replaced(model, path)
    return path
