"""The server of the studio: Starlette on uvicorn, in a thread, with limits on connections."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from pathlib import Path
from typing import Any, Union

from ...errors import OptionError
from ...system import files
from ...watch.page.safety import ADDRESS, LIFETIME, SILENCE, listen, make_token
from .jobs import Jobs

try:
    import starlette  # noqa: F401
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError:
    raise OptionError("the studio needs a server: pip install 'caffe_style[studio]'") from None

#: Most connections at a time.
MOST = 400


class Connection(H11Protocol):
    """A connection that ends if it is silent at first or lasts too long, and at once if there are too many."""

    def connection_made(self, transport: Any) -> None:
        """Set the times at which the connection ends."""
        super().connection_made(transport)
        if len(self.connections) > MOST:
            transport.abort()
        self._ends = [
            self.loop.call_later(SILENCE, self._end_if_silent),
            # An answer that has begun may be finished.
            self.loop.call_later(LIFETIME, self.shutdown),
            self.loop.call_later(2 * LIFETIME, transport.abort),
        ]

    def connection_lost(self, exc: Any) -> None:
        """Forget the times."""
        for end in self._ends:
            end.cancel()
        super().connection_lost(exc)

    def _end_if_silent(self) -> None:
        if self.cycle is None:
            self.transport.abort()


class Studio:
    """The page of a folder, served until the context ends. Running jobs then save what they have.

    Parameters
    ----------
    folder : path
        Folder of the pictures. Nothing is written anywhere else.
    port : int
        Port of the server; 0 picks a free one.

    Attributes
    ----------
    url : str
        Address of the page.
    jobs : Jobs

    Raises
    ------
    OptionError
        If the folder is missing or has another studio, or the port cannot be used.
    """

    def __init__(self, folder: Union[str, Path], port: int = 0) -> None:
        from .app import make_app

        if not Path(folder).is_dir():
            what = " is not a folder" if Path(folder).exists() else ": no such folder"
            raise OptionError("%s%s" % (folder, what))
        folder = Path(folder).resolve()
        files.check_writable(folder / "picture-0001.png")
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(files.held(folder / "studio"))
            except BlockingIOError:
                raise OptionError("%s: another studio is open on this folder" % folder) from None
            listening = stack.enter_context(contextlib.closing(listen(port, "studio")))
            self.url = "http://%s:%d/" % (ADDRESS, listening.getsockname()[1])
            self.jobs = Jobs(folder)
            stack.callback(self.jobs.close)
            app = make_app(folder, self.jobs, make_token())
            stack.callback(self._serve(app, listening))
            self._open = stack.pop_all()

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._open.close()

    @staticmethod
    def _serve(app: Any, listening: Any) -> Any:
        """Start the server in a thread, and return the function that stops it."""
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            log_level="error",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)

        def stop() -> None:
            # A request that takes longer than the end is dropped, which is no error.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            server.should_exit = True
            thread.join()

        return stop
