"""The answers to the page's requests."""

from __future__ import annotations

import contextlib
import json
import urllib.parse
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ...errors import CaffeStyleError, ImageError
from ...watch.page.files import page_files
from ...watch.page.safety import HEADERS, refusal
from . import gallery
from .folder import Picture, find_pictures, find_unfinished
from .form import form, read_form
from .jobs import Jobs, StudioJob
from .machine import find_backends
from .uploads import LARGEST, keep_upload

#: Most bytes of a filled-in form.
LARGEST_FORM = 1 << 16


def make_app(folder: Path, jobs: Jobs, token: str) -> Any:
    """Return the page and its answers as an ASGI application.

    Parameters
    ----------
    folder : Path
        The studio's folder, without symbolic links.
    jobs : Jobs
    token : str
        Token of the page.
    """
    answers = Answers(folder, jobs)
    routes = [
        Route("/state", answers.state),
        Route("/form", answers.form),
        Route("/backends", answers.backends),
        Route("/pictures", answers.pictures),
        Route("/pictures/{id}/{kind}", answers.picture),
        Route("/uploads", answers.upload, methods=["POST"]),
        Route("/jobs", answers.add, methods=["POST"]),
        Route("/jobs/{number:int}/state", answers.job_state),
        Route("/jobs/{number:int}/picture", answers.job_picture),
        Route("/jobs/{number:int}/{wish}", answers.wish, methods=["POST"]),
    ]
    for path, file in page_files(Path(__file__).parent, token).items():
        routes.append(Route(path, _answer_with(Response(file.content, media_type=file.kind))))
    app = Starlette(routes=routes, exception_handlers={CaffeStyleError: _sentence})
    return _guarded(app, token)


def _answer_with(answer: Response) -> Callable:
    async def endpoint(request: Request) -> Response:
        return answer

    return endpoint


async def _sentence(request: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 400)


def _guarded(app: Any, token: str) -> Callable:
    """Return an application that refuses requests of other pages, and adds the headers to all answers."""

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                given = {name for name, _ in message.get("headers", ())}
                own = [pair for pair in own if pair[0] not in given]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        if scope["type"] != "http":
            return await app(scope, receive, send)
        request = Request(scope)
        why = refusal(request.method, request.headers, token)
        if why is None:
            return await app(scope, receive, send_with_headers)
        answer = PlainTextResponse(why, 403, {"Connection": "close"})
        await answer(scope, receive, send_with_headers)

    return guarded


async def _body(request: Request, most: int) -> bytes:
    """Return the body of a request, if it is not too large."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > most:
            raise HTTPException(
                413,
                "The file has more than %d MB: make it smaller first" % max(1, most // 10**6),
                {"Connection": "close"},
            )
    return bytes(content)


class Answers:
    """The answers, one method each."""

    def __init__(self, folder: Path, jobs: Jobs) -> None:
        self._folder, self._jobs = folder, jobs

    def state(self, request: Request) -> Response:
        """Answer with the jobs, and a text that changes with the pictures."""
        # The jobs come first: the picture of a job that has ended is then among the pictures.
        jobs = self._jobs.list()
        pictures, unfinished = find_pictures(self._folder), find_unfinished(self._folder)
        version = hash((tuple(pictures.values()), tuple(unfinished)))
        return JSONResponse({"jobs": jobs, "version": str(version)})

    def form(self, request: Request) -> Response:
        """Answer with what the form offers."""
        return JSONResponse({"folder": str(self._folder), **form()})

    def backends(self, request: Request) -> Response:
        """Answer with the backends, which takes some seconds the first time."""
        return JSONResponse(find_backends())

    def pictures(self, request: Request) -> Response:
        """Answer with all pictures."""
        pictures, unfinished = find_pictures(self._folder), find_unfinished(self._folder)
        return JSONResponse(gallery.gallery(self._folder, pictures, unfinished))

    def picture(self, request: Request) -> Response:
        """Answer with a picture: `small` or `large` to show it, `png` or `jpg` as a download."""
        picture, kind = self._find(request.path_params["id"]), request.path_params["kind"]
        shown = {"small": gallery.small, "large": gallery.large}.get(kind)
        try:
            if shown is not None:
                content = shown(picture.path, picture.changed)
                return Response(content, media_type="image/jpeg")
            if kind not in ("png", "jpg"):
                raise HTTPException(404, "nothing here")
            content = gallery.download(picture.path, "." + kind)
        except (ImageError, OSError):
            raise HTTPException(404, "%s cannot be read" % picture.name) from None
        name = urllib.parse.quote("%s.%s" % (Path(picture.name).stem, kind))
        disposition = {"Content-Disposition": "attachment; filename*=UTF-8''" + name}
        kinds = {"png": "image/png", "jpg": "image/jpeg"}
        return Response(content, 200, disposition, kinds[kind])

    async def upload(self, request: Request) -> Response:
        """Keep a picture."""
        shown = urllib.parse.unquote(request.headers.get("X-Name", ""))[:100] or "The file"
        content = await _body(request, LARGEST)
        identity = await run_in_threadpool(keep_upload, self._folder, content, shown)
        return JSONResponse({"id": identity})

    async def add(self, request: Request) -> Response:
        """Add a job: a filled-in form, or a picture to continue."""
        asked: Any = None
        with contextlib.suppress(ValueError, RecursionError):
            asked = json.loads(await _body(request, LARGEST_FORM))
        job = await run_in_threadpool(self._add, asked)
        return JSONResponse({"number": job.number})

    def _add(self, asked: Any) -> StudioJob:
        if isinstance(asked, dict) and "unfinished" in asked:
            name = find_unfinished(self._folder).get(str(asked["unfinished"]))
            if name is None:
                raise HTTPException(404, "There is nothing to continue")
            return self._jobs.add_unfinished(name)
        return self._jobs.add(read_form(asked, find_pictures(self._folder)))

    def job_state(self, request: Request) -> Response:
        """Answer with the state of a job's run."""
        after = request.query_params.get("after", "0")
        return JSONResponse(self._job(request).state(int(after) if after.isdecimal() else 0))

    def job_picture(self, request: Request) -> Response:
        """Answer with the growing picture."""
        content = self._job(request).picture()
        if content is None:
            raise HTTPException(404, "no picture yet")
        return Response(content, media_type="image/jpeg")

    def wish(self, request: Request) -> Response:
        """Pause, continue or stop a job."""
        job, wish = self._job(request), request.path_params["wish"]
        if wish == "stop":
            job.stop()
        elif wish in ("pause", "continue"):
            job.ask(wish)
        else:
            raise HTTPException(404, "nothing here")
        return JSONResponse({})

    def _job(self, request: Request) -> StudioJob:
        job: Optional[StudioJob] = self._jobs.get(request.path_params["number"])
        if job is None:
            raise HTTPException(404, "There is no such job any more")
        return job

    def _find(self, identity: str) -> Picture:
        pictures: Dict[str, Picture] = find_pictures(self._folder)
        if identity not in pictures:
            raise HTTPException(404, "This picture is no longer in the folder")
        return pictures[identity]
