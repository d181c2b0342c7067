"""Classifier and Detector: pycaffe's two ready-made uses of a net."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from . import io
from .pycaffe import TEST, Net


def _transformer(
    net: Net, mean: Any, input_scale: Any, raw_scale: Any, channel_swap: Any
) -> io.Transformer:
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
        self.transformer = _transformer(self, mean, input_scale, raw_scale, channel_swap)
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


class Detector(Net):
    """A net that classifies windows of pictures (R-CNN's way).

    Parameters as for `Classifier`; `context_pad` pixels of context go around a window, in the input's size.
    """

    def __init__(
        self,
        model_file: str,
        pretrained_file: str,
        mean: Any = None,
        input_scale: Any = None,
        raw_scale: Any = None,
        channel_swap: Any = None,
        context_pad: int = 0,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        self.transformer = _transformer(self, mean, input_scale, raw_scale, channel_swap)
        self.context_pad = context_pad

    def detect_windows(
        self, images_windows: Sequence[Tuple[str, Sequence[Sequence[float]]]]
    ) -> List[Dict[str, Any]]:
        """Classify windows (ymin, xmin, ymax, xmax) of picture files.

        Returns
        -------
        list of dict
            window, prediction and filename, one for each window.
        """
        name = self.inputs[0]
        crops, found = [], []
        for filename, windows in images_windows:
            image = io.load_image(os.fsdecode(filename)).astype(np.float32)
            for window in windows:
                crops.append(self.transformer.preprocess(name, self.crop(image, window)))
                found.append({"window": np.asarray(window), "filename": filename})
        predictions = self.forward_all(**{name: np.stack(crops)})[self.outputs[0]]
        for entry, prediction in zip(found, predictions.reshape(len(crops), -1)):
            entry["prediction"] = prediction
        return found

    def crop(self, image: np.ndarray, window: Sequence[float]) -> np.ndarray:
        """Cut a window (ymin, xmin, ymax, xmax) with its context; beyond the border it repeats the edge."""
        ymin, xmin, ymax, xmax = (int(round(value)) for value in window)
        if self.context_pad:
            height, width = self.blobs[self.inputs[0]].data.shape[2:]
            grow_y = self.context_pad * (ymax - ymin) / (height - 2.0 * self.context_pad)
            grow_x = self.context_pad * (xmax - xmin) / (width - 2.0 * self.context_pad)
            ymin, ymax = int(round(ymin - grow_y)), int(round(ymax + grow_y))
            xmin, xmax = int(round(xmin - grow_x)), int(round(xmax + grow_x))
        rows = np.clip(np.arange(ymin, max(ymax, ymin + 1)), 0, image.shape[0] - 1)
        columns = np.clip(np.arange(xmin, max(xmax, xmin + 1)), 0, image.shape[1] - 1)
        return image[rows][:, columns]
