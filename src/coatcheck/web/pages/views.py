"""The pages: what each one needs to be drawn, and what its forms post.

This is the contract between the routes and the templates. A route makes a page and hands it to
``rendering.render_page``; a template sees ``site`` (the same everywhere) and ``page`` (one of these). Paths below are
under the mount path. Forms are ``application/x-www-form-urlencoded`` POSTs; none has a CSRF field, since the origin
rule guards every one of them. Nothing here is markup: all of it is escaped when it is drawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from coatcheck.model.user import ADMINISTRATOR, User, UserStatus
from coatcheck.settings import Settings
from coatcheck.web.pages.rows import AuditRow, KeyRow, SessionRow, UserRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What every page knows of the installation."""

    name: str
    path: str
    register_open: bool
    minimum_length: int

    @classmethod
    def of(cls, settings: Settings) -> "Site":
        """Take the site's words from the settings."""
        return cls(
            name=settings.web.site_name,
            path=settings.web.path,
            register_open=settings.web.register_open,
            minimum_length=settings.passwords.minimum_length,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who is logged in and looking: decides what the page's head offers. Its log out button POSTs ``/logout``."""

    name: str
    email: str
    is_administrator: bool

    @classmethod
    def of(cls, user: User) -> "Viewer":
        """Take name, e-mail and standing from ``user``."""
        return cls(name=user.name or user.email, email=user.email, is_administrator=ADMINISTRATOR in user.roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormErrors:
    """Why a form was not accepted: a sentence above it, and reasons beside fields by their names."""

    summary: str
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where to go from here; ``path`` is under the mount path."""

    label: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPage:
    """GET ``/login``. Posts ``/login``: ``email``, ``password``, ``remember`` (``true`` or absent), ``return_to``
    (absent when there is none)."""

    template: ClassVar[str] = "login.html"
    email: str = ""
    remember: bool = False
    return_to: str = ""
    notice: str = ""
    errors: FormErrors | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPage:
    """GET ``/register``. Posts ``/register``: ``name`` (may be empty), ``email``, ``password``, ``return_to`` (absent
    when there is none)."""

    template: ClassVar[str] = "register.html"
    name: str = ""
    email: str = ""
    return_to: str = ""
    errors: FormErrors | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """GET ``/account``. Posts, each with an empty body unless said:

    - ``/sessions/{id}/end``: one of the person's other sessions
    - ``/logout`` with ``scope=others``; without a body for this session
    - ``/password``: ``current``, ``new``

    ``notice`` is what was just done (``receipts.receipt_sentence``); ``errors`` belong to the password form.
    """

    template: ClassVar[str] = "account.html"
    viewer: Viewer
    sessions: tuple[SessionRow, ...]
    notice: str = ""
    errors: FormErrors | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReauthenticatePage:
    """GET ``/reauthenticate``. Posts ``/reauthenticate``: ``password``, ``return_to`` (absent when there is none)."""

    template: ClassVar[str] = "reauthenticate.html"
    viewer: Viewer
    return_to: str = ""
    errors: FormErrors | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Something went wrong, or needs saying: a title, a sentence, and what to do. No form.

    ``wording.message_page`` makes one from any error. ``code`` is the stable code, for whoever asks for help.
    """

    template: ClassVar[str] = "message.html"
    title: str
    sentence: str
    advice: str
    link: Link | None = None
    code: str = ""
    viewer: Viewer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOutPage:
    """After a logout; there is no form. ``notice`` is the receipt's sentence, where one was awaited."""

    template: ClassVar[str] = "logged_out.html"
    notice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersPage:
    """GET ``/admin``. Posts:

    - ``/admin/search``: ``query``, ``status`` (``active``, ``suspended`` or empty), ``cursor`` (absent on the first
      page). Answered with this page. A POST, so that people's addresses stay out of logs and histories.
    - ``/admin/users/{id}/suspend``, ``/restore``, ``/end-sessions``: empty bodies

    ``next_cursor`` is where the next page begins; None on the last one.
    """

    template: ClassVar[str] = "admin.html"
    viewer: Viewer
    users: tuple[UserRow, ...]
    query: str = ""
    status: UserStatus | None = None
    next_cursor: str | None = None
    notice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPage:
    """GET ``/admin/users/{id}``. Posts:

    - ``/admin/users/{id}/suspend``, ``/restore``, ``/end-sessions``, ``/sessions/{session id}/end``: empty bodies
    - ``/admin/users/{id}/roles``: ``roles``, separated by spaces

    ``typed_roles`` is what was typed when it was refused, with ``errors``.
    """

    template: ClassVar[str] = "admin_user.html"
    viewer: Viewer
    user: UserRow
    sessions: tuple[SessionRow, ...]
    audit: tuple[AuditRow, ...]
    typed_roles: str | None = None
    notice: str = ""
    errors: FormErrors | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysPage:
    """GET ``/admin/keys``. Posts:

    - ``/admin/keys/rotate``: empty body
    - ``/admin/keys/{kid}/revoke``: ``reason``
    - ``/admin/end-everything``: ``reason``

    ``errors`` belong to end-everything.
    """

    template: ClassVar[str] = "admin_keys.html"
    viewer: Viewer
    keys: tuple[KeyRow, ...]
    notice: str = ""
    errors: FormErrors | None = None


Page = (
    LoginPage
    | RegisterPage
    | AccountPage
    | ReauthenticatePage
    | MessagePage
    | LoggedOutPage
    | UsersPage
    | UserPage
    | KeysPage
)
