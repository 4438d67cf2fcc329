"""A service that has proven itself gets an access token of its own (RFC 6749 §4.4, ``client_credentials``)."""

from datetime import datetime

from msgspec import Struct

from coatcheck.errors import FieldError, RequestInvalid, ServiceRefused
from coatcheck.feed import feed_audience
from coatcheck.flows.parts.credentials import sign
from coatcheck.flows.parts.means import Means
from coatcheck.model.service import Service
from coatcheck.sessions.grant import grant_service


class ServiceToken(Struct, frozen=True, kw_only=True):
    """What a service gets: never a refresh token, since it can ask again."""

    access_token: str
    expires_at: datetime
    scopes: tuple[str, ...]

    def __repr__(self) -> str:
        return "ServiceToken(…)"


async def issue_service_token(
    means: Means, credential_id: str, *, audience: str | None = None, scope: str | None = None
) -> ServiceToken:
    """Issue a token for one of the service's own audiences, with its own scopes or some of them (``scope``, parted by
    spaces).

    Raises RequestInvalid for an audience or a scope that is not the service's, ServiceRefused when service or
    credential is no longer good.
    """
    now = means.now()
    granted = await means.store.write(lambda tx: grant_service(tx, credential_id, now))
    if granted is None:
        raise ServiceRefused
    service = granted.service
    audiences = (_audience(service, audience, means.settings.issuer),)
    scopes = _scopes(service, scope)
    access_token, expires_at = sign(
        means,
        granted,
        audiences=audiences,
        subject=service.id,
        version=service.version,
        client_id=service.id,
        scopes=scopes,
    )
    return ServiceToken(access_token=access_token, expires_at=expires_at, scopes=scopes)


def _audience(service: Service, asked: str | None, issuer: str) -> str:
    if asked is None and len(service.audiences) == 1:
        return service.audiences[0]
    chosen = issuer if asked is None else asked
    if chosen == feed_audience(issuer):  # opens the feed: a matter of ``feed`` alone
        if service.feed:
            return chosen
        raise RequestInvalid([FieldError("audience", "This service's `feed` is off.")], "This service's feed is off.")
    if chosen not in service.audiences:
        reason = (
            "Name one of this service's audiences." if asked is None else "This is none of the service's audiences."
        )
        raise RequestInvalid([FieldError("audience", reason)], reason)
    return chosen


def _scopes(service: Service, asked: str | None) -> tuple[str, ...]:
    wanted = service.scopes if asked is None else tuple(dict.fromkeys(filter(None, asked.split(" "))))
    if not set(wanted) <= set(service.scopes):
        reason = "This scope is none of the service's."
        raise RequestInvalid([FieldError("scope", reason)], reason)
    return tuple(sorted(wanted))
