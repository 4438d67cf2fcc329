"""A client exchanges its refresh token for the next one and a new access token."""

from coatcheck.errors import SessionEnded, SessionExpired, TokenOutdated, TokenReplayed
from coatcheck.flows.parts.credentials import rotated
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.new_session import require_audience
from coatcheck.model.client import Client
from coatcheck.model.login import Login
from coatcheck.sessions.rotate import Standstill, rotate_refresh
from coatcheck.stores.port import Committed


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
