"""The server of the page. It serves this machine only, and refuses requests from pages of other sites."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any, Dict

from ..page.files import page_files
from ..page.safety import ADDRESS, HEADERS, LIFETIME, SILENCE, listen, make_token, refusal

#: Most connections at a time.
MOST = 32
WISHES = ("pause", "continue", "stop")


class PageServer(http.server.ThreadingHTTPServer):
    """A server that serves a run's page in a separate thread until it is closed.

    Parameters
    ----------
    port : int
        Port to listen on; 0 picks a free one.
    run : Preview
        Run whose `state`, `picture` and `ask` answer the requests.

    Raises
    ------
    OptionError
    """

    daemon_threads = True

    def __init__(self, port: int, run: Any) -> None:
        self._lock = threading.Lock()
        self._begun: Dict[Any, float] = {}
        listening = listen(port, "preview")
        super().__init__((ADDRESS, port), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.server_address = listening, listening.getsockname()
        self.run, self.token = run, make_token()
        self.files = page_files(Path(__file__).parent, self.token)
        self.url = "http://%s:%d/" % self.server_address
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, or close the connection if there are too many."""
        with self._lock:
            full = len(self._begun) >= MOST
            if not full:
                self._begun[request] = time.monotonic()
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._begun.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Close connections that have lasted too long; called a few times a second."""
        latest = time.monotonic() - LIFETIME
        with self._lock:
            late = [request for request, begun in self._begun.items() if begun < latest]
        for request in late:
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed already

    def close(self) -> None:
        """Stop serving and free the port."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a browser that closes the connection during an answer."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "caffe_style", ""
    timeout = SILENCE

    def do_GET(self) -> None:
        if self._is_refused():
            return
        url = urllib.parse.urlsplit(self.path)
        if url.path in self.server.files:
            self._answer(200, *self.server.files[url.path])
        elif url.path == "/state":
            after = urllib.parse.parse_qs(url.query).get("after", ["0"])[0]
            self._answer_json(self.server.run.state(int(after) if after.isdecimal() else 0))
        elif url.path == "/picture":
            picture = self.server.run.picture()
            if picture is None:
                self._refuse(404, "no picture yet")
            else:
                self._answer(200, "image/jpeg", picture)
        else:
            self._refuse(404, "nothing here")

    def do_POST(self) -> None:
        # Our requests have no body. A body that is not read would be taken for the next request.
        self.close_connection = True
        if self._is_refused():
            return
        if self.path[1:] in WISHES:
            self.server.run.ask(self.path[1:])
            self._answer_json({})
        else:
            self._refuse(404, "nothing here")

    def _is_refused(self) -> bool:
        why = refusal(self.command, self.headers, self.server.token)
        if why is not None:
            self.close_connection = True
            self._refuse(403, why)
        return why is not None

    def _refuse(self, status: int, why: str) -> None:
        self._answer(status, "text/plain; charset=utf-8", why.encode())

    def _answer_json(self, value: Dict[str, Any]) -> None:
        self._answer(200, "application/json", json.dumps(value, default=str).encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *message: Any) -> None:
        """Print nothing: the terminal shows the progress bar."""
