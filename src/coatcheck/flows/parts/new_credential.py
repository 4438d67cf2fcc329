"""The row of a credential that no person types: an API key, or a secret or public key of a service."""

from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from coatcheck.authority import LookUp
from coatcheck.errors import DataConflict, FieldError, RequestInvalid
from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.model.identifiers import API_KEY, CREDENTIAL, new_identifier
from coatcheck.model.principal import Kind
from coatcheck.model.session import NEVER, NEVER_IDLE, Carry, Session
from coatcheck.stores.port import Transaction
from coatcheck.tokens.opaque import digest
from coatcheck.tokens.public_key import read_public_key
from coatcheck.tokens.weak_keys import KeyRefused

MOST: Final = {Kind.API_KEY: 50, Kind.SERVICE: 10}
"""How many a person or a service may have at a time."""


class NewCredential(Struct, frozen=True, kw_only=True):
    """A credential that was just made. ``secret`` is told once and kept nowhere; None where there is a public key."""

    credential: Session
    secret: str | None

    def __repr__(self) -> str:
        return f"NewCredential({self.credential.id})"


def compose_credential(
    means: Means,
    kind: Kind,
    owner_id: str,
    *,
    name: str,
    expires_at: datetime | None,
    client: Client,
    scopes: tuple[str, ...] = (),
    audiences: tuple[str, ...] = (),
    public_key: str | None = None,
) -> NewCredential:
    """Make a secret, or read the public key; nothing is stored yet. Raises RequestInvalid."""
    now = means.now()
    if expires_at is not None and not now < expires_at < NEVER:  # else some zone's year 10,000: no store reads it back
        raise RequestInvalid([FieldError("expires_at", "This must lie in the future, before the year 9999.")])
    secret, pem = None, None
    if public_key is None:
        secret = (means.api_keys if kind is Kind.API_KEY else means.service_secrets).issue()
        digested = digest(secret.encode("ascii"))
    else:
        try:
            _, pem, digested = read_public_key(public_key)
        except KeyRefused as fault:
            raise RequestInvalid([FieldError("public_key", f"Not accepted: {fault}.")]) from None
    row = Session(
        id=new_identifier(API_KEY if kind is Kind.API_KEY else CREDENTIAL),
        user_id=owner_id,
        carry=Carry.HEADER,
        secret_digest=digested,
        stepped_at=now,
        everything_generation=0,
        created_at=now,
        authenticated_at=now,
        seen_at=now,
        expires_at=NEVER if expires_at is None else expires_at,
        idle_for=NEVER_IDLE,
        amr=(),
        audiences=audiences,
        address=client.address,
        kind=kind,
        name=name.strip(),
        scopes=scopes,
        public_key=pem,
    )
    return NewCredential(credential=row, secret=secret)


def add_credential(tx: Transaction, row: Session) -> Session:
    """Store it under the everything-generation in force, if there is room. The owner is locked by the caller.

    Raises DataConflict when there is none; RequestInvalid for a public key that is known already.
    """
    if tx.sessions.count_live_of(row.user_id, row.kind) >= MOST[row.kind]:
        raise DataConflict(f"There are {MOST[row.kind]} already. Revoke one that is not used any more.")
    if row.public_key is not None and tx.sessions.look_up(LookUp(digest=row.secret_digest)).session_id is not None:
        raise RequestInvalid([FieldError("public_key", "This key is known already. Make a new pair.")])
    issued: Session = structs.replace(row, everything_generation=tx.log.head().everything_generation)
    tx.sessions.add(issued)
    return issued
