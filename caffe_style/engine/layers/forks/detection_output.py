"""DetectionOutput (SSD): from locations, scores and prior boxes to a list of detections."""

from __future__ import annotations

import logging
from typing import List, Sequence, Tuple

import numpy as np

from ...blob import Blob
from ..base import Layer, register
from .boxes import decode, suppress

#: Label of an image without detections, where no image of the batch has any.
_NONE = -1


@register("DetectionOutput")
class DetectionOutput(Layer):
    """Rows (image, label, score, xmin, ymin, xmax, ymax), in fractions of the image.

    Bottoms: locations (N, boxes * 4) or, without share_location, (N, boxes * classes * 4); scores (N, boxes *
    classes); priors (1, 2, boxes * 4). The top is (1, 1, detections, 7), image by image, label by label, best
    score first. Where nothing is detected there is one row for each image, -1 but for the image.
    """

    bottoms = (3, 3)

    def allows_force_backward(self, index: int) -> bool:
        """A list of detections has no gradient."""
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the parameters."""
        param = self.param.detection_output_param
        self.classes = int(param.num_classes)
        if self.classes < 1:
            self.fail("num_classes must be given")
        nms = param.nms_param
        if nms.nms_threshold < 0 or not 0 < nms.eta <= 1:
            self.fail("nms_threshold must not be negative, eta must be above 0 and at most 1")
        self.top_k = nms.top_k if nms.HasField("top_k") else -1
        self.least = -np.inf
        if param.HasField("confidence_threshold"):
            self.least = np.float32(param.confidence_threshold)
        if param.save_output_param.output_directory or param.visualize:
            logging.getLogger("caffe_style").warning(
                "layer '%s' (DetectionOutput): detections are neither saved nor shown here, read its top",
                self.name,
            )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As long as forward has not counted the detections: one."""
        locations, scores, priors = bottom
        self.boxes = priors.count // 8
        each = 1 if self.param.detection_output_param.share_location else self.classes
        images = locations.shape[0]
        if locations.count != images * self.boxes * each * 4:
            self.fail("locations %s do not fit %d prior boxes" % (locations.shape, self.boxes))
        if scores.count != images * self.boxes * self.classes:
            self.fail(
                "scores %s do not fit %d prior boxes of %d classes"
                % (scores.shape, self.boxes, self.classes)
            )
        top[0].set_shape((1, 1, 1, 7))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Decode, suppress, keep the best."""
        param, images = self.param.detection_output_param, bottom[0].shape[0]
        prior, variance = bottom[2].data_view.reshape(2, self.boxes, 1, 4)
        if param.variance_encoded_in_target:
            variance = np.ones_like(variance)
        locations = bottom[0].data_view.reshape(images, self.boxes, -1, 4)
        boxes = decode(locations, prior, variance, param.code_type)
        scores = bottom[1].data_view.reshape(images, self.boxes, self.classes)
        rows = []
        for image in range(images):
            for label, index in self._found(boxes[image], scores[image]):
                box = boxes[image, index, label % boxes.shape[2]]
                rows.append([image, label, scores[image, index, label], *box])
        if not rows:
            rows = [[image] + [_NONE] * 6 for image in range(images)]
        top[0].set_shape((1, 1, len(rows), 7))
        top[0].data_view[...] = np.array(rows, np.float32)

    def _found(self, boxes: np.ndarray, scores: np.ndarray) -> List[Tuple[int, int]]:
        """(label, box) of what is found in one image; boxes (n, 1 or classes, 4), scores (n, classes)."""
        param = self.param.detection_output_param
        found = []
        for label in range(self.classes):
            if label == param.background_label_id:
                continue
            kept = suppress(
                boxes[:, label % boxes.shape[1]],
                scores[:, label],
                self.least,
                param.nms_param.nms_threshold,
                param.nms_param.eta,
                self.top_k,
            )
            found += [(label, index) for index in kept]
        if -1 < param.keep_top_k < len(found):
            best = sorted(found, key=lambda each: -scores[each[1], each[0]])[: param.keep_top_k]
            # Sorting by label alone keeps the order of scores.
            found = sorted(best, key=lambda each: each[0])
        return found

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """Fail: a list of detections has no gradient."""
        if any(propagate_down):
            self.fail("has no gradient; end the backward run above it")
