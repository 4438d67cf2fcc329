"""What a gateway asks before it passes a request on: who is this from, and may they?

The gateway asks with a GET of its own that has the original's headers. For a credential in a header that is enough. A
cookie is added by the browser to what any site makes it send, so the original has to pass the origin rule, and the
check has to know of it what only the gateway can say:

- ``X-Forwarded-Method``, once, from one of ``web.trusted_proxies``;
- ``Origin`` or ``Sec-Fetch-Site`` as the browser sent them. One of them must be there for safe methods too: without
  both, nobody could tell a browser that sends neither from a gateway that passes neither on.

A request that names an ``Origin``, or that opens a WebSocket, is held to the rule whatever its method. Gateways remove
``Upgrade`` before they ask, and browsers always send ``Origin`` with it.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta

from coatcheck.carriers.presented import Presented
from coatcheck.carriers.raw import RawHeader, RawHeaders, values_of
from coatcheck.errors import AccessDenied, FieldError, OriginRefused, RequestInvalid, TokenWrongKind
from coatcheck.model.principal import CarriedBy, Kind, Principal
from coatcheck.web.api.answering import TOKEN_TYPE, Reply
from coatcheck.web.api.call import Call
from coatcheck.web.api.endpoint import Endpoint, Query
from coatcheck.web.api.shapes import PlainText

METHOD: Final = b"x-forwarded-method"
IDENTITY: Final = (
    "x-auth-kind",
    "x-auth-user",
    "x-auth-client",
    "x-auth-session",
    "x-auth-roles",
    "x-auth-scopes",
    "x-auth-authenticated-at",
)
"""Every header that says who it is. Each is in each 204, empty where it has no value, so that a gateway which copies
them overwrites whatever the client has sent under their names."""

_NOT_FROM_A_GATEWAY: Final = (
    "With a cookie only a gateway may ask: name its network in web.trusted_proxies, and let it send X-Forwarded-Method."
)
_OF_ITS_OWN: Final = "A service gets a token for the upstream itself (client_credentials), and needs no gateway."
_NOT_PASSED_ON: Final = "With a cookie the original's Origin or Sec-Fetch-Site is needed; a script uses Authorization."


class CheckQuery(Query, frozen=True, kw_only=True):
    """What the upstream wants."""

    role: Annotated[PlainText, Meta(description="Only callers with this role.")] | None = None
    scope: Annotated[PlainText, Meta(description="Only callers with this scope.")] | None = None
    audience: (
        Annotated[PlainText, Meta(description="The upstream, one of `tokens.audiences`; left out: the only one.")]
        | None
    ) = None
    identity: Annotated[
        Literal["token", "headers"],
        Meta(description="How it is told who it is: an access token in `Authorization`, or `X-Auth-…` headers."),
    ] = "token"


async def check(call: Call) -> Reply:
    """For a gateway: whether the request that it was sent may pass. Where a cookie authenticates, the gateway says the
    original's method in `X-Forwarded-Method` and passes on `Origin` and `Sec-Fetch-Site`.

    The answer has `Authorization: Bearer …`, a short access token for the upstream, or says who it is in `X-Auth-Kind`,
    `X-Auth-User`, `X-Auth-Client`, `X-Auth-Session`, `X-Auth-Roles`, `X-Auth-Scopes` and `X-Auth-Authenticated-At`. All
    of these headers are always there, empty where they have no value.
    """
    query: CheckQuery = call.query
    presented = call.presented
    if isinstance(presented, Presented) and presented.carried_by is CarriedBy.COOKIE:
        require_own_page(call)
    who = call.who
    if query.role is not None and query.role not in who.roles:
        raise AccessDenied
    if query.scope is not None and query.scope not in who.scopes:
        raise AccessDenied
    if query.identity == "headers":
        return _passed(b"", _identity(who))
    token = await _token(call, _audience(call, query.audience))
    return _passed(f"{TOKEN_TYPE} {token}".encode("ascii"), {})


def require_own_page(call: Call) -> None:
    """Refuse what another site made a browser send, as far as the gateway says what that was. Raises OriginRefused."""
    headers = call.headers
    methods = list(values_of(headers, METHOD))
    if not call.is_from_proxy or len(methods) != 1:
        raise OriginRefused(_NOT_FROM_A_GATEWAY)
    has_origin = bool(values_of(headers, b"origin"))
    if not has_origin and not values_of(headers, b"sec-fetch-site"):
        raise OriginRefused(_NOT_PASSED_ON)
    if has_origin or _opens_websocket(headers):
        call.origins.require_for_upgrade(headers)
    else:
        call.origins.require(methods[0].decode("latin-1"), headers)


def _opens_websocket(headers: RawHeaders) -> bool:
    return any(
        name == b"upgrade"
        or name.startswith(b"sec-websocket-")
        or (name == b"sec-fetch-mode" and value == b"websocket")
        for name, value in headers
    )


def _audience(call: Call, asked: str | None) -> str:
    """Whom the token is for. Never this installation: an upstream could act here as the person whom it serves.

    Raises RequestInvalid.
    """
    settings = call.installation.auth.settings
    offered = [each for each in settings.tokens.audiences if each != settings.issuer]
    if asked is None and len(offered) == 1:
        return offered[0]
    if asked is None or asked not in offered:
        raise RequestInvalid([FieldError("audience", "Name the upstream, as it is in tokens.audiences.")])
    return asked


async def _token(call: Call, audience: str) -> str:
    if call.who.kind is Kind.SERVICE:
        raise TokenWrongKind(_OF_ITS_OWN)
    upstream, held = call.installation.upstream, call.held
    token = await upstream.kept(held, audience)
    if token is None:
        token = await upstream.issue(held, audience)
        await call.check()  # issuing takes its time: whoever was let in may be out by now
        await call.installation.auth.recall(token.encode("ascii"), CarriedBy.HEADER, audience)
    return token


def _identity(who: Principal) -> dict[str, str]:
    return {
        "x-auth-kind": who.kind,
        "x-auth-user": who.user_id or "",
        "x-auth-client": who.client_id or "",
        "x-auth-session": who.session_id,
        "x-auth-roles": " ".join(sorted(who.roles)),
        "x-auth-scopes": " ".join(sorted(who.scopes)),
        "x-auth-authenticated-at": who.authenticated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _passed(authorization: bytes, identity: dict[str, str]) -> Reply:
    headers: list[RawHeader] = [(b"authorization", authorization)]
    headers += [(name.encode("ascii"), identity.get(name, "").encode("ascii")) for name in IDENTITY]
    return Reply(status=204, headers=tuple(headers))


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="api/check",
        verb=check,
        summary="For a gateway: whether a request may pass, and who it is from",
        query=CheckQuery,
        errors=(AccessDenied, OriginRefused),
        renews=False,
    ),
)
