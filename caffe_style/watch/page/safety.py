"""The safety of a page: it is for this machine only, and pages of other sites can do nothing with it."""

from __future__ import annotations

import os
import secrets
import socket
import urllib.parse
from typing import Any, Optional

from ...errors import OptionError

ADDRESS = "127.0.0.1"
#: Names of this machine. Any other name is that of another site that resolves to this address (DNS rebinding).
#: The port is not checked, since a tunnel may use another.
HOSTS = ("127.0.0.1", "localhost")
#: Seconds that a connection may be silent and may last. Browsers reconnect.
SILENCE, LIFETIME = 10.0, 60.0
#: Headers of every answer.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def make_token() -> str:
    """Return a token. The page has it, and pages of other sites cannot read it."""
    return secrets.token_urlsafe(16)


def refusal(method: str, headers: Any, token: str) -> Optional[str]:
    """Return why a request is refused, in one line, or None if it is not.

    Parameters
    ----------
    method : str
        Method of the request. Every method but GET needs the token in the header ``X-Token``.
    headers : mapping
        Headers, whose `get` ignores the case of names.
    token : str
        Token of the page.

    Examples
    --------
    >>> refusal("GET", {"Host": "localhost:8000"}, "secret")
    >>> refusal("GET", {"Host": "site.example"}, "secret")
    'this page is for this machine only'
    >>> refusal("POST", {"Host": "localhost", "X-Token": "guess"}, "secret")
    'wrong token: reload the page'
    """
    host = headers.get("Host", "").lower()
    if (host.rpartition(":")[0] or host) not in HOSTS:
        return "this page is for this machine only"
    origin = headers.get("Origin")
    if origin is not None and urllib.parse.urlsplit(origin).netloc.lower() != host:
        return "this page answers no other page"
    # Pages of other sites can send some requests without an origin, but cannot read the token in our page.
    given = headers.get("X-Token", "").encode("utf-8", "replace")
    if method != "GET" and not secrets.compare_digest(given, token.encode()):
        return "wrong token: reload the page"
    return None


def listen(port: int, what: str) -> socket.socket:
    """Return a socket that listens on a port of this machine, and cannot be reached from others.

    Parameters
    ----------
    port : int
        Port; 0 picks a free one.
    what : str
        Name of the page in errors.

    Raises
    ------
    OptionError
        If the port is out of range, in use or not allowed.
    """
    if not 0 <= port <= 65535:
        raise OptionError("%s port %d: choose one from 1 to 65535, or 0 for any" % (what, port))
    listening = socket.socket()
    # On other systems this option would let two programs share a port.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
    try:
        listening.bind((ADDRESS, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise OptionError(
            "%s port %d: %s; choose another, or 0 for any" % (what, port, error.strerror)
        ) from None
    return listening
