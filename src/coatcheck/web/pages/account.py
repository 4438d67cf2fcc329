"""A person's own page: where they are logged in, and the password."""

from typing import Final

from coatcheck.model.user import User
from coatcheck.web.pages.entry import MISTAKES
from coatcheck.web.pages.place import Moved, Place, Shown
from coatcheck.web.pages.rows import SessionRow
from coatcheck.web.pages.views import AccountPage, FormErrors, Viewer
from coatcheck.web.pages.visit import Visit, told
from coatcheck.web.pages.wording import form_errors


async def show_account(visit: Visit) -> Shown:
    """The device list, and the form for the password."""
    return Shown(await _page(visit, await visit.user()))


async def end_session(visit: Visit) -> Moved:
    """End one of the person's sessions, and say who has heard."""
    user = await visit.user()
    receipt = await visit.auth.end_session(
        user.id, visit.call.path["session"], actor_id=user.id, client=visit.call.client(), wait=True
    )
    return Moved(visit.path("/account"), notice=told(receipt, "Ended."))


async def change_password(visit: Visit) -> Shown | Moved:
    """Replace the password; every other session ends."""
    user = await visit.user()
    try:
        login = await visit.auth.change_password(
            await visit.who(),
            current=visit.fields.get("current", ""),
            new=visit.fields.get("new", ""),
            client=visit.call.client(),
            wait=True,
        )
    except MISTAKES as error:
        errors = form_errors(error, proven="current", chosen="new")
        return Shown(await _page(visit, user, errors), error)
    notice = told(login.receipt, "Your password is changed, and every other login has ended.")
    return Moved(visit.path("/account"), visit.cookies_for(login), notice)


async def _page(visit: Visit, user: User, errors: FormErrors | None = None) -> AccountPage:
    current_id = (await visit.who()).session_id
    sessions = await visit.auth.sessions_of(user.id)
    rows = [SessionRow.of(session, now=visit.now, current_id=current_id) for session in sessions]
    rows.sort(key=lambda row: not row.is_current)
    return AccountPage(viewer=Viewer.of(user), sessions=tuple(rows), notice=visit.notice, errors=errors)


PLACES: Final = (
    Place(path="/account", show=show_account),
    Place(path="/sessions/{session}/end", do=end_session),
    Place(path="/password", do=change_password),
)
