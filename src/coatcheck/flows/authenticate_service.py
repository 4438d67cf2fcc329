"""A service says who it is: by a secret (RFC 6749 §2.3.1), or by signing (RFC 7523 §2.2).

Whatever is wrong, it is told the same. Secrets need no limit of attempts: they are random, and what we have not made is
refused before the store is asked.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from coatcheck.authority import LookUp
from coatcheck.errors import ServiceRefused, TokenInvalid
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.refusals import note_dead_credential
from coatcheck.model.audit import AuditEntry, Outcome
from coatcheck.model.client import Client
from coatcheck.model.expiry import is_past_absolute
from coatcheck.model.principal import Kind
from coatcheck.model.service import Service
from coatcheck.model.session import Session
from coatcheck.stores.port import Transaction
from coatcheck.tokens.assertion import LONGEST, Claimed, read_claimed, verify_assertion
from coatcheck.tokens.opaque import digest
from coatcheck.tokens.public_key import verification_key
from coatcheck.tokens.weak_keys import KeyRefused


class Proven(NamedTuple):
    """A service, and the credential that it was proven by."""

    service: Service
    credential: Session


async def authenticate_service(
    means: Means,
    *,
    client_id: str | None = None,
    secret: str | None = None,
    assertion: str | None = None,
    client: Client,
) -> Proven:
    """Prove a service by exactly one of ``secret`` and ``assertion``. A ``client_id`` beside it has to be its own.

    An assertion is for this issuer or its token endpoint, and good once. Raises ServiceRefused, StoreUnavailable.
    """
    if (secret is None) == (assertion is None):
        raise ServiceRefused
    try:
        proven = await (
            _by_secret(means, secret.encode("ascii"), client)
            if secret is not None
            else _by_assertion(means, (assertion or "").encode("ascii"), client)
        )
    except (TokenInvalid, UnicodeEncodeError):
        raise ServiceRefused from None
    if client_id is not None and client_id != proven.service.id:
        raise ServiceRefused
    return proven


async def _by_secret(means: Means, secret: bytes, client: Client) -> Proven:
    if not means.service_secrets.is_genuine(secret):
        raise ServiceRefused
    now = means.now()
    asked = LookUp(digest=digest(secret))
    proven = await means.store.read(lambda tx: _good(tx, asked, now))
    if proven is None:
        over = await means.store.read(lambda tx: _known(tx, asked))
        if over is not None:
            await note_dead_credential(means, over, client)
        raise ServiceRefused
    return proven


async def _by_assertion(means: Means, assertion: bytes, client: Client) -> Proven:
    claimed = read_claimed(assertion)
    now, leeway = means.now(), means.settings.tokens.leeway
    for credential in await means.store.read(lambda tx: _candidates(tx, claimed)):
        jti = _made_by(means, credential, assertion, now, leeway)
        if jti is not None:
            used = f"assertion:{sha256(f'{credential.user_id} {jti}'.encode()).hexdigest()}"
            return await _use_up(means, credential, used, now, timedelta(seconds=LONGEST) + 2 * leeway, client)
    raise ServiceRefused


def _made_by(means: Means, credential: Session, assertion: bytes, now: datetime, leeway: timedelta) -> str | None:
    """The ``jti`` of an assertion that the holder of this key made; None when it is not theirs, or not for us."""
    issuer = means.settings.issuer
    try:
        return verify_assertion(
            assertion,
            verification_key(credential.id, credential.public_key or ""),
            service_id=credential.user_id,
            audiences=(issuer, f"{issuer}/api/token"),
            now=now.timestamp(),
            leeway=leeway.total_seconds(),
        ).jti
    except (TokenInvalid, KeyRefused):
        return None


async def _use_up(
    means: Means, credential: Session, used: str, now: datetime, window: timedelta, client: Client
) -> Proven:
    """Use an assertion up; of racing ones one wins. Raises ServiceRefused, after that was written down."""

    def work(tx: Transaction) -> Proven | None:
        count, _ = tx.attempts.take(used, now, window)
        if count == 2:  # the rest of a flood tells nothing new
            tx.audit.add(
                AuditEntry(
                    at=now,
                    kind="assertion.replayed",
                    outcome=Outcome.REFUSED,
                    user_id=credential.user_id,
                    session_id=credential.id,
                    address=client.address,
                )
            )
        if count > 1:
            return None
        return _good(tx, LookUp(session_id=credential.id), now)

    proven = await means.store.write(work)
    if proven is None:
        raise ServiceRefused
    return proven


def _candidates(tx: Transaction, claimed: Claimed) -> list[Session]:
    """The public keys that may have made it: the one that it names, or all of the service."""
    return [
        each
        for each in tx.sessions.live_of(claimed.subject, Kind.SERVICE)
        if each.public_key is not None and claimed.kid in (None, each.id)
    ]


def _known(tx: Transaction, asked: LookUp) -> Session | None:
    session_id = tx.sessions.look_up(asked).session_id
    return None if session_id is None else tx.sessions.get(session_id)


def _good(tx: Transaction, asked: LookUp, now: datetime) -> Proven | None:
    record = tx.sessions.look_up(asked).record
    if record is None or record.kind is not Kind.SERVICE or record.superseded:
        return None
    if is_past_absolute(now, record.expires_at):
        return None
    credential, service = tx.sessions.get(record.session_id), tx.services.get(record.user_id)
    return None if credential is None or service is None else Proven(service, credential)
