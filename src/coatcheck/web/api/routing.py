"""From the table to routes: each path is one small ASGI application that lets in, reads, does and answers.

It leaves nothing to the framework around it: methods, errors, headers and CORS are the same alone and inside of a host
application, whatever middleware and error handling that has.
"""

from collections.abc import Iterable, Mapping
from re import compile as pattern
from typing import Final

from msgspec import json
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from coatcheck.auth import Auth
from coatcheck.carriers.cookies import clear
from coatcheck.carriers.raw import RawHeader, values_of
from coatcheck.errors import AuthError, MethodRefused, Misconfigured, RequestNotFound
from coatcheck.feed import QUESTION
from coatcheck.patience import Patience
from coatcheck.web.api.answering import Reply
from coatcheck.web.api.call import Call
from coatcheck.web.api.endpoint import Endpoint
from coatcheck.web.api.openapi import document
from coatcheck.web.api.table import full_path, table
from coatcheck.web.cors import FOR_ANYBODY
from coatcheck.web.installation import Installation
from coatcheck.web.problems import Answer, oauth_problem, problem
from coatcheck.web.renewal import renewed_cookie

_QUESTION: Final = QUESTION.encode("ascii")
_QUESTION_NAME: Final = pattern(rb"[A-Za-z0-9_-]{8,64}")
_JSON: Final[RawHeader] = (b"content-type", b"application/json")


def routes(auth: Auth, installation: Installation | None = None) -> list[Route]:
    """The whole API as Starlette routes, at the paths that the settings say; the well-known ones at the root.

    Raises Misconfigured when the settings name an origin or network that is none.
    """
    installation = installation or Installation.of(auth)
    mount_path = auth.settings.web.path
    endpoints = table(mount_path)
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(full_path(endpoint, mount_path), {})[endpoint.method] = endpoint
    described = json.encode(document(auth.settings, endpoints))
    made = [Route(path, Resource(installation, by_method), name=path) for path, by_method in by_path.items()]
    made.append(Route(f"{mount_path}/api/openapi.json", Document(installation, described), name="openapi"))
    made += [
        Route(path, Resource(installation, {}), name=path)
        for path in (f"{mount_path}/api", f"{mount_path}/api/{{rest:path}}")
    ]
    return made


class Resource:
    """Everything that one path answers; without endpoints, that there is nothing here."""

    def __init__(self, installation: Installation, by_method: Mapping[str, Endpoint]) -> None:
        self._installation = installation
        self._by_method = by_method
        allowed = [*by_method, *(["HEAD"] if "GET" in by_method else []), "OPTIONS"]
        self._allow: RawHeader = (b"allow", ", ".join(allowed).encode("ascii"))
        self._is_public = any(endpoint.is_public for endpoint in by_method.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method: str = scope["method"]
        endpoint = self._by_method.get("GET" if method == "HEAD" else method)
        if not self._by_method or not scope["path"].isprintable():  # Starlette takes /me%0A for /me
            answer = self._final(problem(RequestNotFound()))
        elif endpoint is not None:
            answer = await self._answer(endpoint, scope, receive)
        elif method == "OPTIONS":
            preflight = self._installation.cors.preflight(method, scope["headers"])
            answer = Answer(204, (*self._installation.headers.api, self._allow, *(preflight or ())), b"")
        else:
            refused = self._final(problem(MethodRefused()))
            answer = refused._replace(headers=(*refused.headers, self._allow))
        if method != "OPTIONS":
            answer = answer._replace(headers=(*answer.headers, *self._shared_with(scope), *_question(scope)))
        await send_answer(answer, method, send)

    async def _answer(self, endpoint: Endpoint, scope: Scope, receive: Receive) -> Answer:
        call, patience = Call(self._installation, scope), Patience()
        try:
            if endpoint.starts:
                await self._installation.auth.start()
            with patience:
                await call.admit(endpoint)
            await call.read(endpoint, receive)
            with patience:
                if endpoint.body is not None:
                    await call.admit(endpoint)  # a body may take its time: whoever was let in may be out by now
                reply = await endpoint.verb(call)
        except Misconfigured:
            raise
        except AuthError as error:
            answer = (oauth_problem if endpoint.is_oauth else problem)(error)
            return self._final(answer, [clear(cookie) for cookie in call.unreadable])
        with patience:
            cookies = [*reply.cookies, *(await renewed_in_passing(call, reply) if endpoint.renews else ())]
        cookies += [clear(cookie) for cookie in call.unreadable if not _sets(cookies, cookie.start)]
        body = b"" if reply.result is None else json.encode(reply.result)
        headers = ((_JSON,) if body else ()) + reply.headers
        return self._final(Answer(reply.status or endpoint.status, headers, body), cookies, endpoint.is_public)

    def _final(self, answer: Answer, cookies: list[bytes] | None = None, is_public: bool = False) -> Answer:
        headers = self._installation.headers.public if is_public else self._installation.headers.api
        lines = [(b"set-cookie", line) for line in cookies or ()]
        return answer._replace(headers=(*answer.headers, *headers, *lines))

    def _shared_with(self, scope: Scope) -> tuple[RawHeader, ...]:
        return FOR_ANYBODY if self._is_public else self._installation.cors.answer(scope["headers"])


class Document:
    """The OpenAPI document: made once, for anybody."""

    def __init__(self, installation: Installation, body: bytes) -> None:
        self._answer = Answer(200, (_JSON, *installation.headers.public, *FOR_ANYBODY), body)
        refused = problem(MethodRefused())
        self._refused = refused._replace(
            headers=(*refused.headers, *installation.headers.api, (b"allow", b"GET, HEAD"))
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer one request."""
        method: str = scope["method"]
        await send_answer(self._answer if method in ("GET", "HEAD") else self._refused, method, send)


async def renewed_in_passing(call: Call, reply: Reply) -> tuple[bytes, ...]:
    """The session cookie with a newer secret, when it is due and the verb neither replaced nor ended it."""
    cookie = call.installation.cookies.session
    if _sets(reply.cookies, cookie.start):
        return ()
    line = await renewed_cookie(call.installation.auth, call.presented, call.remembered, cookie)
    return () if line is None else (line,)


async def send_answer(answer: Answer, method: str, send: Send) -> None:
    """Send ``answer``; to HEAD without its body."""
    headers = list(answer.headers)
    if answer.status != 204:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


def _question(scope: Scope) -> tuple[RawHeader, ...]:
    """The name that a Verifier gave its question, so that it knows the answer to it from every other."""
    named = values_of(scope["headers"], _QUESTION)
    return ((_QUESTION, named[0]),) if len(named) == 1 and _QUESTION_NAME.fullmatch(named[0]) else ()


def _sets(lines: Iterable[bytes], start: bytes) -> bool:
    return any(line.startswith(start) for line in lines)
