"""Administration: people, their sessions, keys, checkers, the audit trail, and the two ways to end a lot at once."""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import UNSET, Meta, field, structs

from coatcheck.errors import DataConflict, EmailTaken, LoginBusy, PasswordWeak, RequestNotFound
from coatcheck.model.audit import AuditEntry
from coatcheck.model.key import SigningKey
from coatcheck.model.session import Ending
from coatcheck.model.subscriber import Registration
from coatcheck.model.user import User, UserStatus
from coatcheck.web.api.answering import Reply, done, listed_session, receipt_shape, user_shape
from coatcheck.web.api.call import Call
from coatcheck.web.api.endpoint import Endpoint, May, Query, Waiting
from coatcheck.web.api.shapes import (
    AuditAnswer,
    AuditShape,
    Instant,
    KeysAnswer,
    KeyShape,
    NewUserRequest,
    PlainText,
    ReasonRequest,
    SearchRequest,
    SessionsAnswer,
    SubscribersAnswer,
    SubscriberShape,
    UserAnswer,
    UserRequest,
    UsersAnswer,
)

PAGE: Final = 50
"""Rows of one page."""


class UsersQuery(Query, frozen=True, kw_only=True):
    """Which users, and from where on."""

    status: Annotated[UserStatus, Meta(description="Only these.")] | None = None
    cursor: Annotated[PlainText, Meta(description="`next_cursor` of the page before.")] | None = None


class AuditQuery(Query, frozen=True, kw_only=True):
    """Which entries, and from where on."""

    user: Annotated[PlainText, Meta(description="Only what concerns this user.")] | None = None
    kind: Annotated[PlainText, Meta(description="Only this kind, such as `login.failed`.")] | None = None
    since: Annotated[Instant, Meta(description="Only what happened then or later.")] | None = field(
        name="from", default=None
    )
    until: Annotated[Instant, Meta(description="Only what happened before.")] | None = None
    cursor: Annotated[PlainText, Meta(description="`next_cursor` of the page before.")] | None = None


# -- people ------------------------------------------------------------------------------------------------------------


async def list_users(call: Call) -> Reply:
    """A page of users."""
    return await _users(call, "")


async def search_users(call: Call) -> Reply:
    """A page of the users whose e-mail or name holds the text."""
    body: SearchRequest = call.body
    return await _users(call, body.query)


async def create_user(call: Call) -> Reply:
    """Make an account on somebody's behalf."""
    body: NewUserRequest = call.body
    user = await call.installation.auth.create_user(
        body.email, body.password, roles=tuple(body.roles), actor_id=call.user_id, client=call.client()
    )
    return Reply(UserAnswer(user=user_shape(user)))


async def show_user(call: Call) -> Reply:
    """One user."""
    return Reply(UserAnswer(user=user_shape(await _user(call))))


async def change_user(call: Call) -> Reply:
    """Change roles or status; it holds from the next request on, everywhere."""
    body: UserRequest = call.body
    changed = await call.installation.auth.change_account(
        call.path["user_id"],
        roles=None if body.roles is UNSET else tuple(body.roles),
        status=None if body.status is UNSET else body.status,
        actor_id=call.user_id,
        client=call.client(),
        wait=call.wait,
    )
    return Reply(UserAnswer(user=user_shape(changed.user), receipt=receipt_shape(call, changed.receipt)))


async def delete_user(call: Call) -> Reply:
    """End every session of an account and delete it."""
    receipt = await call.installation.auth.delete_user(
        call.path["user_id"], actor_id=call.user_id, client=call.client(), wait=call.wait
    )
    return done(call, receipt)


async def mark_compromised(call: Call) -> Reply:
    """Somebody else has the password: end every session, and void password and known devices."""
    body: ReasonRequest = call.body
    changed = await call.installation.auth.mark_compromised(
        call.path["user_id"], reason=body.reason, actor_id=call.user_id, client=call.client(), wait=call.wait
    )
    return done(call, changed.receipt)


async def list_sessions(call: Call) -> Reply:
    """Where a person is logged in."""
    user = await _user(call)
    live = await call.installation.auth.sessions_of(user.id)
    return Reply(SessionsAnswer(sessions=[listed_session(session, call.who.session_id) for session in live]))


