"""Which service may follow the feed: asked at every poll, so answered from memory while it can be."""

from collections.abc import Callable
from hashlib import sha256
from secrets import token_bytes
from typing import Final, NamedTuple

from coatcheck.auth.opened import Opened
from coatcheck.auth.services import Services
from coatcheck.authority import LookUp
from coatcheck.errors import AccessDenied, ServiceRefused
from coatcheck.model.identifiers import random_part
from coatcheck.model.principal import CarriedBy, Kind
from coatcheck.model.record import Record
from coatcheck.model.service import Service
from coatcheck.revocation.credential import Credential
from coatcheck.revocation.replica import Verdict
from coatcheck.stores.port import Transaction
from coatcheck.tokens.jwt import JWT_START

_MOST_REMEMBERED: Final = 10_000


class _Admitted(NamedTuple):
    """A secret that opened the feed: the id of its row, and what the replica tests it by. ``ask_at`` is when the store
    is asked again, in seconds of the wall clock."""

    credential_id: str
    credential: Credential
    ask_at: float


class Admission:
    """Lets services in whose ``feed`` is on. What it remembers of a secret is held against the replica like any other
    record: a secret that was revoked, or a service that was changed, is refused from the next poll on."""

    def __init__(self, opened: Opened, services: Services, audience: Callable[[], str]) -> None:
        self._opened = opened
        self._services = services
        self._audience = audience
        self._key = token_bytes(32)
        self._admitted: dict[bytes, _Admitted] = {}

    async def admit(self, presented: bytes) -> str:
        """The id of the credential by which a service was let in: a secret, or an access token for the feed.

        Raises the CredentialRefused that fits, AccessDenied for a service that may not follow, CheckingStale or
        StoreUnavailable when nothing can be decided now.
        """
        running = self._opened.running
        if presented.startswith(JWT_START):  # only a service whose feed is on is given one for this audience
            principal = (await running.recall.check(presented, CarriedBy.HEADER, self._audience())).principal
            if principal.kind is not Kind.SERVICE:
                raise ServiceRefused
            return principal.session_id
        name = sha256(self._key + presented).digest()
        now = self._opened.ready.now().timestamp()
        known = self._admitted.get(name)
        if known is None or now >= known.ask_at or not self._is_good(known.credential):
            known = await self._ask(presented, name, now)
        running.checker.seen[known.credential_id] = now
        return known.credential_id

    def _is_good(self, credential: Credential) -> bool:
        """True while memory may decide: it passes the test, and the lease, looked at last, holds."""
        running = self._opened.running
        return running.replica.test(credential) is Verdict.ADMITTED and running.checker.is_trusted()

    async def _ask(self, presented: bytes, name: bytes, now: float) -> _Admitted:
        principal = await self._services.authenticate(presented.decode("latin-1"))
        asked = LookUp(session_id=principal.session_id)

        def work(tx: Transaction) -> tuple[Record | None, Service | None]:
            record = tx.sessions.look_up(asked).record
            return record, None if record is None else tx.services.get(record.user_id)

        record, service = await self._opened.ready.store.read(work)
        if record is None or service is None:
            raise ServiceRefused
        if not service.feed:
            raise AccessDenied("This service may not follow the feed: its `feed` is off.")
        admitted = _Admitted(
            record.session_id,
            Credential.of(record, random_part),
            min(now + self._opened.ready.settings.tokens.access_for.total_seconds(), record.expires_at.timestamp()),
        )
        if len(self._admitted) >= _MOST_REMEMBERED:
            self._admitted.clear()
        self._admitted[name] = admitted
        return admitted
