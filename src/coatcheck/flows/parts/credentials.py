"""What the client gets to hold, made from the truth that a transaction found (rule 12)."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from coatcheck.errors import StoreUnavailable
from coatcheck.flows.parts.means import Means
from coatcheck.model.identifiers import new_identifier
from coatcheck.model.login import Credentials, Login
from coatcheck.model.principal import API_KEY_CLIENT, Kind
from coatcheck.model.session import Carry, Session
from coatcheck.sessions.grant import Grant, ServiceGrant
from coatcheck.sessions.renew import renew_session
from coatcheck.stores.port import Transaction
from coatcheck.tokens.claims import AccessClaims
from coatcheck.tokens.opaque import digest
from coatcheck.tokens.refresh import RefreshToken

FIRST_PARTY: Final = "coatcheck"
"""The ``client_id`` of a person's own clients; RFC 9068 requires one."""


class Secret(Struct, frozen=True):
    """A fresh secret of a session, in the form that its ``carry`` wants, and the digest that the store keeps."""

    text: str
    digest: bytes

    def __repr__(self) -> str:
        return "Secret(…)"


def mint(means: Means, carry: Carry, session_id: str, step: int) -> Secret:
    """Make the first secret of a session, or the first after all were replaced."""
    if carry.uses_refresh:
        first = means.refresh_tokens.first(session_id, step)
        return Secret(first.text, first.digest)
    text = means.session_tokens.issue()
    return Secret(text, digest(text.encode()))


def renew_credentials(
    means: Means, tx: Transaction, session_id: str, *, expected_version: int, now: datetime
) -> tuple[Grant, str] | None:
    """Replace every credential of a session inside ``tx``; returns the truth and the new secret. None as
    ``renew_session``."""
    minted: list[str] = []

    def fresh(session: Session) -> bytes:
        secret = mint(means, session.carry, session.id, session.step)
        minted.append(secret.text)
        return secret.digest

    granted = renew_session(tx, session_id, mint=fresh, expected_version=expected_version, now=now)
    return None if granted is None else (granted, minted[-1])


def login_from(means: Means, granted: Grant, secret: str) -> Login:
    """Turn the truth and the secret that was stored for it into what the client gets."""
    session = granted.session
    if not session.carry.uses_refresh:
        credentials = Credentials(session_token=secret, expires_at=session.expires_at)
    else:
        access_token, access_expires_at = access_token_for(means, granted)
        credentials = Credentials(
            access_token=access_token,
            refresh_token=secret,
            access_expires_at=access_expires_at,
            expires_at=session.expires_at,
        )
    return Login(user=granted.user, session=session, credentials=credentials)


def rotated(means: Means, granted: Grant, token: RefreshToken, audience: str | None) -> Login:
    """The login after a refresh: the successor, and a new access token for ``audience``."""
    access_token, access_expires_at = access_token_for(means, granted, audience)
    credentials = Credentials(
        access_token=access_token,
        refresh_token=token.text,
        access_expires_at=access_expires_at,
        expires_at=granted.session.expires_at,
    )
    return Login(user=granted.user, session=granted.session, credentials=credentials)


def access_token_for(
    means: Means, granted: Grant, audience: str | None = None, until: datetime | None = None
) -> tuple[str, datetime]:
    """Sign an access token (RFC 9068) for a grant; also returns when it expires, no later than ``until``.

    One that stands for an API key has that key's scopes, and none of its owner's roles. Raises as ``sign`` does.
    """
    session, user = granted.session, granted.user
    is_key = session.kind is Kind.API_KEY
    return sign(
        means,
        granted,
        audiences=(audience,) if audience else session.audiences or (means.settings.issuer,),
        subject=user.id,
        version=user.version,
        client_id=API_KEY_CLIENT if is_key else FIRST_PARTY,
        scopes=session.scopes,
        roles=() if is_key else user.roles,
        until=until,
    )


def sign(
    means: Means,
    granted: Grant | ServiceGrant,
    *,
    audiences: tuple[str, ...],
    subject: str,
    version: int,
    client_id: str,
    scopes: tuple[str, ...],
    roles: tuple[str, ...] = (),
    until: datetime | None = None,
) -> tuple[str, datetime]:
    """Sign what a transaction has granted; also returns when it expires.

    ``iat`` is the instant noted before the transaction, ``exp`` no later than the session's end (rule 12) and than
    ``until``. Raises StoreUnavailable when there is no signing key: a store that has just been opened makes one within
    moments.
    """
    if granted.signing_key is None:
        raise StoreUnavailable
    session, settings = granted.session, means.settings
    issued_at = granted.issued_at.replace(microsecond=0)
    expires_at = min(issued_at + settings.tokens.access_for, session.expires_at.replace(microsecond=0))
    if until is not None:
        expires_at = min(expires_at, until.replace(microsecond=0))
    claims = AccessClaims(
        iss=settings.issuer,
        aud=audiences[0] if len(audiences) == 1 else audiences,
        sub=subject,
        exp=int(expires_at.timestamp()),
        iat=int(issued_at.timestamp()),
        jti=new_identifier("jti"),
        sid=session.id,
        client_id=client_id,
        scope=" ".join(scopes),
        roles=roles,
        auth_time=int(session.authenticated_at.timestamp()),
        amr=session.amr,
        gen=session.generation,
        ver=version,
        all=granted.session.everything_generation,
        pos=str(granted.position),
    )
    return means.signers.sign(claims, granted.signing_key), expires_at
