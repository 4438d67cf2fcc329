"""A cookie is renewed in passing."""

from coatcheck.flows.parts.credentials import mint
from coatcheck.flows.parts.means import Means
from coatcheck.model.login import Credentials, Login
from coatcheck.model.session import Carry
from coatcheck.sessions.rotate import renew_in_passing


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
