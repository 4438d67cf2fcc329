"""The whole of it as one ASGI application: API, pages, static files. What ``coatcheck serve`` runs, and what is mounted
by whoever wants everything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from coatcheck.auth import Auth
from coatcheck.carriers.raw import RawHeader, values_of
from coatcheck.errors import MethodRefused, RequestNotFound
from coatcheck.web import api, pages
from coatcheck.web.installation import Installation
from coatcheck.web.pages.rendering import render_page
from coatcheck.web.pages.views import Site
from coatcheck.web.pages.wording import message_page, unexpected_page
from coatcheck.web.problems import Answer, problem

_HTML: Final[RawHeader] = (b"content-type", b"text/html; charset=utf-8")


def build(auth: Auth) -> Starlette:
    """Make the application. ``auth`` is started with it and stopped with it.

    Raises Misconfigured when the settings name an origin or network that is none.
    """
    installation = Installation.of(auth)
    elsewhere = _Elsewhere(installation)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with auth:
            yield

    return Starlette(
        routes=[*api.routes(auth, installation), *pages.routes(auth, installation)],
        exception_handlers={HTTPException: elsewhere.refused, Exception: elsewhere.unexpected},
        lifespan=lifespan,
    )


class _Elsewhere:
    """What is answered where no route is, and when something broke that nobody foresaw: a page for browsers, problem
    details for everybody else, and not a word of what it was."""

    def __init__(self, installation: Installation) -> None:
        self._headers = installation.headers
        self._site = Site.of(installation.auth.settings)

    async def refused(self, request: Request, exception: Exception) -> Response:
        """404, or 405 from a page's route."""
        is_method = isinstance(exception, HTTPException) and exception.status_code == 405
        error = MethodRefused() if is_method else RequestNotFound()
        response = self._answer(request, problem(error), render_page(self._site, message_page(error)))
        response.headers.update(getattr(exception, "headers", None) or {})
        return response

    async def unexpected(self, request: Request, _: Exception) -> Response:
        """500; Starlette raises the exception once more afterwards, so that it is logged."""
        body = b'{"type":"about:blank","title":"Internal Server Error","status":500}'
        answer = Answer(500, ((b"content-type", b"application/problem+json"),), body)
        return self._answer(request, answer, render_page(self._site, unexpected_page()))

    def _answer(self, request: Request, answer: Answer, page: str) -> Response:
        wants_page = any(b"text/html" in value for value in values_of(request.scope["headers"], b"accept"))
        response = Response(page.encode() if wants_page else answer.body, answer.status)
        headers = (_HTML, *self._headers.page) if wants_page else (*answer.headers, *self._headers.api)
        response.raw_headers.extend((*headers, (b"vary", b"Accept")))
        return response
