"""A client exchanges what it holds for something newer: a refresh token, a session token for an access token, a cookie
in passing."""

from coatcheck.errors import SessionEnded, SessionExpired, TokenOutdated, TokenReplayed
from coatcheck.flows.begin import require_audience
from coatcheck.flows.credentials import Credentials, Login, access_token_for, mint, rotated
from coatcheck.flows.means import Committed, Means
from coatcheck.model.client import Client
from coatcheck.model.session import Carry
from coatcheck.sessions.grant import grant_again
from coatcheck.sessions.rotate import Standstill, renew_in_passing, rotate_refresh


async def refresh(
    means: Means, refresh_token: str, *, audience: str | None = None, client: Client
) -> Committed[Login | Standstill]:
    """Exchange a refresh token for its successor and an access token.

    A Standstill is returned, not raised: when it is a replay the session has been ended, and that has to take effect at
    home before anybody is refused (``refuse`` raises it then). Raises TokenInvalid for what is no refresh token of
    ours.
    """
    presented = means.refresh_tokens.read(refresh_token)
    require_audience(means, audience)
    now = means.now()
    limits = means.settings.sessions
    committed = await means.commit(
        lambda tx: rotate_refresh(
            tx,
            means.refresh_tokens,
            presented,
            now=now,
            grace=limits.grace,
            flush_interval=limits.flush_touches_every,
            address=client.address,
        )
    )
    stepped = committed.result
    if isinstance(stepped, Standstill):
        return committed.but(stepped)
    return committed.but(rotated(means, stepped.grant, stepped.refresh_token, audience))


def refuse(standstill: Standstill) -> SessionEnded | SessionExpired | TokenOutdated | TokenReplayed:
    """The error that tells a client why its refresh token opened nothing."""
    match standstill:
        case Standstill.ENDED:
            return SessionEnded()
        case Standstill.EXPIRED:
            return SessionExpired()
        case Standstill.REPLACED:
            return TokenOutdated()
        case Standstill.REPLAYED:
            return TokenReplayed()


async def exchange_session(
    means: Means, session_id: str, generation: int, *, audience: str | None = None
) -> Credentials:
    """An access token for the holder of a session token: the same login, for another carrier.

    ``generation`` is that of the session token. Raises SessionEnded, also when it was replaced meanwhile.
    """
    require_audience(means, audience)
    now = means.now()
    granted = await means.store.write(lambda tx: grant_again(tx, session_id, generation, now))
    if granted is None:
        raise SessionEnded
    access_token, access_expires_at = access_token_for(means, granted, audience)
    return Credentials(
        access_token=access_token, access_expires_at=access_expires_at, expires_at=granted.session.expires_at
    )


async def renew_cookie(means: Means, session_id: str, presented_digest: bytes) -> Login | None:
    """Replace a cookie's secret in passing, so that a stolen copy does not live for weeks. None when another request
    was first, or the session is over: then the client keeps what it has."""
    session = await means.store.read(lambda tx: tx.sessions.get(session_id))
    if session is None or session.carry is not Carry.COOKIE:
        return None
    secret = mint(means, session.carry, session_id, session.step + 1)
    now = means.now()
    granted = await means.store.write(
        lambda tx: renew_in_passing(
            tx, session_id, presented_digest=presented_digest, secret_digest=secret.digest, now=now
        )
    )
    if granted is None:
        return None
    credentials = Credentials(session_token=secret.text, expires_at=granted.session.expires_at)
    return Login(user=granted.user, session=granted.session, credentials=credentials)
