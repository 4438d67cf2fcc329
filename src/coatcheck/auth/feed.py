"""The revocation feed for services that hold no database: ``auth.feed`` (rule 16 of ``docs/revocation.md``).

Nothing that matters is kept here: whichever server is asked next can answer. A registration is a row of the registry,
bound to the credential that asked; what this process remembers only spares it reads.
"""

import asyncio
from hmac import digest
from typing import Final, NamedTuple

from msgspec import structs

from coatcheck.auth.admission import Admission
from coatcheck.auth.opened import Opened
from coatcheck.auth.services import Services
from coatcheck.authority import Answer, Delta, Question, Snapshot, Unregistered
from coatcheck.errors import RegistrationUnknown, ServiceRefused
from coatcheck.feed import feed_audience
from coatcheck.model.position import Position
from coatcheck.model.service import Service
from coatcheck.stores.authority import Late
from coatcheck.stores.port import Transaction
from coatcheck.tokens.derivation import DerivedKey
from coatcheck.upkeep.follow import Follower
from coatcheck.upkeep.shared_reads import SharedReads

PURPOSE: Final = "names in the feed"
"""What the key of the names is derived for."""
_MOST_RECORDED: Final = 100_000


class Ticket(NamedTuple):
    """A registration as a service knows it: its number, and the id of the secret that its names are made under.

    The id is there so that servers which do not have the same newest secret yet keep to one key for one subscriber.
    """

    number: str
    key_id: str

    def __str__(self) -> str:
        return f"{self.number}.{self.key_id}"

    @classmethod
    def read(cls, text: str) -> "Ticket":
        """Read what ``str`` wrote; of anything else something that nobody was given."""
        number, _, key_id = text.partition(".")
        return cls(number, key_id)


class Told(NamedTuple):
    """An answer to a service, under the registration and the key of names that go with it."""

    registration: str
    key: bytes
    answer: Delta | Snapshot

    def __repr__(self) -> str:
        return f"Told({self.registration!r}, …)"


class Feed:
    """What a service's subscribers ask. ``admit`` says which ``credential`` asks; everything else is for that one."""

    def __init__(self, opened: Opened, services: Services) -> None:
        self._opened = opened
        self._admission = Admission(opened, services, lambda: feed_audience(opened.ready.settings.issuer))
        self._reads = SharedReads(lambda questions: opened.authority.sync_all(questions))
        self._waiting: dict[asyncio.Future[None], None] = {}  # woken in the order in which they came
        self._recorded: dict[str, Position | None] = {}
        self._heard_from: Follower | None = None
        self._rung = 0

    @property
    def waiting(self) -> int:
        """How many questions are held until there is something new."""
        return len(self._waiting)

    async def admit(self, presented: bytes) -> str:
        """The id of the credential by which a service may follow: its secret, or an access token for the feed.

        Raises the CredentialRefused that fits, AccessDenied for a service whose ``feed`` is off, CheckingStale,
        StoreUnavailable.
        """
        return await self._admission.admit(presented)

    async def register(self, credential: str, *, name: str, accept_ms: int | None) -> str:
        """Commit a registration; ask with it afterwards (rule 3). Receipts call the subscriber by the service's own
        name, which no service can choose, and ``name``.

        Raises AttemptsExceeded when this credential has as many as it may, StoreUnavailable.
        """
        service = await self._opened.ready.store.read(lambda tx: _service_of(tx, credential))
        if service is None:
            raise ServiceRefused
        number = await self._opened.authority.register(f"{service.name} {name}".strip(), accept_ms, credential)
        return str(Ticket(number, self._opened.secrets.current(PURPOSE).id))

    async def ask(
        self, credential: str, question: Question, *, hold: float = 0.0, gone: "asyncio.Future[None] | None" = None
    ) -> Told:
        """Answer from one read that began after this call; hold the answer for ``hold`` seconds, and a fifth of the
        lease at most, until there is something new. When ``gone`` is done, nobody waits for it any more.

        Raises RegistrationUnknown (also for another credential's registration), StoreUnavailable.
        """
        ticket = Ticket.read(question.registration)
        key = self._opened.secrets.by_id(PURPOSE, ticket.key_id)
        if key is None:
            raise RegistrationUnknown
        question = structs.replace(question, registration=ticket.number, credential=credential)
        loop = asyncio.get_running_loop()
        until = loop.time() + min(hold, self._opened.running.subscriber.lease.length / 5)
        self._attend()
        rung = self._rung
        if self._knows_all(question):
            await self._news(rung, until, gone)
            rung = self._rung
        answer = await self._ask(question)
        while _has_no_news(answer, question) and loop.time() < until:
            await self._news(rung, until, gone)
            rung = self._rung
            answer = await self._ask(question)
        if isinstance(answer, Unregistered):
            raise RegistrationUnknown
        return Told(str(ticket), _own(key, credential), answer)

    async def goodbye(self, credential: str, registration: str) -> None:
        """Delete a registration, if it is this credential's own. Raises StoreUnavailable."""
        number = Ticket.read(registration).number
        self._recorded.pop(number, None)
        await self._opened.authority.goodbye(number, credential)

    async def _ask(self, question: Question) -> Answer:
        answer = await self._reads.ask(question)
        if isinstance(answer, Late):
            answer = await self._opened.authority.sync_late(question, answer)
        if len(self._recorded) >= _MOST_RECORDED:
            self._recorded.clear()
        if isinstance(answer, Unregistered):
            self._recorded.pop(question.registration, None)
        else:
            self._recorded[question.registration] = question.applied
        return answer

    def _knows_all(self, question: Question) -> bool:
        """True when, as far as this process knows, there is nothing to tell and nothing to record. A hint: whatever is
        held back so is read from the store before it is answered."""
        replica = self._opened.running.replica
        return (
            question.applied is not None
            and (question.applied, question.event_id) == (replica.position, replica.event_id)
            and self._recorded.get(question.registration) == question.applied
        )

    def _attend(self) -> None:
        """Be woken by this process's bell, and once more when its own follower knows what it rang for: a question that
        comes in between may seem to know everything."""
        follower = self._opened.running.follower
        if follower is not self._heard_from:
            self._heard_from = follower
            follower.ring_too(self._wake)
            follower.listen(self._wake)

    async def _news(self, rung: int, until: float, gone: "asyncio.Future[None] | None") -> None:
        """Wait until the bell has rung since ``rung`` was noted, ``until`` has come, or the subscriber has gone."""
        if self._rung != rung:
            return
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        self._waiting[woken] = None
        try:
            waited_for = {woken} if gone is None else {woken, gone}
            await asyncio.wait(waited_for, timeout=max(0.0, until - loop.time()), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.pop(woken, None)
        if gone is not None and gone.done():
            raise ConnectionAbortedError

    def _wake(self) -> None:
        self._rung += 1
        for woken in self._waiting:
            if not woken.done():
                woken.set_result(None)
        self._waiting.clear()


def _service_of(tx: Transaction, credential: str) -> Service | None:
    row = tx.sessions.get(credential)
    return None if row is None else tx.services.get(row.user_id)


def _own(key: DerivedKey, credential: str) -> bytes:
    return digest(key.key, credential.encode("utf-8"), "sha256")


def _has_no_news(answer: Answer, question: Question) -> bool:
    return isinstance(answer, Delta) and not answer.events and answer.head.position == question.applied
