"""A run in another process, seen through its page."""

from __future__ import annotations

import http.client
import json
import re
import urllib.parse
from typing import Any, Dict, Optional

#: Seconds to wait for an answer.
PATIENCE = 5.0


class RemoteRun:
    """A run that another process shows on a page. The methods are those of `Preview`.

    Parameters
    ----------
    url : str
        Address of the page.

    Raises
    ------
    OSError, http.client.HTTPException
        By all methods, if the run does not answer, as when it has ended.
    """

    def __init__(self, url: str) -> None:
        self._address = urllib.parse.urlsplit(url).netloc

    def state(self, after: int = 0) -> Dict[str, Any]:
        """Return the state of the run; its loss curve begins at row `after`."""
        return json.loads(self._send("GET", "/state?after=%d" % after))

    def picture(self) -> Optional[bytes]:
        """Return the current picture as JPEG, or None before the first iteration."""
        return self._send("GET", "/picture") or None

    def ask(self, wish: str) -> None:
        """Ask the run to "pause", "continue" or "stop" after its current iteration."""
        token = re.search(rb'name="token" content="([^"]+)"', self._send("GET", "/"))
        if token is not None:
            self._send("POST", "/" + wish, {"X-Token": token.group(1).decode()})

    def _send(self, method: str, path: str, headers: Optional[Dict[str, str]] = None) -> bytes:
        """Return the body of an answer, or an empty one if the page refuses."""
        connection = http.client.HTTPConnection(self._address, timeout=PATIENCE)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            body = answer.read()
            return body if answer.status == 200 else b""
        finally:
            connection.close()
