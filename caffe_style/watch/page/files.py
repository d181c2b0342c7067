"""The files of a page, filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, NamedTuple

HERE = Path(__file__).parent
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".jpg": "image/jpeg",
}


class PageFile(NamedTuple):
    """A file of a page: its type, as an answer's header names it, and its content."""

    kind: str
    content: bytes


def page_files(folder: Path, token: str) -> Dict[str, PageFile]:
    """Return the files that make a page, by the path of their address.

    Parameters
    ----------
    folder : Path
        Folder of the page's own files, with a ``page.html``. The files that all pages share are added.
    token : str
        Token of the page, in place of ``{{token}}``.
    """
    found = {
        "/" + path.relative_to(each).as_posix(): PageFile(KINDS[path.suffix], path.read_bytes())
        for each in (HERE, folder)
        for path in sorted(each.rglob("*"))
        if path.suffix in KINDS
    }
    part = found.pop("/run.html").content
    page = found.pop("/page.html").content.replace(b"{{run}}", part)
    found["/"] = PageFile(KINDS[".html"], page.replace(b"{{token}}", token.encode()))
    return found
