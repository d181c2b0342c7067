"""Pictures and arrays on their way into a net and out of it: pycaffe's `caffe.io`."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from .proto import caffe_pb2

# ---- Arrays and messages ----


def blobproto_to_array(blob: Any, return_diff: bool = False) -> np.ndarray:
    """The values of a BlobProto.

    Parameters
    ----------
    blob : BlobProto
        With `shape`, or the old num, channels, height and width.
    return_diff : bool
        The diff instead of the data.

    Returns
    -------
    ndarray, float64
    """
    values = np.array(blob.diff if return_diff else blob.data)
    legacy = ("num", "channels", "height", "width")
    if any(blob.HasField(name) for name in legacy):
        return values.reshape([getattr(blob, name) for name in legacy])
    return values.reshape(blob.shape.dim)


def array_to_blobproto(arr: np.ndarray, diff: Optional[np.ndarray] = None) -> Any:
    """A BlobProto of an array of any shape, and of its diff."""
    blob = caffe_pb2.BlobProto()
    blob.shape.dim.extend(arr.shape)
    blob.data.extend(arr.astype(float).flat)
    if diff is not None:
        blob.diff.extend(diff.astype(float).flat)
    return blob


def arraylist_to_blobprotovector_str(arraylist: Sequence[np.ndarray]) -> bytes:
    """A serialized BlobProtoVector of arrays."""
    blobs = [array_to_blobproto(array) for array in arraylist]
    return caffe_pb2.BlobProtoVector(blobs=blobs).SerializeToString()


def blobprotovector_str_to_arraylist(str: bytes) -> List[np.ndarray]:
    """The arrays of a serialized BlobProtoVector."""
    return [blobproto_to_array(blob) for blob in caffe_pb2.BlobProtoVector.FromString(str).blobs]


def array_to_datum(arr: np.ndarray, label: Optional[int] = None) -> Any:
    """A Datum of a (channels, height, width) array: bytes for uint8, else floats.

    Raises
    ------
    ValueError
        For another number of axes.
    """
    if arr.ndim != 3:
        raise ValueError("Incorrect array shape.")
    datum = caffe_pb2.Datum(channels=arr.shape[0], height=arr.shape[1], width=arr.shape[2])
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(arr.astype(float).flat)
    if label is not None:
        datum.label = label
    return datum


def datum_to_array(datum: Any) -> np.ndarray:
    """The (channels, height, width) array of a Datum: uint8, or float64 if it holds floats."""
    if len(datum.data):
        values = np.frombuffer(datum.data, np.uint8)
    else:
        values = np.array(datum.float_data, float)
    return values.reshape(datum.channels, datum.height, datum.width)


# ---- Pictures ----


def load_image(filename: str, color: bool = True) -> np.ndarray:
    """Read a picture.

    Parameters
    ----------
    filename : str
        The file.
    color : bool
        Three channels, grey being repeated and alpha dropped; else one.

    Returns
    -------
    ndarray, (H, W, 3) or (H, W, 1), float32 in [0, 1]
    """
    import skimage
    import skimage.io

    image = skimage.img_as_float(skimage.io.imread(filename, as_gray=not color)).astype(np.float32)
    if image.ndim == 2:
        return np.repeat(image[:, :, np.newaxis], 3 if color else 1, axis=2)
    return image[:, :, :3] if image.shape[2] == 4 else image


def resize_image(im: np.ndarray, new_dims: Sequence[int], interp_order: int = 1) -> np.ndarray:
    """Resize a picture.

    Pictures of one or three channels go through `skimage.transform.resize`, whose newer versions smooth before
    they shrink; others through `scipy.ndimage.zoom`. A constant picture stays that constant.

    Parameters
    ----------
    im : ndarray, (H, W, K)
        The picture, of any range.
    new_dims : (int, int)
        Height and width.
    interp_order : int
        Order of the spline.

    Returns
    -------
    ndarray, (height, width, K), float32
    """
    if im.shape[-1] not in (1, 3):
        from scipy.ndimage import zoom

        factors = tuple(np.array(new_dims, float) / im.shape[:2]) + (1,)
        return zoom(im, factors, order=interp_order).astype(np.float32)
    low, high = im.min(), im.max()
    if not high > low:
        return np.full((new_dims[0], new_dims[1], im.shape[-1]), low, np.float32)
    from skimage.transform import resize

    # resize takes floats to be in [-1, 1] and outside the picture (which order 1 touches) to be 0.
    unit = resize((im - low) / (high - low), new_dims, order=interp_order, mode="constant")
    return (unit * (high - low) + low).astype(np.float32)


def oversample(images: Sequence[np.ndarray], crop_dims: Sequence[int]) -> np.ndarray:
    """Ten crops of each picture: four corners and the centre, then their mirror images.

    Parameters
    ----------
    images : sequence of ndarray, (H, W, K)
        All of one size.
    crop_dims : (int, int)
        Height and width of a crop.

    Returns
    -------
    ndarray, (10 * number of images, height, width, K), float32
    """
    size = np.array(images[0].shape[:2])
    crop = np.array(crop_dims)
    bottom, right = size - crop
    centre = ((size - crop) / 2.0).astype(int)
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), centre]
    crops = []
    for image in images:
        ours = [image[top : top + crop[0], left : left + crop[1]] for top, left in corners]
        crops += ours + [one[:, ::-1] for one in ours]
    return np.array(crops, np.float32)


# ---- From a picture to a net's input ----


class Transformer:
    """Turns pictures into what a net's input wants, and back.

    Without settings it only resizes. What is set is applied in this order: transpose, channel swap, raw scale,
    mean, input scale; so the mean is in the swapped channel order and on the raw scale.

    Parameters
    ----------
    inputs : dict of str to tuple of int
        Shape (N, K, H, W) of each input, for instance `{"data": net.blobs["data"].data.shape}`.
    """

    def __init__(self, inputs: Dict[str, Tuple[int, ...]]) -> None:
        self.inputs = inputs
        self.transpose: Dict[str, Sequence[int]] = {}
        self.channel_swap: Dict[str, Sequence[int]] = {}
        self.raw_scale: Dict[str, float] = {}
        self.mean: Dict[str, np.ndarray] = {}
        self.input_scale: Dict[str, float] = {}

    def preprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """Make a picture the net's input.

        Parameters
        ----------
        in_ : str
            The input's name.
        data : ndarray, (H', W', K)
            The picture. As in pycaffe, a float32 picture of the right size is changed in place unless a channel
            swap copies it.

        Returns
        -------
        ndarray, (K, H, W), float32
        """
        self._check_input(in_)
        result = data.astype(np.float32, copy=False)
        size = self.inputs[in_][2:]
        if result.shape[:2] != size:
            result = resize_image(result, size)
        if in_ in self.transpose:
            result = result.transpose(self.transpose[in_])
        if in_ in self.channel_swap:
            result = result[self.channel_swap[in_], :, :]
        if in_ in self.raw_scale:
            result *= self.raw_scale[in_]
        if in_ in self.mean:
            result -= self.mean[in_]
        if in_ in self.input_scale:
            result *= self.input_scale[in_]
        return result

    def deprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """Undo `preprocess`, but for the size.

        Parameters
        ----------
        in_ : str
            The input's name.
        data : ndarray, (K, H, W) or (1, K, H, W)
            It is left as it is.

        Returns
        -------
        ndarray, (H, W, K)
        """
        self._check_input(in_)
        result = data.copy().squeeze()
        if in_ in self.input_scale:
            result /= self.input_scale[in_]
        if in_ in self.mean:
            result += self.mean[in_]
        if in_ in self.raw_scale:
            result /= self.raw_scale[in_]
        if in_ in self.channel_swap:
            result = result[np.argsort(self.channel_swap[in_]), :, :]
        if in_ in self.transpose:
            result = result.transpose(np.argsort(self.transpose[in_]))
        return result

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """Set the order of axes: (2, 0, 1) makes (H, W, K) into (K, H, W)."""
        self._check_input(in_)
        if len(order) != len(self.inputs[in_]) - 1:
            raise Exception(
                "Transpose order needs to have the same number of dimensions as the input."
            )
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """Set the order of channels: (2, 1, 0) makes RGB into BGR. It comes after the transposition."""
        self._check_input(in_)
        if len(order) != self.inputs[in_][1]:
            raise Exception(
                "Channel swap needs to have the same number of dimensions as the input channels."
            )
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """Set the factor before the mean: 255 for nets of [0, 255] and pictures of [0, 1]."""
        self._check_input(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: np.ndarray) -> None:
        """Set the mean to subtract.

        Parameters
        ----------
        in_ : str
            The input's name.
        mean : ndarray, (K,) or (K, h, w)
            One value a channel, or a picture, resized to the input's size where it differs. An input of one
            channel takes (H, W) too.

        Raises
        ------
        ValueError
            For other shapes.
        """
        self._check_input(in_)
        shape = self.inputs[in_][1:]
        if mean.ndim == 1:
            if mean.shape[0] != self.inputs[in_][1]:
                raise ValueError("Mean channels incompatible with input.")
            mean = mean[:, np.newaxis, np.newaxis]
        elif mean.ndim not in (2, 3):
            raise ValueError("Mean shape invalid")
        elif ((1,) + mean.shape)[-3:] != shape:
            mean = resize_image(mean.transpose((1, 2, 0)), shape[1:]).transpose((2, 0, 1))
        self.mean[in_] = mean

    def set_input_scale(self, in_: str, scale: float) -> None:
        """Set the factor after the mean."""
        self._check_input(in_)
        self.input_scale[in_] = scale

    def _check_input(self, in_: str) -> None:
        if in_ not in self.inputs:
            raise Exception("%s is not one of the net inputs: %s" % (in_, self.inputs))
