"""For WSGI applications (Flask, Django, or none): the middleware, and how a view asks who is there.

    application = VerifierMiddleware(application, verifier)

    who = current(environ)          # Flask: current(request.environ); Django: current(request.META)

Plain calls: the thread waits only where memory can't decide.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from coatcheck.clock import now_of
from coatcheck.errors import AuthError, Misconfigured, Refused
from coatcheck.model.access import require_access
from coatcheck.model.principal import Principal
from coatcheck.problems import problem
from coatcheck.verify.entrance import Entrance
from coatcheck.verify.verifier import Verifier

Environ: TypeAlias = dict[str, Any]
Application: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Guard: TypeAlias = Callable[[Environ], Principal]
"""What ``require`` makes: ask it with an environ."""

KEY: Final = "coatcheck.verify"
"""Where in an environ the entrance is."""

_HEADERS: Final = (
    ("HTTP_AUTHORIZATION", b"authorization"),
    ("HTTP_COOKIE", b"cookie"),
    ("HTTP_ORIGIN", b"origin"),
    ("HTTP_SEC_FETCH_SITE", b"sec-fetch-site"),
)


class VerifierMiddleware:
    """Lets every request to ``app`` be asked who it is from; views ask with ``current``.

    Nothing is refused here. An AuthError that leaves the application is answered with problem details (RFC 9457); where
    a framework catches errors itself, hand ``answer`` to it. ``origins`` let cookies count: see
    ``coatcheck.verify.entrance``.
    """

    def __init__(self, app: Application, verifier: Verifier, *, origins: Sequence[str] = ()) -> None:
        self._app = app
        self._entrance = Entrance(verifier, origins)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        environ[KEY] = self._entrance
        try:
            return self._app(environ, start_response)
        except Misconfigured:
            raise
        except AuthError as error:
            body, status, headers = answer(error)
            start_response(f"{status} {HTTPStatus(status).phrase}", list(headers.items()))
            return [body]


def answer(error: AuthError) -> tuple[bytes, int, dict[str, str]]:
    """The answer that ``error`` stands for: body, status and headers, as Flask takes them from an error handler."""
    said = problem(error)
    headers = {name.decode("latin-1").title(): value.decode("latin-1") for name, value in said.headers}
    return said.body, said.status, {**headers, "Content-Length": str(len(said.body)), "Cache-Control": "no-store"}


def current(environ: Environ) -> Principal:
    """Return who is asking, decided now.

    Raises the CredentialRefused that fits (TokenMissing when there is none), OriginRefused for another site's request
    with a cookie, CheckingStale or StoreUnavailable when nothing can be decided now.
    """
    entrance = _entered(environ)
    # A server joins repeated lines with a comma, which no credential has: what could be read in two ways is not read.
    headers = [(name, environ[key].encode("latin-1", "replace")) for key, name in _HEADERS if key in environ]
    presented = entrance.presented(headers, environ["REQUEST_METHOD"])
    return entrance.verifier.check(presented.token, carried_by=presented.carried_by)


def optional(environ: Environ) -> Principal | None:
    """Return who is asking, or None when nobody is, or not with a credential that counts.

    Raises CheckingStale or StoreUnavailable: whoever is logged in must not be taken for a stranger.
    """
    try:
        return current(environ)
    except Refused:
        return None


def require(*, role: str | None = None, scope: str | None = None, fresh_within: timedelta | None = None) -> Guard:
    """Make a guard that lets a caller through only with ``role``, with ``scope``, and with a password proven no longer
    than ``fresh_within`` ago. It raises what ``current`` raises, AccessDenied and ReauthenticationNeeded."""

    def guard(environ: Environ) -> Principal:
        who = current(environ)
        clock = _entered(environ).verifier.clock
        require_access(who, role=role, scope=scope, fresh_within=fresh_within, now=lambda: now_of(clock))
        return who

    return guard


def _entered(environ: Environ) -> Entrance:
    entrance = environ.get(KEY)
    if not isinstance(entrance, Entrance):
        raise Misconfigured("VerifierMiddleware is not installed: nobody has looked at this request")
    return entrance
