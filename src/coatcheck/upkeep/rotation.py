"""Signing keys by schedule: upcoming → current → retired → revoked, one winner among many servers (rule 10).

An upcoming key always stands ready and has been known to every checker for W before it may sign, so taking over needs
no wait, neither by schedule nor when the current key has leaked. A retired key verifies until the last token it signed
has expired, then it is revoked.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import KeyAdded
from coatcheck.model.key import KeyStatus, SigningKey
from coatcheck.sessions.end import revoke_key
from coatcheck.settings import Settings
from coatcheck.stores.port import Transaction
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.keyring import new_signing_key

Now: TypeAlias = Callable[[], datetime]
"""Asked once the keys are locked: a key has not been known for as long as somebody waited to make it."""


def rotate_keys(
    tx: Transaction,
    secrets: Secrets,
    settings: Settings,
    *,
    now: Now,
    at_once: bool = False,
    actor_id: str | None = None,
) -> None:
    """Do what is due. With ``at_once`` the upcoming key takes over now, whatever the schedule says, if it may sign.

    ``actor_id`` is who asked for it; None for the schedule.
    """
    tx.keys.lock()
    _rotate(tx, secrets, settings, now=now(), at_once=at_once, actor_id=actor_id)


def _rotate(
    tx: Transaction, secrets: Secrets, settings: Settings, *, now: datetime, at_once: bool, actor_id: str | None
) -> None:
    by_status = _by_status(tx)
    current, upcoming = by_status.get(KeyStatus.CURRENT), by_status.get(KeyStatus.UPCOMING)
    if tx.keys.count_sealed() == 0:
        _add(tx, secrets, settings, KeyStatus.CURRENT, now=now, usable_from=now)
    elif upcoming is not None and now >= upcoming.usable_from:
        is_due = current is None or now - current.status_since >= settings.tokens.rotate_every
        if (is_due or at_once) and (
            current is None or tx.keys.move(current.kid, expected=KeyStatus.CURRENT, to=KeyStatus.RETIRED, at=now)
        ):
            tx.keys.move(upcoming.kid, expected=KeyStatus.UPCOMING, to=KeyStatus.CURRENT, at=now)
            tx.audit.add(AuditEntry(at=now, kind="key.took_over", actor_id=actor_id, detail={"kid": upcoming.kid}))
    if KeyStatus.UPCOMING not in _by_status(tx):
        _add(tx, secrets, settings, KeyStatus.UPCOMING, now=now, usable_from=_usable(settings, now))
    _revoke_spent(tx, settings, now)


def revoke_signing_key(
    tx: Transaction, secrets: Secrets, settings: Settings, kid: str, *, now: Now, actor_id: str | None, reason: str
) -> bool:
    """Revoke a key at once; when it was the current one, the upcoming key takes over in the same transaction.

    False when there is no such key or it has been revoked already.
    """
    tx.keys.lock()
    key, at = tx.keys.get(kid), now()
    if key is None or key.status is KeyStatus.REVOKED:
        return False
    if not revoke_key(tx, kid, expected=key.status, at=at, actor_id=actor_id, reason=reason):
        return False
    _rotate(tx, secrets, settings, now=at, at_once=False, actor_id=actor_id)
    return True


def replace_keys(tx: Transaction, secrets: Secrets, settings: Settings, *, now: datetime, reason: str) -> None:
    """Revoke every key and make new ones, as in a new store: for the beginning of an epoch, where every checker starts
    from a snapshot that has them."""
    tx.keys.lock()
    for key in tx.keys.all():
        revoke_key(tx, key.kid, expected=key.status, at=now, actor_id=None, reason=reason)
    _add(tx, secrets, settings, KeyStatus.CURRENT, now=now, usable_from=now)
    _add(tx, secrets, settings, KeyStatus.UPCOMING, now=now, usable_from=_usable(settings, now))


def _by_status(tx: Transaction) -> dict[KeyStatus, SigningKey]:
    return {key.status: key for key in tx.keys.all() if key.status is not KeyStatus.RETIRED}


def _usable(settings: Settings, now: datetime) -> datetime:
    return now + settings.revocation.bound


def _add(
    tx: Transaction, secrets: Secrets, settings: Settings, status: KeyStatus, *, now: datetime, usable_from: datetime
) -> None:
    key = new_signing_key(settings.tokens.algorithm, secrets, now=now, usable_from=usable_from, status=status)
    if tx.keys.add(key):
        tx.audit.add(AuditEntry(at=now, kind="key.added", detail={"kid": key.kid, "algorithm": key.algorithm.value}))
        tx.log.append(KeyAdded(key.kid, key.algorithm.value, key.public_key))


def _revoke_spent(tx: Transaction, settings: Settings, now: datetime) -> None:
    lifetime = settings.tokens.access_for + settings.tokens.leeway + timedelta(seconds=1)
    for key in tx.keys.all():
        if key.status is KeyStatus.RETIRED and now - key.status_since >= lifetime:
            revoke_key(tx, key.kid, expected=KeyStatus.RETIRED, at=now, actor_id=None, reason="retired")
