"""Somebody on the way drops, repeats, reorders or holds back what a checker is told.

FD-01, FD-02, FD-05, FD-08, FD-20: it decides alone only while it has heard everything, and lately.
"""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from coatcheck.authority import Answer, Delta
from coatcheck.model.event import SessionEnded
from coatcheck.model.identifiers import SESSION, new_identifier, random_part
from coatcheck.revocation.credential import Credential
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica, Verdict
from coatcheck.revocation.subscriber import Flight, Heard, Subscriber
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.memory.store import MemoryStore

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Wire:
    """A checker, the store behind it, and what goes between them in the hands of an attacker."""

    async def open(self) -> "Wire":
        """Register the checker and let it hear the first answer."""
        self.store = MemoryStore()
        await self.store.open()
        self.authority = StoreAuthority(self.store, lambda: NOW)
        self.checker = Subscriber(Replica(1000), Lease())
        self.checker.registered(await self.authority.register("checker", None))
        assert self.checker.hear(*await self.ask(0.0)) is Heard.CURRENT
        return self

    async def ask(self, at: float) -> tuple[Flight, Answer]:
        """A question at ``at``, and the honest answer."""
        flight = self.checker.ask(at, at)
        return flight, await self.authority.sync(flight.question)

    async def end(self) -> Credential:
        """End a session; return a credential of it from before."""
        session_id, position = new_identifier(SESSION), self.checker.replica.position
        assert position is not None
        await self.store.write(lambda tx: tx.log.append(SessionEnded(session_id)))
        return Credential(
            session=random_part(session_id), user=bytes(16), generation=1, version=1, everything=1, stamp=position
        )

    def accepts(self, credential: Credential, at: float) -> bool:
        """True when the checker would let it in by itself."""
        passes = self.checker.replica.test(credential) is Verdict.ADMITTED
        return passes and self.checker.lease.holds(at, at)


async def test_an_answer_that_was_dropped_is_made_good_by_the_next():
    wire = await Wire().open()
    ended = await wire.end()
    await wire.ask(1.0)  # lost
    assert not wire.accepts(ended, 5.0)  # the old lease has run out
    assert wire.checker.hear(*await wire.ask(5.5)) is Heard.CURRENT
    assert not wire.accepts(ended, 5.6)


@pytest.mark.parametrize("missing", [0, 1, 2])
async def test_an_answer_from_which_an_event_was_taken_grants_nothing(missing: int):
    wire = await Wire().open()
    ended = [await wire.end() for _ in range(3)]
    flight, answer = await wire.ask(4.0)
    assert isinstance(answer, Delta)
    events = tuple(event for number, event in enumerate(answer.events) if number != missing)
    assert wire.checker.hear(flight, structs.replace(answer, events=events)) in (Heard.REFUSED, Heard.PARTIAL)
    assert not wire.accepts(ended[missing], 5.0)
    assert wire.checker.hear(*await wire.ask(5.5)) is Heard.CURRENT
    assert not any(wire.accepts(each, 5.6) for each in ended)


async def test_answers_that_come_twice_or_in_another_order_take_nothing_back():
    wire = await Wire().open()
    older = await wire.ask(1.0)
    ended = await wire.end()
    newer = await wire.ask(2.0)
    assert wire.checker.hear(*newer) is Heard.CURRENT
    assert wire.checker.hear(*older) is Heard.OVERTAKEN  # its head lies behind what is known
    assert wire.checker.hear(*newer) is Heard.CURRENT
    assert not wire.accepts(ended, 2.5)
    assert wire.checker.lease.until == 7.0


async def test_an_answer_that_was_held_back_is_as_old_as_its_question():
    wire = await Wire().open()
    held = await wire.ask(1.0)
    ended = await wire.end()
    assert wire.checker.hear(*held) is Heard.CURRENT  # it comes 29 s late, and says nothing of the ending
    assert not wire.accepts(ended, 30.0)
    assert wire.checker.lease.until == 6.0


async def test_an_answer_to_an_earlier_registration_is_dropped():
    wire = await Wire().open()
    earlier = await wire.ask(1.0)
    ended = await wire.end()
    wire.checker.registered(await wire.authority.register("checker", None))
    assert wire.checker.hear(*earlier) is Heard.DROPPED
    assert not wire.accepts(ended, 1.5)


async def test_an_ending_is_heard_before_the_session_was_ever_seen_here():
    wire = await Wire().open()
    ended = await wire.end()
    wire.checker.hear(*await wire.ask(1.0))
    assert wire.checker.replica.test(ended) is Verdict.SESSION_ENDED
