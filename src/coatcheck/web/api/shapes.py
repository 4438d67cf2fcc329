"""What the API reads and answers, as records: the contract in types. The OpenAPI document is made from these."""

from datetime import datetime
from typing import Annotated, Final, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from coatcheck.flows.logout import Scope
from coatcheck.model.audit import Outcome
from coatcheck.model.key import Algorithm, KeyStatus
from coatcheck.model.session import Carry
from coatcheck.model.user import UserStatus

_PLAIN: Final = r"^[^\x00]*$"
"""Text without NUL: databases and C libraries end a text there."""

PlainText: TypeAlias = Annotated[str, Meta(pattern=_PLAIN)]
Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""An instant, RFC 3339 in UTC."""

EmailText: TypeAlias = Annotated[PlainText, Meta(description="One plain e-mail address.", examples=["ann@example.com"])]
PasswordText: TypeAlias = Annotated[
    PlainText, Meta(description="A password, exactly as it was typed; up to 256 characters.")
]
NameText: TypeAlias = Annotated[
    PlainText, Meta(description="What the person is called; up to 100 characters, may be empty.")
]
RoleTexts: TypeAlias = Annotated[
    list[PlainText],
    Meta(description="Up to 32 roles, all of them: those that are not named are taken away.", examples=[["editor"]]),
]
ReasonText: TypeAlias = Annotated[
    PlainText,
    Meta(description="Why; kept in the audit trail.", min_length=1, max_length=500, examples=["laptop stolen"]),
]
UserId: TypeAlias = Annotated[str, Meta(description="The user's id, for ever.", examples=["usr_4k2q…"])]
SessionId: TypeAlias = Annotated[
    str, Meta(description="The session's id: the same through every renewal, and `sid` in access tokens.")
]


class Request(Struct, forbid_unknown_fields=True, kw_only=True):
    """A request body: members that it does not know are refused."""


# -- what is asked -----------------------------------------------------------------------------------------------------


class _Beginning(Request):
    email: EmailText
    password: PasswordText
    carry: Annotated[Carry, Meta(description="What the client will hold, and so where the tokens go.")] = Carry.COOKIE
    remember: Annotated[bool, Meta(description="Keep me logged in: longer limits, and cookies that persist.")] = False
    device: (
        Annotated[
            PlainText, Meta(description="What the device list calls this client; else `User-Agent`.", max_length=100)
        ]
        | None
    ) = None
    audience: Annotated[
        PlainText | None,
        Meta(description="Whom access tokens are for: one of the configured audiences. Left out: the issuer."),
    ] = None


class RegisterRequest(_Beginning):
    """A new account, and its first login."""

    name: NameText = ""


class LoginRequest(_Beginning):
    """A login."""

    device_token: Annotated[
        PlainText | None,
        Meta(description="What an earlier login answered as `device_token`. A browser has it in a cookie."),
    ] = None


class LogoutRequest(Request):
    """How much to end. The whole body may be left out."""

    scope: Annotated[Scope, Meta(description="This session, all others of this person, or all.")] = Scope.THIS
    refresh_token: Annotated[
        PlainText | None, Meta(description="Names the session when the access token has expired; for `this` only.")
    ] = None


class MeRequest(Request):
    """Changes to one's own account. What is left out stays."""

    name: NameText | UnsetType = UNSET


class PasswordRequest(Request):
    """Another password for one's own account."""

    current: PasswordText
    new: PasswordText


class ReauthenticateRequest(Request):
    """The password once more."""

    password: PasswordText


class SearchRequest(Request):
    """A search among users. A body, so that addresses stay out of logs."""

    query: Annotated[
        PlainText, Meta(description="A part of the e-mail address or the name, taken literally.", max_length=254)
    ]


class NewUserRequest(Request):
    """An account on somebody's behalf."""

    email: EmailText
    password: Annotated[PlainText | None, Meta(description="Left out: nobody can log in with a password.")] = None
    roles: RoleTexts = []


class UserRequest(Request):
    """Changes to an account. What is left out stays."""

    roles: RoleTexts | UnsetType = UNSET
    status: Annotated[UserStatus, Meta(description="`suspended` ends every session.")] | UnsetType = UNSET


class ReasonRequest(Request):
    """Why this is done."""

    reason: ReasonText


