"""Introspection (RFC 7662): a service that was shown a token asks whether it is good.

Only services may ask, and only about tokens for one of their own audiences. Everything else is inactive, and nothing
tells why: not unknown from revoked, not somebody else's from nobody's.
"""

from datetime import datetime
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from coatcheck.auth.introspection import Introspection
from coatcheck.errors import CheckingStale, ServiceRefused, StoreUnavailable
from coatcheck.model.session import NEVER
from coatcheck.web.api.answering import TOKEN_TYPE, Reply
from coatcheck.web.api.call import Call
from coatcheck.web.api.client_authentication import ServiceForm, service_of
from coatcheck.web.api.endpoint import Endpoint, May
from coatcheck.web.api.shapes import PlainText


class IntrospectForm(ServiceForm, frozen=True, kw_only=True):
    """A token, and who asks."""

    token: Annotated[PlainText, Meta(description="An access token, a session token or an API key.", max_length=8192)]
    token_type_hint: Annotated[PlainText, Meta(description="Ignored: tokens tell what they are.")] | None = None


class KnownFrom(Struct, frozen=True, kw_only=True):
    """What a checker that follows the log needs to remember the answer: from when it is, and what would end it."""

    kind: Annotated[str, Meta(description="`user`, `service` or `api_key`.")]
    position: Annotated[str, Meta(description="Where in the log all of this was true.")]
    age_ms: Annotated[int, Meta(description="How long ago that was the log's end, at the most.", ge=0)]
    read_ms: Annotated[int, Meta(description="How long ago the session was read in the store.", ge=0)]
    generation: Annotated[int, Meta(description="Of the session's credentials.")]
    version: Annotated[int, Meta(description="Of the user or service.")]
    everything_generation: int


class IntrospectionAnswer(Struct, frozen=True, kw_only=True):
    """RFC 7662 §2.2. Without `active` there is nothing else."""

    active: bool
    iss: str | UnsetType = UNSET
    sub: Annotated[str, Meta(description="The user's id, or the service's.")] | UnsetType = UNSET
    aud: Annotated[list[str], Meta(description="Those of its audiences that are the asking service's.")] | UnsetType = (
        UNSET
    )
    client_id: str | UnsetType = UNSET
    token_type: str | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    iat: int | UnsetType = UNSET
    exp: Annotated[int, Meta(description="Left out where it does not expire by itself.")] | UnsetType = UNSET
    jti: str | UnsetType = UNSET
    sid: Annotated[str, Meta(description="The session's id.")] | UnsetType = UNSET
    roles: list[str] | UnsetType = UNSET
    auth_time: int | UnsetType = UNSET
    amr: list[str] | UnsetType = UNSET
    coatcheck: KnownFrom | UnsetType = UNSET


async def introspect(call: Call) -> Reply:
    """Say whether a token is good, and for whom; `{"active": false}` for everything that is not for this service."""
    form: IntrospectForm = call.form
    who = await service_of(call, form)
    found = await call.installation.auth.services.introspect(who, form.token)
    if found is None:
        return Reply(IntrospectionAnswer(active=False))
    return Reply(_told(found, call.installation.auth.settings.issuer))


def _told(found: Introspection, issuer: str) -> IntrospectionAnswer:
    who, claims = found.principal, found.claims
    return IntrospectionAnswer(
        active=True,
        iss=issuer,
        sub=who.user_id or who.client_id or UNSET,
        aud=list(found.audiences),
        client_id=UNSET if who.client_id is None else who.client_id,
        token_type=TOKEN_TYPE,
        scope=" ".join(sorted(who.scopes)),
        iat=_seconds(found.issued_at),
        exp=UNSET if found.expires_at >= NEVER else _seconds(found.expires_at),
        jti=UNSET if claims is None else claims.jti,
        sid=who.session_id,
        roles=sorted(who.roles),
        auth_time=_seconds(who.authenticated_at),
        amr=list(who.factors),
        coatcheck=KnownFrom(
            kind=who.kind.value,
            position=str(found.position),
            age_ms=found.age_ms,
            read_ms=found.read_ms,
            generation=found.generation,
            version=found.version,
            everything_generation=found.everything_generation,
        ),
    )


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="api/introspect",
        verb=introspect,
        summary="Ask whether a token is good (RFC 7662)",
        may=May.ANYONE,
        form=IntrospectForm,
        result=IntrospectionAnswer,
        errors=(ServiceRefused, StoreUnavailable, CheckingStale),
        is_oauth=True,
    ),
)
