"""The holder of a session token gets an access token beside it."""

from datetime import datetime

from coatcheck.errors import AccessDenied, SessionEnded
from coatcheck.flows.parts.credentials import access_token_for
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.new_session import require_audience
from coatcheck.model.login import Credentials
from coatcheck.model.principal import Kind
from coatcheck.sessions.grant import grant_again


async def exchange_session(
    means: Means,
    session_id: str,
    generation: int,
    *,
    audience: str | None = None,
    until: datetime | None = None,
) -> Credentials:
    """An access token for the holder of another credential: the same login, for another carrier or an upstream.

    ``generation`` is that of the credential. ``until`` is the latest that the token may expire. Raises SessionEnded,
    also when it was replaced meanwhile; AccessDenied for an API key that was made for another audience.
    """
    require_audience(means, audience)
    now = means.now()
    granted = await means.store.write(lambda tx: grant_again(tx, session_id, generation, now))
    if granted is None:
        raise SessionEnded
    only = granted.session.audiences
    if granted.session.kind is Kind.API_KEY and audience and only and audience not in only:
        raise AccessDenied("This API key was made for another audience.")
    access_token, access_expires_at = access_token_for(means, granted, audience, until)
    return Credentials(
        access_token=access_token, access_expires_at=access_expires_at, expires_at=granted.session.expires_at
    )