# -- what is answered --------------------------------------------------------------------------------------------------


class UserShape(Struct, frozen=True, kw_only=True):
    """A person with an account."""

    id: UserId
    email: EmailText
    name: NameText
    roles: Annotated[list[str], Meta(description="In alphabetical order.")]
    status: Annotated[UserStatus, Meta(description="Whether the person may log in.")]
    created_at: Annotated[Instant, Meta(description="When the account was made.")]


class SessionShape(Struct, frozen=True, kw_only=True):
    """A login."""

    id: SessionId
    created_at: Annotated[Instant, Meta(description="When it began.")]
    authenticated_at: Annotated[Instant, Meta(description="When the password was last proven.")]
    expires_at: Annotated[Instant, Meta(description="When it ends, whatever happens.")]
    device: Annotated[str, Meta(description="Where it is, in words.")]
    amr: Annotated[list[str], Meta(description="How it was proven (RFC 8176).", examples=[["pwd"]])]


class ListedSession(Struct, frozen=True, kw_only=True):
    """A line of a device list."""

    id: SessionId
    device: Annotated[str, Meta(description="The device, in words.")]
    address: Annotated[str, Meta(description="The network address it began from.")]
    created_at: Annotated[Instant, Meta(description="When it began.")]
    seen_at: Annotated[Instant, Meta(description="When it was last used.")]
    expires_at: Annotated[Instant, Meta(description="When it ends, whatever happens.")]
    current: Annotated[bool, Meta(description="Whether this request came with it.")]


class SubscriberNames(Struct, frozen=True, kw_only=True):
    """Who heard of an ending, by name."""

    confirmed: Annotated[list[str], Meta(description="Acknowledged it.")]
    waited_out: Annotated[list[str], Meta(description="Did not; their leases have run out since.")]
    unbound: Annotated[list[str], Meta(description="May go on accepting until `unbound_until`.")]


class ReceiptShape(Struct, frozen=True, kw_only=True):
    """The proof that a change holds everywhere."""

    position: Annotated[str, Meta(description="The change's place in the log.")]
    confirmed: Annotated[int, Meta(description="How many checkers acknowledged it.", ge=0)]
    waited_out: Annotated[int, Meta(description="How many were waited out: their leases have run out.", ge=0)]
    unbound_until: Annotated[
        datetime | None, Meta(description="Until when those that chose to accept without a lease may do so; or null.")
    ]
    took_ms: Annotated[int, Meta(description="Milliseconds from the commit to this receipt.", ge=0)]
    subscribers: Annotated[SubscriberNames, Meta(description="For administrators.")] | UnsetType = UNSET


class _Answer(Struct, frozen=True, kw_only=True):
    receipt: Annotated[ReceiptShape, Meta(description="With `?wait=true`.")] | UnsetType = UNSET


class ReceiptAnswer(_Answer, frozen=True, kw_only=True):
    """What a request without another answer says when it was asked to wait."""


class _Tokens(_Answer, frozen=True, kw_only=True):
    session_token: Annotated[str, Meta(description="With `carry=header`.")] | UnsetType = UNSET
    access_token: Annotated[str, Meta(description="With `carry=tokens` or `page`: a JWT.")] | UnsetType = UNSET
    refresh_token: Annotated[str, Meta(description="With `carry=tokens`.")] | UnsetType = UNSET
    token_type: Annotated[str, Meta(description="`Bearer`, wherever there is a token.")] | UnsetType = UNSET
    expires_in: Annotated[int, Meta(description="Seconds that the session or access token lives.")] | UnsetType = UNSET
    refresh_expires_in: Annotated[int, Meta(description="Seconds that the refresh token lives.")] | UnsetType = UNSET
    device_token: (
        Annotated[str, Meta(description="For native clients: to be sent with the next login from this device.")]
        | UnsetType
    ) = UNSET


class LoginAnswer(_Tokens, frozen=True, kw_only=True):
    """A login that has begun."""

    user: UserShape
    session: SessionShape


class RenewedAnswer(_Tokens, frozen=True, kw_only=True):
    """A login whose credentials were all renewed: the older ones are refused."""

    session: SessionShape


