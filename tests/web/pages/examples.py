"""One of every page, as the tests draw it, with whatever text they ask for in every place that takes text."""

from datetime import UTC, datetime, timedelta

from coatcheck.errors import EmailTaken, OriginRefused, PasswordWeak
from coatcheck.model.audit import AuditEntry
from coatcheck.model.key import Algorithm, KeyStatus, SigningKey
from coatcheck.model.session import Carry, Session
from coatcheck.model.user import ADMINISTRATOR, User, UserStatus
from coatcheck.web.pages.rows import AuditRow, KeyRow, SessionRow, UserRow
from coatcheck.web.pages.views import (
    AccountPage,
    FormErrors,
    KeysPage,
    Link,
    LoggedOutPage,
    LoginPage,
    MessagePage,
    Page,
    ReauthenticatePage,
    RegisterPage,
    Site,
    UserPage,
    UsersPage,
    Viewer,
)
from coatcheck.web.pages.wording import form_errors, message_page

NOW = datetime(2026, 11, 21, 9, 14, tzinfo=UTC)
SITE = Site(name="Cloakroom", path="/auth", register_open=True, minimum_length=15)


def session(**changed: object) -> Session:
    fields: dict[str, object] = {
        "id": "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "user_id": "usr_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "carry": Carry.COOKIE,
        "secret_digest": b"digest-of-a-secret",
        "stepped_at": NOW,
        "everything_generation": 1,
        "created_at": NOW - timedelta(days=2),
        "authenticated_at": NOW,
        "seen_at": NOW - timedelta(minutes=3),
        "expires_at": NOW + timedelta(hours=10),
        "idle_for": timedelta(hours=2),
        "device": "Firefox on Linux",
        "address": "192.0.2.17",
    }
    return Session(**(fields | changed))  # type: ignore[arg-type]


def user(**changed: object) -> User:
    fields: dict[str, object] = {
        "id": "usr_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "email": "ada@example.com",
        "email_key": "ada@example.com",
        "name": "Ada Lovelace",
        "password_hash": "$argon2id$not-for-show",
        "roles": (ADMINISTRATOR, "billing"),
        "created_at": NOW - timedelta(days=63),
        "password_changed_at": NOW,
    }
    return User(**(fields | changed))  # type: ignore[arg-type]


def key(**changed: object) -> SigningKey:
    fields: dict[str, object] = {
        "kid": "key_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "algorithm": Algorithm.ES256,
        "status": KeyStatus.CURRENT,
        "public_key": None,
        "sealed_private_key": b"sealed-private-part",
        "sealed_under": "1",
        "created_at": NOW - timedelta(days=3),
        "usable_from": NOW - timedelta(days=2),
        "status_since": NOW - timedelta(days=2),
    }
    return SigningKey(**(fields | changed))  # type: ignore[arg-type]


def pages(text: str = "Ada") -> dict[str, Page]:
    """Every page in its states; ``text`` stands wherever a person, a client or an application chooses the words."""
    viewer = Viewer(name=text, email=text, is_administrator=True)
    visitor = Viewer(name="Ada", email="ada@example.com", is_administrator=False)
    mine = SessionRow.of(session(device=text, address=text), now=NOW, current_id="ses_aaaaaaaaaaaaaaaaaaaaaaaaaa")
    other = SessionRow.of(session(id="ses_" + text, device=text, remember=True), now=NOW)
    person = user(id="usr_" + text, name=text, email=text, roles=(text, ADMINISTRATOR))
    listed = UserRow.of(person, now=NOW, sessions=2, viewer_id="usr_somebody")
    gone = UserRow.of(
        user(id="usr_b", name="", status=UserStatus.SUSPENDED, roles=(), password_hash=None),
        now=NOW,
        sessions=0,
        viewer_id="usr_b",
    )
    entry = AuditEntry(at=NOW, kind=text, user_id=person.id, actor_id="usr_x", address=text, detail={text: text})
    keys = (key(kid="key_" + text), key(kid="key_b", status=KeyStatus.UPCOMING), key(status=KeyStatus.REVOKED))
    wrong = FormErrors(
        summary=text,
        fields=dict.fromkeys(("email", "name", "password", "current", "new", "roles", "reason"), (text, text)),
    )
    return {
        "login": LoginPage(),
        "login refused": LoginPage(email=text, remember=True, return_to=text, notice=text, errors=wrong),
        "register": RegisterPage(),
        "register refused": RegisterPage(name=text, email=text, return_to=text, errors=wrong),
        "register, e-mail taken": RegisterPage(errors=form_errors(EmailTaken())),
        "account": AccountPage(viewer=viewer, sessions=(mine, other), notice=text, errors=wrong),
        "account with one device": AccountPage(viewer=visitor, sessions=(mine,)),
        "account, weak password": AccountPage(
            viewer=visitor, sessions=(mine,), errors=form_errors(PasswordWeak(["Too short."]), chosen="new")
        ),
        "reauthenticate": ReauthenticatePage(viewer=visitor),
        "reauthenticate refused": ReauthenticatePage(viewer=viewer, return_to=text, errors=wrong),
        "message": MessagePage(
            title=text, sentence=text, advice=text, code=text, viewer=viewer, link=Link(label=text, path="/login")
        ),
        "message about an error": message_page(OriginRefused()),
        "logged out": LoggedOutPage(),
        "logged out with a receipt": LoggedOutPage(notice=text),
        "users": UsersPage(
            viewer=viewer, users=(listed, gone), query=text, status=UserStatus.ACTIVE, next_cursor=text, notice=text
        ),
        "no users": UsersPage(viewer=viewer, users=()),
        "user": UserPage(
            viewer=viewer,
            user=listed,
            sessions=(mine, other),
            audit=(AuditRow.of(entry, now=NOW, names={"usr_x": text}),),
            typed_roles=text,
            notice=text,
            errors=wrong,
        ),
        "user without anything": UserPage(viewer=viewer, user=gone, sessions=(), audit=()),
        "keys": KeysPage(viewer=viewer, keys=tuple(KeyRow.of(one, now=NOW) for one in keys), notice=text, errors=wrong),
        "no keys": KeysPage(viewer=viewer, keys=()),
    }
