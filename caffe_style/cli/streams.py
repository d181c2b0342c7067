"""Standard output and error that do not end a command if they are closed, full, broken or ASCII only."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Iterator, Optional


class SteadyStream:
    """A text stream that records errors instead of raising them.

    Parameters
    ----------
    stream : text stream

    Attributes
    ----------
    trouble : Exception or None
        The first error.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.trouble: Optional[Exception] = None

    def write(self, text: str) -> int:
        """Write a text. Characters that the stream's encoding does not have are escaped."""
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            return self.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except (OSError, ValueError) as error:  # ValueError: it is closed
            self.trouble = self.trouble or error
        return len(text)

    def flush(self) -> None:
        """Flush the stream, or record the error."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self.trouble = self.trouble or error

    def settle(self) -> None:
        """Flush the stream, and drop the rest. Otherwise Python would try again, and end with status 120."""
        self.flush()
        if self.trouble is not None:
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def steady_streams() -> Iterator[None]:
    """Replace standard output and error by steady streams until the context ends."""
    # Otherwise a file could get the number of a closed stream, and with it the output of libraries.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))
    before = sys.stdout, sys.stderr
    steady = SteadyStream(sys.stdout), SteadyStream(sys.stderr)
    sys.stdout, sys.stderr = steady  # type: ignore[assignment]
    try:
        yield
    finally:
        for stream in steady:
            stream.settle()
        sys.stdout, sys.stderr = before
