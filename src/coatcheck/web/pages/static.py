"""The style sheet and its like: few, small, read once, and kept by browsers for long.

Pages name each file with a mark of its content (``coatcheck.css?v=…``), so an upgrade is seen at once. Whoever asks
again all the same is told by the ``ETag`` that nothing has changed (RFC 9110 §8.8.3).
"""

from hashlib import sha256
from importlib.resources import files
from mimetypes import guess_type
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from coatcheck.carriers.raw import RawHeader, RawHeaders, values_of
from coatcheck.errors import AuthError, MethodRefused, RequestNotFound
from coatcheck.web.api.routing import send_answer
from coatcheck.web.headers import SecurityHeaders
from coatcheck.web.problems import Answer, problem


class File(NamedTuple):
    """A file as it is sent: its headers and its bytes."""

    etag: bytes
    headers: tuple[RawHeader, ...]
    body: bytes


class Static:
    """Everything in the package's ``static`` folder, by name; nothing else can be asked for."""

    def __init__(self, headers: SecurityHeaders) -> None:
        self._headers = headers
        self._files = {
            each.name: _file(each.name, each.read_bytes())
            for each in files("coatcheck.web").joinpath("static").iterdir()
            if each.is_file()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer one request."""
        method: str = scope["method"]
        file = self._files.get(scope["path_params"]["name"])
        if file is None:
            answer = self._refused(RequestNotFound())
        elif method not in ("GET", "HEAD"):
            answer = self._refused(MethodRefused(), (b"allow", b"GET, HEAD"))
        elif _has(scope["headers"], file.etag):
            answer = Answer(304, (*file.headers, *self._headers.asset), b"")
        else:
            answer = Answer(200, (*file.headers, *self._headers.asset), file.body)
        await send_answer(answer, method, send)

    def _refused(self, error: AuthError, *more: RawHeader) -> Answer:
        answer = problem(error)
        return answer._replace(headers=(*answer.headers, *more, *self._headers.api))


def _file(name: str, body: bytes) -> File:
    media_type = guess_type(name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    etag = f'"{sha256(body).hexdigest()[:32]}"'.encode("ascii")
    return File(etag, ((b"content-type", media_type.encode("ascii")), (b"etag", etag)), body)


def _has(headers: RawHeaders, etag: bytes) -> bool:
    asked = b",".join(values_of(headers, b"if-none-match"))
    return any(each.strip().removeprefix(b"W/") in (etag, b"*") for each in asked.split(b","))
