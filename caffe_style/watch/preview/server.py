"""The server of the page. It serves this machine only, and refuses requests from pages of other sites."""

from __future__ import annotations

import http.server
import json
import os
import secrets
import socket
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any, Dict

from ...errors import OptionError

ADDRESS = "127.0.0.1"
#: Names of this machine. Any other name is that of another site that resolves to this address (DNS rebinding).
#: The port is not checked, since a tunnel may use another.
HOSTS = ("127.0.0.1", "localhost")
FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
#: Limits of connections: their number, and the seconds that one may be silent and may last. Browsers reconnect.
MOST, SILENCE, LIFETIME = 32, 10.0, 60.0
WISHES = ("pause", "continue", "stop")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


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
    # On other systems this option would let two programs share a port.
    allow_reuse_address = os.name == "posix"

    def __init__(self, port: int, run: Any) -> None:
        if not 0 <= port <= 65535:
            raise OptionError("preview port %d: choose one from 1 to 65535, or 0 for any" % port)
        self._lock = threading.Lock()
        self._begun: Dict[Any, float] = {}
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise OptionError(
                "preview port %d: %s; choose another, or 0 for any" % (port, error.strerror)
            ) from None
        self.run, self.token = run, secrets.token_urlsafe(16)
        self.url = "http://%s:%d/" % (ADDRESS, self.server_address[1])
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
        if not self._host_is_ours():
            return
        url = urllib.parse.urlsplit(self.path)
        if url.path in FILES:
            name, kind = FILES[url.path]
            text = (Path(__file__).parent / name).read_text(encoding="utf-8")
            self._answer(200, kind, text.replace("{{token}}", self.server.token).encode())
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
        if not self._host_is_ours():
            return
        # Pages of other sites can send requests, but cannot read the token in ours.
        token = self.headers.get("X-Token", "").encode("utf-8", "replace")
        if not secrets.compare_digest(token, self.server.token.encode()):
            self._refuse(403, "wrong token: reload the page")
        elif self.path[1:] in WISHES:
            self.server.run.ask(self.path[1:])
            self._answer_json({})
        else:
            self._refuse(404, "nothing here")

    def _host_is_ours(self) -> bool:
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host.lower() in HOSTS:
            return True
        self.close_connection = True
        self._refuse(403, "this page is for this machine only")
        return False

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
