"""Detector: pycaffe's way to classify windows of pictures (R-CNN)."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..errors import BackendError, ImageError
from . import io
from .classifier import make_transformer
from .pycaffe import TEST, Net


class Detector(Net):
    """A net that classifies windows of pictures.

    Parameters
    ----------
    model_file, pretrained_file : str
        prototxt and caffemodel.
    mean, input_scale, raw_scale, channel_swap
        See `io.Transformer`.
    context_pad : int, optional
        Pixels of context around a window, in the net's (square) input.
    """

    def __init__(
        self,
        model_file: str,
        pretrained_file: str,
        mean: Any = None,
        input_scale: Any = None,
        raw_scale: Any = None,
        channel_swap: Any = None,
        context_pad: Optional[int] = None,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        self.transformer = make_transformer(self, mean, input_scale, raw_scale, channel_swap)
        self.configure_crop(context_pad)

    def configure_crop(self, context_pad: Optional[int]) -> None:
        """Choose the context around windows, and what stands for it outside of the picture: the mean.

        Parameters
        ----------
        context_pad : int, optional
            Pixels in the net's input; none with 0 or None.
        """
        name = self.inputs[0]
        channels, height, width = self.blobs[name].data.shape[1:]
        #: Shape (H, W, K) of a crop with context.
        self.crop_dims = np.array([height, width, channels])
        self.context_pad = context_pad
        #: The mean in the pictures' own order and range, (H, W, K) or (1, 1, K).
        self.crop_mean = np.zeros(self.crop_dims, np.float32)
        mean = self.transformer.mean.get(name)
        if mean is not None:
            crop_mean = np.moveaxis(np.array(mean, np.float32), 0, -1)
            swap = self.transformer.channel_swap.get(name)
            if swap is not None:
                crop_mean = crop_mean[:, :, np.argsort(swap)]
            self.crop_mean = crop_mean / self.transformer.raw_scale.get(name, 1)

    def detect_windows(
        self, images_windows: Sequence[Tuple[str, Sequence[Sequence[float]]]]
    ) -> List[Dict[str, Any]]:
        """Classify windows (ymin, xmin, ymax, xmax) of picture files.

        Parameters
        ----------
        images_windows : iterable of (str, sequence of windows)

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
                found.append({"window": window, "filename": filename})
        if not crops:
            return []
        predictions = self.forward_all(**{name: np.stack(crops)})[self.outputs[0]]
        for entry, prediction in zip(found, predictions):
            entry["prediction"] = prediction
        return found

    def detect_selective_search(self, image_fnames: Sequence[str]) -> List[Dict[str, Any]]:
        """Classify the windows that selective search proposes for picture files.

        Parameters
        ----------
        image_fnames : sequence of str

        Returns
        -------
        list of dict
            As `detect_windows`.

        Raises
        ------
        BackendError
            Without the module selective_search_ijcv_with_python (which needs MATLAB).
        """
        try:
            import selective_search_ijcv_with_python as selective_search
        except ImportError as error:
            raise BackendError(
                "selective search needs the module selective_search_ijcv_with_python and MATLAB (%s):"
                " give windows to detect_windows instead" % error
            ) from None
        paths = [os.path.abspath(path) for path in image_fnames]
        windows = selective_search.get_windows(paths, cmd="selective_search_rcnn")
        return self.detect_windows(list(zip(paths, windows)))

    def crop(self, im: np.ndarray, window: Sequence[float]) -> np.ndarray:
        """Cut a window, with its context as far as the picture goes and the mean beyond.

        Parameters
        ----------
        im : ndarray, (H, W, K)
        window : (ymin, xmin, ymax, xmax)

        Returns
        -------
        ndarray, (h, w, K)
            Of the net's input size with context, else of the window's own.

        Raises
        ------
        ImageError
            For a window outside of the picture.
        """
        if not self.context_pad:
            top, left, bottom, right = (int(edge) for edge in window)
            return self._checked(im[top:bottom, left:right], window)
        # As in Caffe both ends of a window count as inside, but the last row and column are not cut out.
        size = self.blobs[self.inputs[0]].width
        box = np.array(window, float)
        half = (box[2:] - box[:2] + 1) / 2
        reach = half * size / (size - 2.0 * self.context_pad)
        low, high = (np.round(box[:2] + half + sign * reach) for sign in (-1, 1))
        zoom = size / (high - low + 1)
        offset = np.round(np.maximum(0, -low) * zoom).astype(int)
        low, high = (np.clip(edge, 0, im.shape[:2]).astype(int) for edge in (low, high))
        inner = np.minimum(np.round((high - low + 1) * zoom).astype(int), size - offset)
        cut = self._checked(im[low[0] : high[0], low[1] : high[1]], window)
        cut = io.resize_image(cut, tuple(inner))
        crop = np.ones(self.crop_dims, np.float32) * self.crop_mean
        crop[offset[0] : offset[0] + inner[0], offset[1] : offset[1] + inner[1]] = cut
        return crop

    @staticmethod
    def _checked(cut: np.ndarray, window: Sequence[float]) -> np.ndarray:
        if not cut.size:
            raise ImageError("the window %s holds nothing of the picture" % (tuple(window),))
        return cut
