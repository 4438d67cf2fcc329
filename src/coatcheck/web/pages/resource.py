"""From a place to a route: one small ASGI application that guards, reads, does, and draws the page.

As with the API, nothing is left to the framework around it. Whoever has to log in is sent there and comes back; any
other error is said on a page, in words and with its status.
"""

from typing import Final
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from coatcheck.carriers.cookies import clear
from coatcheck.carriers.raw import RawHeader
from coatcheck.errors import AuthError, CredentialRefused, MethodRefused, Misconfigured, ReauthenticationNeeded
from coatcheck.web.api.answering import Reply
from coatcheck.web.api.call import Call
from coatcheck.web.api.routing import renewed_in_passing, send_answer
from coatcheck.web.bodies import read_body, read_form
from coatcheck.web.installation import Installation
from coatcheck.web.pages.notice import cookie_of, gone, packed, unpacked
from coatcheck.web.pages.place import Moved, Place, Shown
from coatcheck.web.pages.rendering import render_page
from coatcheck.web.pages.views import Site
from coatcheck.web.pages.visit import Visit
from coatcheck.web.pages.wording import cookies_cleared_page, message_page
from coatcheck.web.problems import Answer, problem

_HTML: Final[RawHeader] = (b"content-type", b"text/html; charset=utf-8")


class Resource:
    """Everything that one place answers."""

    def __init__(self, installation: Installation, site: Site, place: Place) -> None:
        self._installation = installation
        self._site = site
        self._place = place
        self._notice = cookie_of(installation.cookies)
        allowed = [*(["GET", "HEAD"] if place.show else []), *(["POST"] if place.do else [])]
        self._allow: RawHeader = (b"allow", ", ".join(allowed).encode("ascii"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        call = Call(self._installation, scope)
        visit = Visit(call, self._site, scope["query_string"])
        try:
            outcome = await self._visit(visit, receive)
        except Misconfigured:
            raise
        except AuthError as error:
            outcome = self._instead(visit, error, scope)
        await send_answer(await self._answer(visit, outcome), call.method, send)

    async def _visit(self, visit: Visit, receive: Receive) -> Shown | Moved:
        call, place = visit.call, self._place
        deed = {"GET": place.show, "HEAD": place.show, "POST": place.do}.get(call.method)
        if deed is None:
            raise MethodRefused
        await self._installation.auth.start()
        if deed is place.do:
            call.origins.require(call.method, call.headers)
            body = await read_body(receive, call.headers, self._installation.auth.settings.web.body_limit)
            visit.fields = read_form(body, call.headers) if body else {}
        else:
            visit.notice = unpacked(call.cookie(self._notice) or "")
        with visit.patience:
            return await deed(visit)

    def _instead(self, visit: Visit, error: AuthError, scope: Scope) -> Shown | Moved:
        """What comes of a visit that ended in ``error``."""
        if isinstance(error, ReauthenticationNeeded):
            return Moved(visit.way_to("/reauthenticate", self._way_back(visit, scope)))
        if isinstance(error, CredentialRefused):
            if visit.call.unreadable:
                return Shown(cookies_cleared_page(), error)
            return Moved(visit.way_to("/login", self._way_back(visit, scope)))
        return Shown(message_page(error, viewer=visit.viewer), error)

    def _way_back(self, visit: Visit, scope: Scope) -> str:
        if visit.call.method == "POST":
            values = {name: quote(value, "") for name, value in visit.call.path.items()}
            return visit.path(self._place.back.format_map(values))
        query = visit.query.decode("latin-1")
        return quote(scope["path"]) + (f"?{query}" if query else "")

    async def _answer(self, visit: Visit, outcome: Shown | Moved) -> Answer:
        with visit.patience:
            cookies = [*outcome.cookies, *await renewed_in_passing(visit.call, Reply(cookies=outcome.cookies))]
        if isinstance(outcome, Moved):
            status, headers, body = 303, ((b"location", outcome.to.encode("ascii")), *outcome.headers), b""
            if outcome.notice:
                cookies.append(packed(self._notice, outcome.notice))
        else:
            status, headers = self._told(outcome.error)
            body = render_page(self._site, outcome.page).encode("utf-8")
            if visit.notice:
                cookies.append(gone(self._notice))
        cookies += [clear(each) for each in visit.call.unreadable if not any(c.startswith(each.start) for c in cookies)]
        lines = [(b"set-cookie", line) for line in cookies]
        return Answer(status, (*headers, *self._installation.headers.page, *lines), body)

    def _told(self, error: AuthError | None) -> tuple[int, tuple[RawHeader, ...]]:
        """Status and headers of a page that tells of ``error``."""
        if error is None:
            return 200, (_HTML,)
        answer = problem(error)
        kept = [line for line in answer.headers if line[0] != b"content-type"]
        return answer.status, (_HTML, *kept, *([self._allow] if isinstance(error, MethodRefused) else []))