async def end_sessions(call: Call) -> Reply:
    """Log a person out everywhere."""
    user = await _user(call)
    receipt = await call.installation.auth.logout_everywhere(
        user.id, actor_id=call.user_id, client=call.client(), wait=call.wait
    )
    return done(call, receipt)


async def end_session(call: Call) -> Reply:
    """End one session of a person."""
    receipt = await call.installation.auth.end_session(
        call.path["user_id"],
        call.path["session_id"],
        actor_id=call.user_id,
        ending=Ending.ENDED_BY_ADMIN,
        client=call.client(),
        wait=call.wait,
    )
    return done(call, receipt)


# -- keys, checkers, everything ----------------------------------------------------------------------------------------


async def list_keys(call: Call) -> Reply:
    """The signing keys."""
    return Reply(_keys(await call.installation.auth.keys()))


async def rotate_keys(call: Call) -> Reply:
    """Let the upcoming key take over now, if it has been known for long enough; the answer shows how things are."""
    receipt = await call.installation.auth.rotate_keys(actor_id=call.user_id, wait=call.wait)
    answer = _keys(await call.installation.auth.keys())
    return Reply(structs.replace(answer, receipt=receipt_shape(call, receipt)))


async def revoke_key(call: Call) -> Reply:
    """Refuse whatever this key signed; the upcoming one takes over."""
    receipt = await call.installation.auth.revoke_key(
        call.path["kid"], reason="revoked by an administrator", actor_id=call.user_id, wait=call.wait
    )
    return done(call, receipt)


async def end_everything(call: Call) -> Reply:
    """Log everybody out, the caller too."""
    body: ReasonRequest = call.body
    receipt = await call.installation.auth.end_everything(
        reason=body.reason, actor_id=call.user_id, client=call.client(), wait=call.wait
    )
    return done(call, receipt)


async def list_subscribers(call: Call) -> Reply:
    """The processes that check credentials."""
    registrations = await call.installation.auth.subscribers()
    return Reply(SubscribersAnswer(subscribers=[_subscriber(registration) for registration in registrations]))


async def read_audit(call: Call) -> Reply:
    """A page of the audit trail."""
    query: AuditQuery = call.query
    entries = await call.installation.auth.audit(
        user_id=query.user,
        kind=query.kind,
        since=query.since,
        until=query.until,
        before=query.cursor,
        limit=PAGE + 1,
    )
    shown = [_entry(entry) for entry in entries[:PAGE]]
    return Reply(AuditAnswer(entries=shown, next_cursor=shown[-1].id if len(entries) > PAGE else None))


async def _users(call: Call, text: str) -> Reply:
    query: UsersQuery = call.query
    users = await call.installation.auth.find_users(status=query.status, query=text, after=query.cursor, limit=PAGE + 1)
    shown = [user_shape(user) for user in users[:PAGE]]
    return Reply(UsersAnswer(users=shown, next_cursor=shown[-1].id if len(users) > PAGE else None))


async def _user(call: Call) -> User:
    return await call.installation.auth.require_user(call.path["user_id"])


def _keys(keys: Sequence[SigningKey]) -> KeysAnswer:
    return KeysAnswer(
        keys=[
            KeyShape(
                kid=key.kid,
                algorithm=key.algorithm,
                status=key.status,
                created_at=key.created_at,
                usable_from=key.usable_from,
                status_since=key.status_since,
            )
            for key in keys
        ]
    )


def _subscriber(registration: Registration) -> SubscriberShape:
    acknowledged = registration.acknowledged
    return SubscriberShape(
        name=registration.name,
        registered_at=registration.registered_at,
        heard_at=registration.heard_at,
        acknowledged=None if acknowledged is None else str(acknowledged),
        accepts_for_ms=registration.accept_ms,
        lapsed_at=registration.lapsed_at,
    )


def _entry(entry: AuditEntry) -> AuditShape:
    return AuditShape(
        id=entry.id,
        at=entry.at,
        kind=entry.kind,
        outcome=entry.outcome,
        user_id=entry.user_id,
        actor_id=entry.actor_id,
        session_id=entry.session_id,
        address=entry.address,
        factors=list(entry.factors),
        detail=entry.detail,
    )


