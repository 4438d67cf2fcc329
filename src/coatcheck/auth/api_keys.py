"""``auth.api_keys``: what people give to programs that act for them."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import structs

from coatcheck.auth.opened import Opened
from coatcheck.flows.create_api_key import create_api_key
from coatcheck.flows.parts.new_credential import NewCredential
from coatcheck.flows.revoke_api_key import revoke_api_key
from coatcheck.model.client import Client
from coatcheck.model.expiry import is_past_absolute
from coatcheck.model.principal import Kind, Principal
from coatcheck.model.receipt import Receipt
from coatcheck.model.session import Session


class ApiKeys:
    """API keys. Each acts for its owner with its own scopes, and with none of the owner's roles."""

    __slots__ = ("_opened",)

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    async def create(
        self,
        owner: Principal | str,
        name: str,
        *,
        scopes: Sequence[str] = (),
        audience: str | None = None,
        expires_at: datetime | None = None,
        actor_id: str | None = None,
        client: Client = Client(),
    ) -> NewCredential:
        """Make a key for ``owner``: the person who asks, or the id of one. Its ``secret`` is told here and never again.

        ``scopes`` are among ``settings.tokens.api_key_scopes``; ``audience`` is whose services may ask about it. It
        lasts until ``expires_at``, until it is revoked, or until its owner is suspended, compromised or deleted. Raises
        AccessDenied for a machine, RequestInvalid, RequestNotFound, SessionEnded, DataConflict for too many.
        """
        asks = owner if isinstance(owner, Principal) else None
        owner_id = owner if isinstance(owner, str) else owner.require_person()
        committed = await create_api_key(
            self._opened.ready,
            owner_id,
            name=name,
            scopes=tuple(scopes),
            audience=audience,
            expires_at=expires_at,
            session_id=None if asks is None else asks.session_id,
            actor_id=owner_id if asks is not None else actor_id,
            client=client,
        )
        return committed.result

    async def of(self, user_id: str) -> Sequence[Session]:
        """A person's keys that are good, the newest first; ``seen_at`` is when each was last used."""
        return self._current(await self._opened.ready.store.read(lambda tx: tx.sessions.live_of(user_id, Kind.API_KEY)))

    async def page(self, *, after: str | None = None, limit: int = 50) -> Sequence[Session]:
        """Everybody's keys that have not been ended, in order of id, after the one with id ``after``."""
        return await self._opened.ready.store.read(
            lambda tx: tx.sessions.live_page(Kind.API_KEY, after=after, limit=limit)
        )

    async def revoke(
        self,
        key_id: str,
        *,
        user_id: str | None = None,
        actor_id: str | None = None,
        client: Client = Client(),
        wait: bool = False,
    ) -> Receipt | None:
        """Revoke a key; with ``user_id`` only one of that person. Raises RequestNotFound."""
        committed = await revoke_api_key(
            self._opened.ready, key_id, user_id=user_id, actor_id=actor_id, client=client, wait=wait
        )
        return await self._opened.enforce(committed, wait=wait)

    def _current(self, keys: Sequence[Session]) -> Sequence[Session]:
        now, seen = self._opened.ready.now(), self._opened.running.checker.last_seen
        return [
            structs.replace(key, seen_at=seen(key.id, key.seen_at))
            for key in keys
            if not is_past_absolute(now, key.expires_at)
        ]
