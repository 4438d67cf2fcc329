"""The row of a new session: what every way of logging in has in common."""

from datetime import datetime

from coatcheck.errors import FieldError, RequestInvalid
from coatcheck.flows.parts.credentials import Secret
from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.model.session import Carry, Session
from coatcheck.model.user import User


def new_session(
    means: Means,
    user: User,
    *,
    session_id: str,
    secret: Secret,
    carry: Carry,
    remember: bool,
    audience: str | None,
    client: Client,
    everything_generation: int,
    now: datetime,
) -> Session:
    """Compose the session; its limits come from the settings and ``remember``."""
    limits = means.settings.sessions
    absolute = limits.remembered_absolute_after if remember else limits.absolute_after
    idle = limits.remembered_idle_after if remember else limits.idle_after
    return Session(
        id=session_id,
        user_id=user.id,
        carry=carry,
        secret_digest=secret.digest,
        stepped_at=now,
        everything_generation=everything_generation,
        created_at=now,
        authenticated_at=now,
        seen_at=now,
        expires_at=now + absolute,
        idle_for=idle,
        remember=remember,
        audiences=(audience,) if audience else (),
        device=client.device[:100],
        address=client.address,
    )


def require_audience(means: Means, audience: str | None) -> None:
    """Refuse an audience that the settings don't list. Raises RequestInvalid."""
    allowed = (means.settings.issuer, *means.settings.tokens.audiences)
    if audience is not None and audience not in allowed:
        raise RequestInvalid([FieldError("audience", "This audience is not offered here.")])
