"""Layer types of well-known forks of Caffe, under the forks' own names and fields.

SSD (Permute, Normalize, PriorBox, DetectionOutput), Fast and Faster R-CNN (ROIPooling, SmoothL1Loss), R-FCN
(PSROIPooling), SegNet (Upsample, BN), PSPNet and DeepLab (BN, Interp), SENet (Axpy), ShuffleNet
(ShuffleChannel), MobileNet (ReLU6; its depthwise convolution is with the other convolutions).
"""

from . import (  # noqa: F401
    axpy,
    bn,
    detection_output,
    interp,
    normalize,
    order,
    prior_box,
    regions,
    relu6,
    smooth_l1,
    upsample,
)
