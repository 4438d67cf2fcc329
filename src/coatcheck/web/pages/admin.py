"""Administration: people, their sessions and roles, the signing keys, and the end of everything."""

from typing import Final

from coatcheck.errors import FieldError, RequestInvalid
from coatcheck.model.session import Ending
from coatcheck.model.user import User, UserStatus
from coatcheck.web.pages.place import Moved, Place, Shown
from coatcheck.web.pages.rows import AuditRow, KeyRow, SessionRow, UserRow
from coatcheck.web.pages.views import FormErrors, KeysPage, UserPage, UsersPage, Viewer
from coatcheck.web.pages.visit import Visit, told
from coatcheck.web.pages.wording import form_errors

_USERS: Final = 25
_ENTRIES: Final = 20
_LONGEST_REASON: Final = 500


# -- people ------------------------------------------------------------------------------------------------------------


async def show_users(visit: Visit) -> Shown:
    """The first page of users; after a search, what was found."""
    viewer = await visit.administrator()
    query, cursor = visit.fields.get("query", "").strip(), visit.fields.get("cursor") or None
    try:
        status = UserStatus(visit.fields["status"]) if visit.fields.get("status") else None
    except ValueError:
        raise RequestInvalid([FieldError("status", "This is no status.")]) from None
    found = await visit.auth.find_users(status=status, query=query, after=cursor, limit=_USERS + 1)
    users = found[:_USERS]
    rows = [await _row(visit, user, viewer) for user in users]
    return Shown(
        UsersPage(
            viewer=Viewer.of(viewer),
            users=tuple(rows),
            query=query,
            status=status,
            next_cursor=users[-1].id if len(found) > _USERS else None,
            notice=visit.notice,
        )
    )


async def show_user(visit: Visit) -> Shown:
    """One person: sessions, roles, and what happened."""
    viewer = await visit.administrator()
    return Shown(await _user_page(visit, viewer))


async def set_roles(visit: Visit) -> Shown | Moved:
    """Replace a person's roles."""
    viewer = await visit.administrator(fresh=True)
    typed = visit.fields.get("roles", "")
    try:
        done = await visit.auth.set_roles(
            visit.call.path["user"],
            tuple(typed.split()),
            actor_id=viewer.id,
            client=visit.call.client(),
            wait=True,
        )
    except RequestInvalid as error:
        return Shown(await _user_page(visit, viewer, typed_roles=typed, errors=form_errors(error)), error)
    return _back_to_user(visit, told(done.receipt, "The roles are saved."))


async def suspend(visit: Visit) -> Moved:
    """Suspend a person and end every session."""
    viewer = await visit.administrator(fresh=True)
    done = await visit.auth.suspend(visit.call.path["user"], actor_id=viewer.id, client=visit.call.client(), wait=True)
    return _back_to_user(visit, told(done.receipt, "Suspended, and logged out everywhere."))


async def restore(visit: Visit) -> Moved:
    """Let a suspended person log in again."""
    viewer = await visit.administrator(fresh=True)
    await visit.auth.restore(visit.call.path["user"], actor_id=viewer.id, client=visit.call.client())
    return _back_to_user(visit, "Restored: this person can log in again.")


async def mark_compromised(visit: Visit) -> Shown | Moved:
    """Lock an account that somebody else has."""
    viewer = await visit.administrator(fresh=True)
    try:
        reason = _reason(visit)
    except RequestInvalid as error:
        return Shown(await _user_page(visit, viewer, errors=form_errors(error)), error)
    done = await visit.auth.mark_compromised(
        visit.call.path["user"], reason=reason, actor_id=viewer.id, client=visit.call.client(), wait=True
    )
    return _back_to_user(visit, told(done.receipt, "Locked, and logged out everywhere. It needs another password now."))


async def end_sessions(visit: Visit) -> Moved:
    """End every session of a person."""
    viewer = await visit.administrator(fresh=True)
    user = await visit.auth.require_user(visit.call.path["user"])
    receipt = await visit.auth.logout_everywhere(user.id, actor_id=viewer.id, client=visit.call.client(), wait=True)
    return _back_to_user(visit, told(receipt, "Logged out everywhere."))


async def end_session(visit: Visit) -> Moved:
    """End one session of a person."""
    viewer = await visit.administrator(fresh=True)
    receipt = await visit.auth.end_session(
        visit.call.path["user"],
        visit.call.path["session"],
        actor_id=viewer.id,
        ending=Ending.ENDED_BY_ADMIN,
        client=visit.call.client(),
        wait=True,
    )
    return _back_to_user(visit, told(receipt, "Ended."))


# -- keys, and everything ----------------------------------------------------------------------------------------------


