"""A downloader for `pooch` that resumes an interrupted download."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any, Optional

from ..errors import WeightsError

CHUNK = 1 << 16  # bytes; a broken connection loses the current chunk
TIMEOUT = 30  # seconds without a byte
PATIENCE = 5  # failures in a row without new bytes
PAUSE = 1.0  # seconds before the second try; doubled for each further one


class ResumingDownloader:
    """A pooch downloader that keeps a partial download in a ``.part`` file and requests only the rest.

    If the connection breaks, it is reopened at once. A download that was given up or interrupted is resumed
    when it is next requested. If the server ignores the Range header, the download starts over.

    Parameters
    ----------
    part : Path
        The partial file, kept from one run to the next.
    progress : bool
        Show a progress bar on standard error.
    """

    def __init__(self, part: Path, progress: bool) -> None:
        self.part, self.progress = part, progress

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Download `url` completely and move it to `output_file`. Pooch calls this method.

        Raises
        ------
        WeightsError
            If the server has no such file, answers with a web page, or cannot be reached.
        """
        import requests

        failures, reason, reached = 0, "", False
        while failures < PATIENCE:
            if failures:
                time.sleep(PAUSE * 2 ** (failures - 1))
            before = self._have()
            try:
                if self._receive(url):
                    os.replace(self.part, output_file)
                    return
                reason = "the connection broke"
            except requests.exceptions.RequestException as error:
                reason = _short(error)
                if isinstance(error, requests.exceptions.ConnectionError) and not reached:
                    break  # offline, or no such host: waiting would not help
            gained = self._have() > before
            reached = reached or gained
            failures = 1 if gained else failures + 1
        kept = self._have() / 1e6
        note = " (%.1f MB are kept, the same command continues from there)" % kept if kept else ""
        raise WeightsError("%s: %s%s" % (url, reason, note))

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _receive(self, url: str) -> bool:
        """Request the missing part, append it, and return whether the file is now complete."""
        import requests

        start = self._have()
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = "bytes=%d-" % start
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 416:
                return self._ended(response, start)
            if response.status_code >= 500:
                response.raise_for_status()
            if response.status_code not in (200, 206):
                raise WeightsError("%s: the server answers %d" % (url, response.status_code))
            if "text/html" in response.headers.get("Content-Type", ""):
                raise WeightsError("%s: the server sends a web page, not a caffemodel" % url)
            first, total = _span(response)
            if first not in (0, start):
                raise WeightsError("%s: the server sends another part than requested" % url)
            self._save(response, first, total)
        return total is None or self._have() == total

    def _ended(self, response: Any, start: int) -> bool:
        # The server has no bytes after `start`: the part is complete, or it is of another file.
        if response.headers.get("Content-Range", "") == "bytes */%d" % start:
            return True
        self.part.unlink()
        return False

    def _save(self, response: Any, first: int, total: Optional[int]) -> None:
        from tqdm import tqdm

        bar = tqdm(
            total=total,
            initial=first,
            unit="B",
            unit_scale=True,
            desc=self.part.name.split(".")[0],
            disable=not self.progress,
        )
        with bar, open(self.part, "ab" if first else "wb") as file:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))


def _span(response: Any) -> tuple:
    """Return the first byte's position, and the size of the complete file or None if it is unknown."""
    match = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if response.status_code == 206 and match:
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length")
    return 0, int(length) if length else None


def _short(error: Exception) -> str:
    """Describe an error of requests or urllib3 in a few words."""
    import requests

    if isinstance(error, requests.exceptions.Timeout):
        return "no answer within %d s" % TIMEOUT
    if isinstance(error, requests.exceptions.HTTPError):
        return "the server answers %d" % error.response.status_code
    text = str(error)
    if "resolve" in text:
        return "the host name cannot be resolved (no network?)"
    if "refused" in text:
        return "the connection is refused"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate cannot be trusted"
    return "the connection broke"


def retrieve(url: str, checksum: Optional[str], place: Path, progress: bool) -> Path:
    """Download weights to the folder of their final place. A file with another checksum is removed.

    Parameters
    ----------
    url : str
        Address of the file.
    checksum : str, optional
        Checksum as ``algorithm:hex``.
    place : Path
        Final path of the weights.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Path

    Raises
    ------
    WeightsError
        If the file has another checksum or cannot be written.
    """
    import logging

    import pooch

    part = place.with_name(place.name + ".part")
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        path = pooch.retrieve(
            url,
            known_hash=checksum,
            fname=place.name + ".download",
            path=place.parent,
            downloader=ResumingDownloader(part, progress),
        )
    except ValueError:
        raise WeightsError("%s: the file it sends has another checksum" % url) from None
    except OSError as error:
        raise WeightsError("cannot write to %s: %s" % (place.parent, error.strerror)) from None
    finally:
        logger.setLevel(level)
    return Path(path)
