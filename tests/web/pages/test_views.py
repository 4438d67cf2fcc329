"""What a page shows of sessions, users, keys and the audit trail."""

from datetime import timedelta

from msgspec import structs

from coatcheck.flows.parts.refusals import Why, refusal
from coatcheck.model.audit import AuditEntry
from coatcheck.model.client import Client
from coatcheck.model.key import KeyStatus
from coatcheck.model.user import ADMINISTRATOR, UserStatus
from coatcheck.settings import PasswordSettings, Settings, WebSettings
from coatcheck.web.pages.rows import AuditRow, KeyRow, SessionRow, UserRow
from coatcheck.web.pages.views import Site, Viewer
from tests.web.pages.examples import NOW, key, session, user


def test_a_session_is_shown_with_device_address_and_times() -> None:
    row = SessionRow.of(session(), now=NOW, current_id="ses_another")
    assert (row.device, row.address) == ("Firefox on Linux", "192.0.2.17")
    assert (row.seen.words, row.since.words, row.expires.words) == ("3 minutes ago", "2 days ago", "in 10 hours")
    assert not row.is_current


def test_the_session_that_asks_is_marked() -> None:
    assert SessionRow.of(session(), now=NOW, current_id=session().id).is_current
    assert not SessionRow.of(session(), now=NOW).is_current


def test_a_session_without_device_and_address_says_so() -> None:
    row = SessionRow.of(session(device="", address=""), now=NOW)
    assert (row.device, row.address) == ("Unknown device", "address not known")


def test_a_user_is_shown_with_standing_and_number_of_sessions() -> None:
    row = UserRow.of(user(status=UserStatus.SUSPENDED), now=NOW, sessions=3, viewer_id="usr_another")
    assert row.is_suspended
    assert row.has_password
    assert not row.is_viewer
    assert row.sessions == 3
    assert UserRow.of(user(), now=NOW, sessions=0, viewer_id=user().id).is_viewer
    assert not UserRow.of(user(password_hash=None), now=NOW, sessions=0, viewer_id="").has_password


def test_a_key_is_shown_with_its_life() -> None:
    row = KeyRow.of(key(status=KeyStatus.UPCOMING, usable_from=NOW + timedelta(hours=3)), now=NOW)
    assert (row.algorithm, row.status, row.usable_from.words) == ("ES256", "upcoming", "in 3 hours")
    assert not row.is_revoked
    assert KeyRow.of(key(status=KeyStatus.REVOKED), now=NOW).is_revoked


def _entry(actor_id: str | None, kind: str = "session.ended") -> AuditEntry:
    return AuditEntry(at=NOW, kind=kind, user_id="usr_a", actor_id=actor_id, detail={"ending": "ended_by_admin"})


def test_an_audit_entry_says_what_happened_and_by_whom() -> None:
    row = AuditRow.of(_entry("usr_b"), now=NOW, names={"usr_b": "grace@example.com"})
    assert (row.what, row.detail, row.by) == ("A session was ended", "ending: ended by admin", "grace@example.com")
    assert AuditRow.of(_entry("usr_a"), now=NOW).by == "the person"
    assert AuditRow.of(_entry(None), now=NOW).by == "the system"
    assert AuditRow.of(_entry("cli:ann@web1"), now=NOW).by == "the command line (ann@web1)"
    assert AuditRow.of(_entry("usr_b"), now=NOW).by == "usr_b"


def test_a_refusal_is_never_said_to_be_the_persons_doing() -> None:
    stranger = refusal("login.failed", Why.WRONG_PASSWORD, at=NOW, client=Client(), user_id="usr_a")
    row = AuditRow.of(stranger, now=NOW)
    assert (row.by, row.detail) == ("somebody who was not logged in", "reason: wrong password")
    held = structs.replace(stranger, kind="reauthentication.failed", actor_id="usr_a")
    assert AuditRow.of(held, now=NOW).by == "whoever was logged in as this person"
    token = structs.replace(stranger, kind="refresh.failed")
    assert AuditRow.of(token, now=NOW).by == "whoever held the token"


def test_what_somebody_wrote_is_shown_as_it_was_written() -> None:
    entry = AuditEntry(at=NOW, kind="user.roles_changed", user_id="usr_a", detail={"roles": "on_call", "before": ""})
    assert AuditRow.of(entry, now=NOW).detail == "roles: on_call"


def test_a_kind_without_words_is_shown_as_it_is() -> None:
    assert AuditRow.of(_entry(None, "host.invited"), now=NOW).what == "host.invited"


def test_a_viewer_is_an_administrator_only_by_the_reserved_role() -> None:
    assert Viewer.of(user(roles=(ADMINISTRATOR,))).is_administrator
    assert not Viewer.of(user(roles=("admin",))).is_administrator
    assert Viewer.of(user(name="")).name == "ada@example.com"


def test_the_site_takes_its_words_from_the_settings() -> None:
    settings = Settings(
        web=WebSettings(site_name="Cloakroom", path="/a", register_open=False),
        passwords=PasswordSettings(minimum_length=12),
    )
    assert Site.of(settings) == Site(name="Cloakroom", path="/a", register_open=False, minimum_length=12)
