"""Whoever holds a token says that it is not to count any more (RFC 7009).

A refresh or session token ends its login, an API key itself. An access token is refused from now on, with all others of
its login, which goes on. Tokens of services are for these services to revoke; a service's secret also for whoever has
it, since nobody but the service should.
"""

from coatcheck.authority import LookUp
from coatcheck.errors import TokenInvalid
from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.model.principal import Kind
from coatcheck.model.session import Ending, Session
from coatcheck.sessions.end import end_session
from coatcheck.sessions.refuse_access import refuse_access
from coatcheck.stores.port import Committed, Transaction
from coatcheck.tokens.claims import AccessClaims
from coatcheck.tokens.opaque import digest
from coatcheck.tokens.refresh import REFRESH_START


async def revoke_token(
    means: Means,
    token: bytes,
    claims: AccessClaims | None,
    *,
    service_id: str | None,
    client: Client,
    wait: bool = False,
) -> Committed[bool] | None:
    """Revoke ``token``. ``claims`` are its own where it is an access token that one of our keys signed. ``service_id``
    is who asks, None for somebody who just holds it. The result is whether anything was revoked: what is unknown, over,
    or somebody else's is left alone without a word. None for what we never made: nobody writes anything, and has every
    checker awaited, by inventing tokens.
    """
    now = means.now()
    asked = None if claims is not None else _named(means, token)
    if claims is None and asked is None:
        return None

    def work(tx: Transaction) -> bool:
        session = _found(tx, asked) if claims is None else tx.sessions.get(claims.sid)
        if session is None or not _is_theirs(session, service_id, by_secret=claims is None):
            return False
        if claims is None:
            ending = Ending.LOGOUT if session.kind is Kind.USER else Ending.REVOKED
            actor = service_id or session.user_id
            return end_session(tx, session.id, at=now, ending=ending, actor_id=actor, address=client.address)
        held = _held(tx, session)
        return held is not None and refuse_access(
            tx, held, generation=claims.gen, at=now, actor_id=session.user_id, address=client.address
        )

    return await means.commit(work, wait=wait)


def _named(means: Means, token: bytes) -> LookUp | None:
    if token.startswith(REFRESH_START):
        try:
            return LookUp(session_id=means.refresh_tokens.read(token).session_id)
        except TokenInvalid:
            return None
    is_ours = any(tokens.is_genuine(token) for tokens in (means.session_tokens, means.api_keys, means.service_secrets))
    return LookUp(digest=digest(token)) if is_ours else None


def _found(tx: Transaction, asked: LookUp | None) -> Session | None:
    if asked is None:
        return None
    session_id = tx.sessions.look_up(asked).session_id
    return None if session_id is None else tx.sessions.get(session_id)


def _is_theirs(session: Session, service_id: str | None, *, by_secret: bool) -> bool:
    if service_id is not None:
        return session.user_id == service_id
    return by_secret or session.kind is not Kind.SERVICE


def _held(tx: Transaction, session: Session) -> Session | None:
    if session.kind is Kind.SERVICE:
        tx.services.lock(session.user_id)
    else:
        tx.users.lock(session.user_id)
    return tx.sessions.lock(session.id)
