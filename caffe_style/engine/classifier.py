"""Classifier: pycaffe's ready-made way to classify pictures."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy as np

from . import io
from .pycaffe import TEST, Net


def make_transformer(
    net: Net, mean: Any, input_scale: Any, raw_scale: Any, channel_swap: Any
) -> io.Transformer:
    """A Transformer for the net's first input."""
    name = net.inputs[0]
    transformer = io.Transformer({name: net.blobs[name].data.shape})
    transformer.set_transpose(name, (2, 0, 1))
    if mean is not None:
        transformer.set_mean(name, mean)
    if input_scale is not None:
        transformer.set_input_scale(name, input_scale)
    if raw_scale is not None:
        transformer.set_raw_scale(name, raw_scale)
    if channel_swap is not None:
        transformer.set_channel_swap(name, channel_swap)
    return transformer


class Classifier(Net):
    """A net that classifies pictures.

    Parameters
    ----------
    model_file, pretrained_file : str
        prototxt and caffemodel.
    image_dims : (int, int), optional
        Size to which pictures are scaled before the crop; the crop's by default.
    mean, input_scale, raw_scale, channel_swap
        See `io.Transformer`.
    """

    def __init__(
        self,
        model_file: str,
        pretrained_file: str,
        image_dims: Optional[Sequence[int]] = None,
        mean: Any = None,
        input_scale: Any = None,
        raw_scale: Any = None,
        channel_swap: Any = None,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        self.transformer = make_transformer(self, mean, input_scale, raw_scale, channel_swap)
        self.crop_dims = np.array(self.blobs[self.inputs[0]].data.shape[2:])
        self.image_dims = image_dims if image_dims else self.crop_dims

    def predict(self, inputs: Sequence[np.ndarray], oversample: bool = True) -> np.ndarray:
        """Class probabilities.

        Parameters
        ----------
        inputs : sequence of ndarray, (H, W, K)
            As `io.load_image` gives them.
        oversample : bool
            Average over the centre, the corners and their mirror images; else the centre alone.

        Returns
        -------
        ndarray, (number of inputs, classes)
        """
        height, width = self.image_dims
        images = np.stack([io.resize_image(image, (height, width)) for image in inputs])
        if oversample:
            crops = io.oversample(images.astype(np.float32), self.crop_dims)
        else:
            top, left = ((np.array(self.image_dims) - self.crop_dims) / 2).astype(int)
            crops = images[:, top : top + self.crop_dims[0], left : left + self.crop_dims[1]]
        name = self.inputs[0]
        batch = np.stack([self.transformer.preprocess(name, crop) for crop in crops])
        predictions = self.forward_all(**{name: batch})[self.outputs[0]]
        if oversample:
            crops_each = len(crops) // len(images)
            predictions = predictions.reshape(len(images), crops_each, -1).mean(1)
        return predictions
