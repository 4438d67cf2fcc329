"""What a page says about an error: calm, in words for the person, with what to do next."""

from collections.abc import Mapping
from typing import Final

from coatcheck.errors import (
    AttemptsExceeded,
    AuthError,
    Broken,
    CredentialRefused,
    EmailTaken,
    LoginRefused,
    OutcomeUnknown,
    PasswordWeak,
    RequestInvalid,
    UserSuspended,
)
from coatcheck.web.pages.views import FormErrors, Link, MessagePage, Viewer
from coatcheck.web.times import wait_in_words

_CHECK_FIELDS: Final = "Please check what is marked below."
_LOG_IN: Final = Link(label="Log in", path="/login")
_ACCOUNT: Final = Link(label="Go to your account", path="/account")

_TITLES_AND_ADVICE: Final = {
    "request.not_found": ("There is nothing here", "The address may be mistyped, or what was here is gone."),
    "request.too_large": ("That was too large", "Send less at once."),
    "access.denied": ("Not for this account", "If you need this, ask whoever runs this site to allow it."),
    "origin.refused": (
        "Stopped to protect you",
        "Nothing was changed. If you meant to do this, open the page on this site and do it there.",
    ),
    "user.suspended": ("This account is suspended", "If you think that is a mistake, ask whoever runs this site."),
    "data.conflict": ("This can't be done now", "Go back, look at how things are now, and decide again."),
    "login.busy": ("Please try again in a moment", "Go back, wait a moment, and try again."),
}
_REFUSED: Final = ("That did not work", "Go back and try again.")
_BROKEN: Final = (
    "Please try again in a moment",
    "You have not been logged out. Wait a moment, then load this page again.",
)
_UNKNOWN: Final = (
    "Please check before you try again",
    "Look at the page where you did this, and see what it says now.",
)
_LOGGED_OUT: Final = ("Please log in", "Log in, and you can go on.")


def message_page(error: AuthError, *, viewer: Viewer | None = None) -> MessagePage:
    """Say ``error`` on a page of its own; answer with ``error.status``. ``viewer`` is left out when it is not known."""
    title, advice = _title_and_advice(error)
    return MessagePage(
        title=title, sentence=error.message, advice=advice, link=_way_on(error), code=error.code, viewer=viewer
    )


def unexpected_page() -> MessagePage:
    """Say that something broke which nobody foresaw (500), without a word of what."""
    return MessagePage(
        title="Something went wrong",
        sentence="This is a fault on our side, not yours.",
        advice="Try again in a moment. If it stays like this, tell whoever runs this site.",
    )


def cookies_cleared_page() -> MessagePage:
    """Say that this site's cookies were unreadable (too many, or one name twice) and have been cleared."""
    return MessagePage(
        title="We cleared this site’s cookies",
        sentence="Your browser sent cookies that can't be read safely, so they were removed.",
        advice="Log in again, and you can go on. Your account and your other devices are not affected.",
        link=_LOG_IN,
    )


def form_errors(error: AuthError, *, proven: str | None = None, chosen: str = "password") -> FormErrors:
    """Place ``error`` on the form that caused it.

    ``proven`` names the field with the password that was to be proven by somebody who is logged in; left out at login,
    where nobody learns whether the address or the password was wrong. ``chosen`` names the field of a new password.
    """
    fields: Mapping[str, tuple[str, ...]] = {}
    if isinstance(error, RequestInvalid):
        fields = _by_field(error)
    elif isinstance(error, PasswordWeak):
        fields = {chosen: error.reasons or (error.message,)}
    elif isinstance(error, EmailTaken):
        fields = {"email": (error.message,)}
    elif isinstance(error, LoginRefused) and proven is not None:
        fields = {proven: (error.message,)}
    return FormErrors(summary=_CHECK_FIELDS if fields else _with_wait(error), fields=fields)


def _title_and_advice(error: AuthError) -> tuple[str, str]:
    if isinstance(error, AttemptsExceeded):
        return "Please wait a little", f"Try again in {wait_in_words(error.retry_after)}."
    if isinstance(error, CredentialRefused):
        return _LOGGED_OUT
    if isinstance(error, OutcomeUnknown):
        return _UNKNOWN
    return _TITLES_AND_ADVICE.get(error.code, _BROKEN if isinstance(error, Broken) else _REFUSED)


def _way_on(error: AuthError) -> Link | None:
    if isinstance(error, Broken | UserSuspended):
        return None
    return _LOG_IN if isinstance(error, CredentialRefused | LoginRefused | AttemptsExceeded) else _ACCOUNT


def _by_field(error: RequestInvalid) -> dict[str, tuple[str, ...]]:
    reasons: dict[str, tuple[str, ...]] = {}
    for name, reason in error.errors:
        reasons[name] = (*reasons.get(name, ()), reason)
    return reasons


def _with_wait(error: AuthError) -> str:
    if isinstance(error, AttemptsExceeded):
        return f"Too many attempts. Please try again in {wait_in_words(error.retry_after)}."
    return error.message
