"""What a page says of an entry of the audit trail: what happened, by whom, and why."""

from collections.abc import Mapping
from typing import Final

from coatcheck.model.audit import AuditEntry, Outcome

HAPPENED: Final = {
    "login.succeeded": "Logged in",
    "login.failed": "A login was refused",
    "session.ended": "A session was ended",
    "session.reauthenticated": "Confirmed the password",
    "reauthentication.failed": "Confirming the password was refused",
    "registration.failed": "Somebody tried to register with this address",
    "password.changed": "Changed the password",
    "password.change_failed": "Changing the password was refused",
    "password.set": "The password was set",
    "refresh.retried": "A refresh token was sent twice",
    "refresh.replayed": "A used refresh token came back; the session was ended",
    "refresh.failed": "A refresh token of a session that is over came back",
    "user.registered": "The account was made",
    "user.imported": "The account was imported",
    "user.roles_changed": "The roles were changed",
    "user.suspended": "The account was suspended",
    "user.restored": "The account was restored",
    "user.compromised": "The account was marked as compromised",
    "user.deleted": "The account was deleted",
    "access.denied": "Administration was refused",
    "access.revoked": "The access tokens of a session were revoked",
    "api_key.created": "An API key was made",
    "api_key.revoked": "An API key was ended",
    "service.created": "A service was added",
    "service.changed": "A service was changed",
    "service.suspended": "A service was suspended",
    "service.restored": "A service was restored",
    "service.deleted": "A service was deleted",
    "credential.created": "A service was given a credential",
    "credential.revoked": "A service's credential was ended",
    "credential.failed": "A service's credential that is over came back",
    "assertion.replayed": "A service's signed assertion was sent twice",
    "import.advanced": "An import went on",
    "everything.ended": "Everything was ended",
    "backup.restored": "A backup was restored",
    "key.added": "A signing key was made",
    "key.took_over": "A signing key took over",
    "key.revoked": "A signing key was revoked",
    "checks.denied": "Checks were refused on one machine",
    "checks.allowed": "Checks were allowed again on one machine",
}
"""By kind. An application's own kinds are shown as they are."""


def what_happened(entry: AuditEntry) -> str:
    """What happened, in a few words."""
    return HAPPENED.get(entry.kind, entry.kind)


def details_of(entry: AuditEntry) -> str:
    """The rest of it: why it was refused, on which device, which roles."""
    is_ours = entry.outcome is Outcome.REFUSED  # then the reason is one of our words, not what somebody wrote
    return ", ".join(
        f"{word}: {value.replace('_', ' ') if is_ours or word == 'ending' else value}"
        for word, value in entry.detail.items()
        if value
    )


def who_did_it(entry: AuditEntry, names: Mapping[str, str]) -> str:
    """Who did it; ``names`` says how to call users by id. Nobody is called the person who has not proven to be."""
    actor = entry.actor_id
    if actor is None:
        if entry.kind.startswith("refresh."):
            return "whoever held the token"
        return "somebody who was not logged in" if entry.outcome is Outcome.REFUSED else "the system"
    if actor == entry.user_id:
        return "the person" if entry.outcome is Outcome.SUCCEEDED else "whoever was logged in as this person"
    if actor.startswith("cli:"):
        return f"the command line ({actor.removeprefix('cli:')})"
    return names.get(actor, actor)
