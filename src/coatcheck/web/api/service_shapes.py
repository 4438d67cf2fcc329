"""What the API reads and answers about services, as records."""

from datetime import datetime
from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

from coatcheck.model.service import ServiceStatus
from coatcheck.web.api.shapes import Instant, PlainText, ReceiptShape, Request

_Audiences: TypeAlias = Annotated[
    list[PlainText], Meta(description="Whom its tokens may be for, and whose tokens it may ask about.")
]
_Scopes: TypeAlias = Annotated[list[PlainText], Meta(description="What its tokens may allow.")]
_Feed: TypeAlias = Annotated[bool, Meta(description="Whether it may follow revocations.")]
_Status: TypeAlias = Annotated[ServiceStatus, Meta(description="While `suspended` none of its credentials counts.")]


class ServiceRequest(Request):
    """A new service."""

    name: Annotated[PlainText, Meta(description="What it is called; up to 100 characters.", examples=["orders"])]
    audiences: _Audiences = field(default_factory=list)
    scopes: _Scopes = field(default_factory=list)
    public_key: (
        Annotated[PlainText, Meta(description="PEM: it signs with the other half, and gets no secret.")] | None
    ) = None
    feed: _Feed = False


class ServiceChangeRequest(Request):
    """Changes to a service. What is left out stays."""

    name: Annotated[PlainText, Meta(description="What it is called.")] | UnsetType = UNSET
    audiences: _Audiences | UnsetType = UNSET
    scopes: _Scopes | UnsetType = UNSET
    feed: _Feed | UnsetType = UNSET
    status: _Status | UnsetType = UNSET


class CredentialRequest(Request):
    """Another secret, or another public key. The whole body may be left out."""

    name: Annotated[PlainText, Meta(description="What tells it from others later.")] = "secret"
    public_key: Annotated[PlainText, Meta(description="PEM: a key instead of a secret.")] | None = None
    expires_at: Annotated[Instant, Meta(description="When it ends by itself; left out: when it is revoked.")] | None = (
        None
    )


class CredentialShape(Struct, frozen=True, kw_only=True):
    """A secret or a public key of a service; never the secret."""

    id: Annotated[str, Meta(description="Its id: `sid` of the tokens got by it, and the `kid` of assertions.")]
    name: str
    form: Annotated[str, Meta(description="`secret` or `public_key`.")]
    created_at: Instant
    last_used_at: Annotated[datetime | None, Meta(description="Null when it has not been used yet.")]
    expires_at: Annotated[datetime | None, Meta(description="Null when it does not expire by itself.")]


class ServiceShape(Struct, frozen=True, kw_only=True):
    """A service."""

    id: Annotated[str, Meta(description="Its id for ever, and its `client_id`.", examples=["svc_4k2q…"])]
    name: str
    audiences: list[str]
    scopes: list[str]
    feed: bool
    status: ServiceStatus
    created_at: Instant


class ServiceAnswer(Struct, frozen=True, kw_only=True):
    """One service, with what it proves itself by."""

    service: ServiceShape
    secrets: list[CredentialShape]
    receipt: Annotated[ReceiptShape, Meta(description="With `?wait=true`.")] | UnsetType = UNSET


class ServicesAnswer(Struct, frozen=True, kw_only=True):
    """A page of services, in order of id."""

    services: list[ServiceShape]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor` for the next page; null on the last.")]


class _Telling(Struct, frozen=True, kw_only=True):
    secret: Annotated[str, Meta(description="Told here and never again; left out with a key.")] | UnsetType = UNSET

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class NewServiceAnswer(_Telling, frozen=True, kw_only=True):
    """A service that was just registered."""

    service: ServiceShape
    secrets: list[CredentialShape]


class NewCredentialAnswer(_Telling, frozen=True, kw_only=True):
    """A secret that was just made, or a public key that was just taken."""

    credential: CredentialShape