async def show_keys(visit: Visit) -> Shown:
    """The signing keys."""
    return Shown(await _keys_page(visit, await visit.administrator()))


async def rotate_keys(visit: Visit) -> Moved:
    """Let the upcoming key take over."""
    viewer = await visit.administrator(fresh=True)
    await visit.auth.rotate_keys(actor_id=viewer.id)
    return Moved(
        visit.path("/admin/keys"),
        notice="The next key has taken over, unless it is too new for every checker to know it yet.",
    )


async def revoke_key(visit: Visit) -> Shown | Moved:
    """Revoke a signing key at once."""
    viewer = await visit.administrator(fresh=True)
    receipt = await visit.auth.revoke_key(visit.call.path["kid"], reason=_reason(visit), actor_id=viewer.id, wait=True)
    return Moved(visit.path("/admin/keys"), notice=told(receipt, "The key is revoked."))


async def end_everything(visit: Visit) -> Shown | Moved:
    """End every session there is, the administrator's own too."""
    viewer = await visit.administrator(fresh=True)
    try:
        reason = _reason(visit)
    except RequestInvalid as error:
        return Shown(await _keys_page(visit, viewer, form_errors(error)), error)
    receipt = await visit.auth.end_everything(reason=reason, actor_id=viewer.id, client=visit.call.client(), wait=True)
    return Moved(visit.path("/logged-out"), notice=told(receipt, "Everybody is logged out."))


# -- drawn -------------------------------------------------------------------------------------------------------------


def _reason(visit: Visit) -> str:
    reason = visit.fields.get("reason", "").strip()
    if not reason:
        raise RequestInvalid([FieldError("reason", "Please say why, for whoever reads the audit trail.")])
    if len(reason) > _LONGEST_REASON:
        raise RequestInvalid([FieldError("reason", f"Up to {_LONGEST_REASON} characters.")])
    return reason


def _back_to_user(visit: Visit, notice: str) -> Moved:
    return Moved(visit.path(f"/admin/users/{visit.call.path['user']}"), notice=notice)


async def _row(visit: Visit, user: User, viewer: User) -> UserRow:
    sessions = await visit.auth.sessions_of(user.id)
    return UserRow.of(user, now=visit.now, sessions=len(sessions), viewer_id=viewer.id)


async def _user_page(
    visit: Visit, viewer: User, *, typed_roles: str | None = None, errors: FormErrors | None = None
) -> UserPage:
    user = await visit.auth.require_user(visit.call.path["user"])
    who = await visit.who()
    sessions = await visit.auth.sessions_of(user.id)
    entries = await visit.auth.audit(user_id=user.id, limit=_ENTRIES)
    actors = {entry.actor_id for entry in entries} - {None, user.id}
    known = {actor: await visit.auth.get_user(actor) for actor in actors if actor is not None}
    names = {actor: found.email for actor, found in known.items() if found is not None}
    return UserPage(
        viewer=Viewer.of(viewer),
        user=UserRow.of(user, now=visit.now, sessions=len(sessions), viewer_id=viewer.id),
        sessions=tuple(SessionRow.of(each, now=visit.now, current_id=who.session_id) for each in sessions),
        audit=tuple(AuditRow.of(entry, now=visit.now, names=names) for entry in entries),
        typed_roles=typed_roles,
        notice=visit.notice,
        errors=errors,
    )


async def _keys_page(visit: Visit, viewer: User, errors: FormErrors | None = None) -> KeysPage:
    keys = await visit.auth.keys()
    return KeysPage(
        viewer=Viewer.of(viewer),
        keys=tuple(KeyRow.of(key, now=visit.now) for key in reversed(keys)),
        notice=visit.notice,
        errors=errors,
    )


_USER: Final = "/admin/users/{user}"

PLACES: Final = (
    Place(path="/admin", show=show_users),
    Place(path="/admin/search", do=show_users, back="/admin"),
    Place(path="/admin/keys", show=show_keys),
    Place(path="/admin/keys/rotate", do=rotate_keys, back="/admin/keys"),
    Place(path="/admin/keys/{kid}/revoke", do=revoke_key, back="/admin/keys"),
    Place(path="/admin/end-everything", do=end_everything, back="/admin/keys"),
    Place(path=_USER, show=show_user),
    Place(path=f"{_USER}/roles", do=set_roles, back=_USER),
    Place(path=f"{_USER}/suspend", do=suspend, back=_USER),
    Place(path=f"{_USER}/restore", do=restore, back=_USER),
    Place(path=f"{_USER}/compromised", do=mark_compromised, back=_USER),
    Place(path=f"{_USER}/end-sessions", do=end_sessions, back=_USER),
    Place(path=f"{_USER}/sessions/{{session}}/end", do=end_session, back=_USER),
)
