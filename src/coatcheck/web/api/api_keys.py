"""API keys: a person's own, and everybody's for an administrator."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct, field

from coatcheck.errors import AccessDenied, DataConflict, RequestNotFound
from coatcheck.model.session import NEVER, Session
from coatcheck.web.api.answering import Reply, done
from coatcheck.web.api.call import Call
from coatcheck.web.api.endpoint import Endpoint, May, Query, Waiting
from coatcheck.web.api.shapes import Instant, PlainText, Request, UserId

PAGE: Final = 50
"""Rows of one page."""


_Scopes: TypeAlias = Annotated[
    list[PlainText], Meta(description="What it allows: some of `tokens.api_key_scopes`. It has no roles.")
]


class ApiKeyRequest(Request):
    """A new key."""

    name: Annotated[PlainText, Meta(description="What the key is for; up to 100 characters.", examples=["nightly"])]
    scopes: _Scopes = field(default_factory=list)
    expires_at: Annotated[Instant, Meta(description="When it ends by itself; left out: when it is revoked.")] | None = (
        None
    )


class ApiKeyShape(Struct, frozen=True, kw_only=True):
    """An API key, without the key."""

    id: Annotated[str, Meta(description="Its id, `session_id` for those who check it.")]
    name: str
    scopes: list[str]
    created_at: Instant
    last_used_at: Annotated[datetime | None, Meta(description="Null when it has not been used yet.")]
    expires_at: Annotated[datetime | None, Meta(description="Null when it does not expire by itself.")]


class OwnedApiKeyShape(ApiKeyShape, frozen=True, kw_only=True):
    """An API key with its owner."""

    user_id: UserId


class ApiKeysAnswer(Struct, frozen=True, kw_only=True):
    """A person's keys, newest first."""

    api_keys: list[ApiKeyShape]


class OwnedApiKeysAnswer(Struct, frozen=True, kw_only=True):
    """A page of everybody's keys, in order of id; or all of one person."""

    api_keys: list[OwnedApiKeyShape]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor` for the next page; null on the last.")]


class NewApiKeyAnswer(Struct, frozen=True, kw_only=True):
    """A key that was just made."""

    api_key: ApiKeyShape
    secret: Annotated[str, Meta(description="The key itself. It is told here and never again.")]

    def __repr__(self) -> str:
        return f"NewApiKeyAnswer({self.api_key.id})"


class ApiKeysQuery(Query, frozen=True, kw_only=True):
    """Whose keys, and from where on."""

    user: Annotated[PlainText, Meta(description="Only this user's.")] | None = None
    cursor: Annotated[PlainText, Meta(description="`next_cursor` of the page before.")] | None = None


async def list_own(call: Call) -> Reply:
    """The caller's API keys, newest first."""
    keys = await call.installation.auth.api_keys.of(call.user_id)
    return Reply(ApiKeysAnswer(api_keys=[api_key_shape(key) for key in keys]))


async def create(call: Call) -> Reply:
    """Make an API key. It acts for the caller with its own scopes, and with none of the caller's roles."""
    body: ApiKeyRequest = call.body
    made = await call.installation.auth.api_keys.create(
        call.who, body.name, scopes=body.scopes, expires_at=body.expires_at, client=call.client()
    )
    return Reply(NewApiKeyAnswer(api_key=api_key_shape(made.credential), secret=made.secret or ""))


async def revoke_own(call: Call) -> Reply:
    """Revoke one of the caller's keys; somebody else's is as good as none. One that was revoked already is fine."""
    receipt = await call.installation.auth.api_keys.revoke(
        call.path["key_id"], user_id=call.user_id, actor_id=call.user_id, client=call.client(), wait=call.wait
    )
    return done(call, receipt)


async def list_all(call: Call) -> Reply:
    """Everybody's API keys."""
    query: ApiKeysQuery = call.query
    api_keys = call.installation.auth.api_keys
    if query.user is not None:
        return Reply(OwnedApiKeysAnswer(api_keys=_owned(await api_keys.of(query.user)), next_cursor=None))
    keys = await api_keys.page(after=query.cursor, limit=PAGE + 1)
    shown = _owned(keys[:PAGE])
    return Reply(OwnedApiKeysAnswer(api_keys=shown, next_cursor=shown[-1].id if len(keys) > PAGE else None))


async def revoke_any(call: Call) -> Reply:
    """Revoke anybody's key."""
    receipt = await call.installation.auth.api_keys.revoke(
        call.path["key_id"], actor_id=call.user_id, client=call.client(), wait=call.wait
    )
    return done(call, receipt)


def api_key_shape(key: Session) -> ApiKeyShape:
    """``key`` without anything secret."""
    return ApiKeyShape(
        id=key.id,
        name=key.name,
        scopes=list(key.scopes),
        created_at=key.created_at,
        last_used_at=last_used(key),
        expires_at=ends(key),
    )


def last_used(credential: Session) -> datetime | None:
    """When a key or secret was last used; None when never."""
    return credential.seen_at if credential.seen_at > credential.created_at else None


def ends(credential: Session) -> datetime | None:
    """When a key or secret ends by itself; None when it does not."""
    return credential.expires_at if credential.expires_at < NEVER else None


def _owned(keys: Sequence[Session]) -> list[OwnedApiKeyShape]:
    return [
        OwnedApiKeyShape(
            id=key.id,
            name=key.name,
            scopes=list(key.scopes),
            created_at=key.created_at,
            last_used_at=last_used(key),
            expires_at=ends(key),
            user_id=key.user_id,
        )
        for key in keys
    ]


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="api/api-keys",
        verb=list_own,
        summary="The caller's API keys",
        result=ApiKeysAnswer,
        errors=(AccessDenied,),
    ),
    Endpoint(
        method="POST",
        path="api/api-keys",
        verb=create,
        summary="Make an API key",
        may=May.FRESH_PERSON,
        body=ApiKeyRequest,
        result=NewApiKeyAnswer,
        status=201,
        errors=(DataConflict, RequestNotFound),
    ),
    Endpoint(
        method="DELETE",
        path="api/api-keys/{key_id}",
        verb=revoke_own,
        summary="Revoke one of the caller's API keys",
        query=Waiting,
        errors=(RequestNotFound, AccessDenied),
    ),
    Endpoint(
        method="GET",
        path="api/admin/api-keys",
        verb=list_all,
        summary="Everybody's API keys, page by page",
        may=May.ADMINISTRATOR,
        query=ApiKeysQuery,
        result=OwnedApiKeysAnswer,
    ),
    Endpoint(
        method="DELETE",
        path="api/admin/api-keys/{key_id}",
        verb=revoke_any,
        summary="Revoke anybody's API key",
        may=May.FRESH_ADMINISTRATOR,
        query=Waiting,
        errors=(RequestNotFound,),
    ),
)