class MeAnswer(_Answer, frozen=True, kw_only=True):
    """Who the caller is."""

    user: UserShape
    session: SessionShape


class SessionsAnswer(Struct, frozen=True, kw_only=True):
    """A device list, newest first."""

    sessions: list[ListedSession]


class UserAnswer(_Answer, frozen=True, kw_only=True):
    """One user."""

    user: UserShape


class UsersAnswer(Struct, frozen=True, kw_only=True):
    """A page of users, in order of id."""

    users: list[UserShape]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor` for the next page; null on the last.")]


class KeyShape(Struct, frozen=True, kw_only=True):
    """A signing key, without any key material."""

    kid: Annotated[str, Meta(description="Its id, as tokens name it.")]
    algorithm: Annotated[Algorithm, Meta(description="The one algorithm it is for.")]
    status: Annotated[KeyStatus, Meta(description="Where it is in its life.")]
    created_at: Annotated[Instant, Meta(description="When it was made.")]
    usable_from: Annotated[Instant, Meta(description="The earliest instant it may sign: by then every checker has it.")]
    status_since: Annotated[Instant, Meta(description="When this status began.")]


class KeysAnswer(_Answer, frozen=True, kw_only=True):
    """The signing keys that are not revoked, oldest first."""

    keys: list[KeyShape]


class SubscriberShape(Struct, frozen=True, kw_only=True):
    """A process that checks credentials."""

    name: Annotated[str, Meta(description="What receipts call it.")]
    registered_at: Annotated[Instant, Meta(description="When it registered.")]
    heard_at: Annotated[Instant, Meta(description="When it was last heard from.")]
    acknowledged: Annotated[str | None, Meta(description="The position it is known to have applied; null at first.")]
    accepts_for_ms: Annotated[
        int | None, Meta(description="How long it goes on accepting without a lease; null when it does not.")
    ]
    lapsed_at: Annotated[datetime | None, Meta(description="When it was given up; null while it is not.")]


class SubscribersAnswer(Struct, frozen=True, kw_only=True):
    """Every process that a barrier waits for."""

    subscribers: list[SubscriberShape]


class AuditShape(Struct, frozen=True, kw_only=True):
    """One entry of the audit trail."""

    id: Annotated[str, Meta(description="Its id.")]
    at: Annotated[Instant, Meta(description="When it happened.")]
    kind: Annotated[str, Meta(description="What happened.", examples=["login.succeeded"])]
    outcome: Annotated[Outcome, Meta(description="Whether it was done or refused.")]
    user_id: Annotated[str | None, Meta(description="Whom it concerns.")]
    actor_id: Annotated[
        str | None,
        Meta(description="Who did it: a user, `cli:…` for the command line, null for a stranger or the system."),
    ]
    session_id: Annotated[str | None, Meta(description="In which session, where there is one.")]
    address: Annotated[str, Meta(description="From which network address.")]
    factors: Annotated[list[str], Meta(description="What was proven or, where it was refused, tried.")]
    detail: Annotated[dict[str, str], Meta(description="More, by kind.")]


class AuditAnswer(Struct, frozen=True, kw_only=True):
    """A page of the audit trail, newest first."""

    entries: list[AuditShape]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor` for older entries; null at the end.")]


class TokenAnswer(Struct, frozen=True, kw_only=True):
    """RFC 6749 §5.1. What travels in a cookie is left out."""

    token_type: str
    expires_in: Annotated[int, Meta(description="Seconds that the access token lives.")]
    access_token: Annotated[str, Meta(description="A JWT; left out where it travels in a cookie.")] | UnsetType = UNSET
    refresh_token: Annotated[str, Meta(description="The successor of the one that was sent.")] | UnsetType = UNSET
    refresh_expires_in: Annotated[int, Meta(description="Seconds that it lives.")] | UnsetType = UNSET
    scope: Annotated[str, Meta(description="What was granted.")] | UnsetType = UNSET


class HealthAnswer(Struct, frozen=True, kw_only=True):
    """All is well."""

    status: str


class ReadyAnswer(HealthAnswer, frozen=True, kw_only=True):
    """It may get traffic."""

    store: Annotated[bool, Meta(description="The store answered when it was last asked.")]
    lease: Annotated[bool, Meta(description="The lease holds: credentials are checked from memory.")]