_LOOK: Final = May.ADMINISTRATOR
_DO: Final = May.FRESH_ADMINISTRATOR

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="api/admin/users",
        verb=list_users,
        summary="Users, page by page",
        may=_LOOK,
        query=UsersQuery,
        result=UsersAnswer,
    ),
    Endpoint(
        method="POST",
        path="api/admin/users",
        verb=create_user,
        summary="Make an account for somebody",
        may=_DO,
        body=NewUserRequest,
        result=UserAnswer,
        status=201,
        errors=(EmailTaken, PasswordWeak, LoginBusy),
    ),
    Endpoint(
        method="POST",
        path="api/admin/users/search",
        verb=search_users,
        summary="Users whose e-mail or name holds a text",
        may=_LOOK,
        body=SearchRequest,
        query=UsersQuery,
        result=UsersAnswer,
    ),
    Endpoint(
        method="GET",
        path="api/admin/users/{user_id}",
        verb=show_user,
        summary="One user",
        may=_LOOK,
        result=UserAnswer,
        errors=(RequestNotFound,),
    ),
    Endpoint(
        method="PATCH",
        path="api/admin/users/{user_id}",
        verb=change_user,
        summary="Change roles or status",
        may=_DO,
        body=UserRequest,
        query=Waiting,
        result=UserAnswer,
        errors=(RequestNotFound, DataConflict),
    ),
    Endpoint(
        method="DELETE",
        path="api/admin/users/{user_id}",
        verb=delete_user,
        summary="Delete an account",
        may=_DO,
        query=Waiting,
        errors=(RequestNotFound, DataConflict),
    ),
    Endpoint(
        method="POST",
        path="api/admin/users/{user_id}/compromised",
        verb=mark_compromised,
        summary="Somebody else has this account's password",
        may=_DO,
        body=ReasonRequest,
        query=Waiting,
        errors=(RequestNotFound,),
    ),
    Endpoint(
        method="GET",
        path="api/admin/users/{user_id}/sessions",
        verb=list_sessions,
        summary="Where a person is logged in",
        may=_LOOK,
        result=SessionsAnswer,
        errors=(RequestNotFound,),
    ),
    Endpoint(
        method="DELETE",
        path="api/admin/users/{user_id}/sessions",
        verb=end_sessions,
        summary="Log a person out everywhere",
        may=_DO,
        query=Waiting,
        errors=(RequestNotFound,),
    ),
    Endpoint(
        method="DELETE",
        path="api/admin/users/{user_id}/sessions/{session_id}",
        verb=end_session,
        summary="End one session of a person",
        may=_DO,
        query=Waiting,
        errors=(RequestNotFound,),
    ),
    Endpoint(
        method="GET",
        path="api/admin/keys",
        verb=list_keys,
        summary="The signing keys",
        may=_LOOK,
        result=KeysAnswer,
    ),
    Endpoint(
        method="POST",
        path="api/admin/keys/rotate",
        verb=rotate_keys,
        summary="Let the upcoming key take over",
        may=_DO,
        query=Waiting,
        result=KeysAnswer,
    ),
    Endpoint(
        method="DELETE",
        path="api/admin/keys/{kid}",
        verb=revoke_key,
        summary="Revoke a signing key at once",
        may=_DO,
        query=Waiting,
        errors=(RequestNotFound,),
    ),
    Endpoint(
        method="POST",
        path="api/admin/end-everything",
        verb=end_everything,
        summary="Log everybody out",
        may=_DO,
        body=ReasonRequest,
        query=Waiting,
    ),
    Endpoint(
        method="GET",
        path="api/admin/subscribers",
        verb=list_subscribers,
        summary="The processes that check credentials",
        may=_LOOK,
        result=SubscribersAnswer,
    ),
    Endpoint(
        method="GET",
        path="api/admin/audit",
        verb=read_audit,
        summary="The audit trail, newest first",
        may=_LOOK,
        query=AuditQuery,
        result=AuditAnswer,
    ),
)
