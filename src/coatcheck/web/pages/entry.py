"""The way in and out: log in, register, log out, confirm the password."""

from typing import Final

from coatcheck.carriers.presented import Presented
from coatcheck.errors import (
    AccessDenied,
    AttemptsExceeded,
    CredentialRefused,
    EmailTaken,
    LoginBusy,
    LoginRefused,
    PasswordWeak,
    RequestInvalid,
    TokenInvalid,
    TokenMissing,
    TokenWrongKind,
    UserSuspended,
)
from coatcheck.flows.logout import Scope
from coatcheck.model.receipt import Receipt
from coatcheck.web.api.answering import clear_login
from coatcheck.web.pages.place import Moved, Place, Shown
from coatcheck.web.pages.views import LoggedOutPage, LoginPage, ReauthenticatePage, RegisterPage, Viewer
from coatcheck.web.pages.visit import Visit, told
from coatcheck.web.pages.wording import form_errors

MISTAKES: Final = (
    AttemptsExceeded,
    EmailTaken,
    LoginBusy,
    LoginRefused,
    PasswordWeak,
    RequestInvalid,
    UserSuspended,
)
"""What is told on the form itself, with what was typed still in it."""

_FORGET_PAGES: Final = ((b"clear-site-data", b'"cache"'),)


async def show_front(visit: Visit) -> Moved:
    """The mount path itself: on to the account, or to where one logs in."""
    is_known = await visit.who_if_any() is not None
    return Moved(visit.path("/account" if is_known else "/login"))


async def show_login(visit: Visit) -> Shown | Moved:
    """The form; whoever is logged in already goes on."""
    if await visit.who_if_any() is not None:
        return Moved(_onwards(visit))
    return Shown(LoginPage(return_to=visit.asked, notice=visit.notice))


async def log_in(visit: Visit) -> Shown | Moved:
    """Log in; a login that this browser holds already ends."""
    fields = visit.fields
    email, remember = fields.get("email", ""), fields.get("remember") == "true"
    replaces = await visit.held_session()
    try:
        login = await visit.auth.login(
            email,
            fields.get("password", ""),
            remember=remember,
            client=visit.call.client(),
            replaces=replaces,
        )
    except MISTAKES as error:
        page = LoginPage(email=email, remember=remember, return_to=visit.asked, errors=form_errors(error))
        return Shown(page, error)
    return Moved(_onwards(visit), visit.cookies_for(login))


async def show_register(visit: Visit) -> Shown | Moved:
    """The form; whoever is logged in already goes on."""
    _require_open(visit)
    if await visit.who_if_any() is not None:
        return Moved(_onwards(visit))
    return Shown(RegisterPage(return_to=visit.asked))


async def register(visit: Visit) -> Shown | Moved:
    """Make an account and log in; a login that this browser holds already ends."""
    _require_open(visit)
    fields = visit.fields
    name, email = fields.get("name", ""), fields.get("email", "")
    replaces = await visit.held_session()
    try:
        login = await visit.auth.register(
            email,
            fields.get("password", ""),
            name=name,
            client=visit.call.client(),
            replaces=replaces,
        )
    except MISTAKES as error:
        page = RegisterPage(name=name, email=email, return_to=visit.asked, errors=form_errors(error))
        return Shown(page, error)
    return Moved(_onwards(visit), visit.cookies_for(login))


async def log_out(visit: Visit) -> Moved:
    """End this session, or all others of this person. A login that is over already is no reason not to log out."""
    if visit.fields.get("scope") == Scope.OTHERS:
        receipt = await visit.auth.logout(await visit.who(), scope=Scope.OTHERS, client=visit.call.client(), wait=True)
        return Moved(visit.path("/account"), notice=told(receipt, "Logged out everywhere else."))
    receipt = None
    try:
        receipt = await visit.auth.logout(await visit.who(), client=visit.call.client(), wait=True)
    except CredentialRefused as refusal:
        if not isinstance(refusal, TokenMissing | TokenInvalid | TokenWrongKind):
            receipt = await _log_out_named(visit)
    notice = told(receipt, "This login has ended.") if receipt is not None else ""
    return Moved(visit.path("/logged-out"), clear_login(visit.call.installation), notice, _FORGET_PAGES)


async def show_logged_out(visit: Visit) -> Shown:
    """That it is done, and who has heard."""
    return Shown(LoggedOutPage(notice=visit.notice))


async def show_reauthenticate(visit: Visit) -> Shown:
    """The form for the password alone."""
    viewer = Viewer.of(await visit.user())
    return Shown(ReauthenticatePage(viewer=viewer, return_to=visit.asked))


async def reauthenticate(visit: Visit) -> Shown | Moved:
    """Prove the password again; every credential of this session is renewed."""
    viewer = Viewer.of(await visit.user())
    try:
        login = await visit.auth.reauthenticate(
            await visit.who(), visit.fields.get("password", ""), client=visit.call.client()
        )
    except MISTAKES as error:
        errors = form_errors(error, proven="password")
        return Shown(ReauthenticatePage(viewer=viewer, return_to=visit.asked, errors=errors), error)
    return Moved(_onwards(visit), visit.cookies_for(login))


def _require_open(visit: Visit) -> None:
    if not visit.site.register_open:
        raise AccessDenied("Registration is closed here. Ask an administrator for an account.")


def _onwards(visit: Visit) -> str:
    return visit.asked or visit.auth.settings.web.after_login or visit.path("/account")


async def _log_out_named(visit: Visit) -> Receipt | None:
    """End the session that a genuine credential belongs to, though it opens nothing any more."""
    presented = visit.call.presented
    if not isinstance(presented, Presented):
        return None
    session_id = visit.auth.session_named_by(presented.token)
    if session_id is None:
        return None
    return await visit.auth.logout_named(session_id, client=visit.call.client(), wait=True)


PLACES: Final = (
    Place(path="", show=show_front),
    Place(path="/login", show=show_login, do=log_in),
    Place(path="/register", show=show_register, do=register),
    Place(path="/logout", do=log_out),
    Place(path="/logged-out", show=show_logged_out),
    Place(path="/reauthenticate", show=show_reauthenticate, do=reauthenticate),
)
