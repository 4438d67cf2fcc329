"""The token endpoint, in the manner of OAuth (RFC 6749 §3.2, §6): a form in, errors as §5.2 has them.

It reads the refresh token from the form or, where a page holds it, from its cookie. ``Authorization`` plays no part
in a refresh: a page that adds its expired access token to everything is refreshed all the same. A service proves itself
and gets a token of its own (RFC 6749 §4.4).
"""

from typing import Annotated, Final

from msgspec import UNSET, Meta

from coatcheck.carriers.presented import Presented
from coatcheck.errors import (
    CheckingStale,
    FieldError,
    OriginRefused,
    RequestInvalid,
    ServiceRefused,
    StoreUnavailable,
    TokenMissing,
    TokenWrongKind,
)
from coatcheck.model.session import Carry
from coatcheck.tokens.opaque import SESSION_START
from coatcheck.web.api.answering import TOKEN_TYPE, Reply, refresh_in_cookies, seconds_until
from coatcheck.web.api.call import Call
from coatcheck.web.api.client_authentication import ServiceForm, service_of
from coatcheck.web.api.endpoint import Endpoint, May
from coatcheck.web.api.shapes import PlainText, TokenAnswer

REFRESH: Final = "refresh_token"
SESSION: Final = "urn:coatcheck:session"
SERVICE: Final = "client_credentials"
GRANT_TYPES: Final = (REFRESH, SESSION, SERVICE)
"""What ``grant_type`` may be."""


class TokenForm(ServiceForm, frozen=True, kw_only=True):
    """What is exchanged, and for what."""

    grant_type: Annotated[
        PlainText,
        Meta(description="`refresh_token`, `urn:coatcheck:session` for a session token, `client_credentials`."),
    ]
    refresh_token: Annotated[PlainText, Meta(description="Left out where it travels in its cookie.")] | None = None
    audience: Annotated[PlainText, Meta(description="Whom the access token is for; left out: as at login.")] | None = (
        None
    )
    scope: (
        Annotated[
            PlainText,
            Meta(description="Some of a service's scopes; left out, all. People's own clients are offered none."),
        ]
        | None
    ) = None


async def exchange(call: Call) -> Reply:
    """Exchange what the client holds for an access token."""
    form: TokenForm = call.form
    if form.grant_type not in GRANT_TYPES:
        raise RequestInvalid([FieldError("grant_type", f"One of {', '.join(GRANT_TYPES)}.")], "Unknown grant_type.")
    if form.grant_type == SERVICE:
        return await _for_service(call, form)
    if form.scope:
        raise RequestInvalid([FieldError("scope", "Nothing was granted that could be asked for.")], "Unknown scope.")
    return await (_refresh(call, form) if form.grant_type == REFRESH else _from_session(call, form))


async def _for_service(call: Call, form: TokenForm) -> Reply:
    who = await service_of(call, form, by_token=False)  # a token with one scope would get all of them, for ever
    issued = await call.installation.auth.services.issue(who, audience=form.audience, scope=form.scope)
    return Reply(
        TokenAnswer(
            token_type=TOKEN_TYPE,
            expires_in=seconds_until(issued.expires_at, call.now),
            access_token=issued.access_token,
            scope=" ".join(issued.scopes),
        )
    )


async def _refresh(call: Call, form: TokenForm) -> Reply:
    refresh_token = form.refresh_token
    is_in_cookie = refresh_token is None
    if refresh_token is None:
        refresh_token = call.cookie(call.installation.cookies.refresh)
        if refresh_token is None:
            raise TokenMissing
        call.origins.require(call.method, call.headers)
    login = await call.installation.auth.refresh(refresh_token, audience=form.audience, client=call.client())
    credentials, now = login.credentials, call.now
    keeps_access_back = is_in_cookie and login.session.carry is Carry.JWT_COOKIE
    answer = TokenAnswer(
        token_type=TOKEN_TYPE,
        expires_in=seconds_until(credentials.access_expires_at or now, now),
        access_token=UNSET if keeps_access_back else credentials.access_token or UNSET,
        refresh_token=UNSET if is_in_cookie else credentials.refresh_token or UNSET,
        refresh_expires_in=seconds_until(credentials.expires_at, now),
        scope="",
    )
    return Reply(answer, tuple(refresh_in_cookies(call.installation, login, now)) if is_in_cookie else ())


async def _from_session(call: Call, form: TokenForm) -> Reply:
    presented = call.presented
    if isinstance(presented, Presented) and not presented.token.startswith(SESSION_START):
        raise TokenWrongKind
    remembered = await call.check()
    credentials = await call.installation.auth.exchange_session(remembered, audience=form.audience)
    answer = TokenAnswer(
        token_type=TOKEN_TYPE,
        expires_in=seconds_until(credentials.access_expires_at or call.now, call.now),
        access_token=credentials.access_token or UNSET,
    )
    return Reply(answer)


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="api/token",
        verb=exchange,
        summary="Exchange a refresh token, or a session token, for an access token",
        may=May.ANYONE,
        form=TokenForm,
        result=TokenAnswer,
        errors=(OriginRefused, StoreUnavailable, CheckingStale, ServiceRefused),
        is_oauth=True,
    ),
)
