"""All errors that caffe_style raises on purpose. The command line prints one as one line and exits with 2."""

from __future__ import annotations

from typing import Optional


class CaffeStyleError(Exception):
    """Base class of all errors. The message is one line that says what is wrong and what to do about it."""


class ImageError(CaffeStyleError):
    """A picture that cannot be read, used or written."""


class PrototxtError(CaffeStyleError):
    """A network definition that does not parse or does not make sense.

    Parameters
    ----------
    message : str
        What is wrong.
    path : str, optional
        Path of the file.
    line, column : int, optional
        Position in the file, counted from 1.
    """

    def __init__(
        self,
        message: str,
        path: Optional[str] = None,
        line: Optional[int] = None,
        column: Optional[int] = None,
    ) -> None:
        where = ":".join(str(part) for part in (path, line, column) if part is not None)
        super().__init__("%s: %s" % (where, message) if where else message)
        self.path, self.line, self.column = path, line, column


class WeightsError(CaffeStyleError):
    """A caffemodel that is missing, broken, or belongs to another network."""


class ModelError(CaffeStyleError):
    """An unknown model, or one whose definition or description is broken."""


class LayerError(CaffeStyleError):
    """A layer that is unknown, set up wrongly, or given blobs of the wrong shape."""


class BackendError(CaffeStyleError):
    """A backend or device that is not available, or that failed."""


class ResourceError(CaffeStyleError):
    """Work that would not fit in memory."""


class CheckpointError(CaffeStyleError):
    """A checkpoint that cannot be read or written, or belongs to another run."""


class OptionError(CaffeStyleError):
    """A parameter outside its range, or parameters that contradict each other."""


class BatchError(CaffeStyleError):
    """A file of jobs that cannot be understood, or a cluster that cannot work on it."""
