"""Connections that stay open are looked at again: what ends them, what does not, and when the store is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from coatcheck.errors import AuthError, StoreUnavailable
from coatcheck.model.principal import CarriedBy
from coatcheck.model.session import Carry, Ending
from coatcheck.settings import RevocationSettings, SessionSettings
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.stores.port import Registry, Transaction
from coatcheck.testing import TestLogin
from coatcheck.tokens.opaque import digest
from coatcheck.upkeep.live import Live
from tests.host import COOKIE, Host, hosting

pytestmark = pytest.mark.anyio

Result = TypeVar("Result")
LEASE = timedelta(seconds=5)


class Deaf(MemoryStore):
    """A memory store that gives no lease, or no answer at all, or does not come back."""

    gives_no_lease = is_away = hangs = False
    looked_up = 0

    async def read(self, work: Callable[[Transaction], Result], *, needs_snapshot: bool = True) -> Result:
        self.looked_up += 1
        if self.is_away:
            raise StoreUnavailable
        if self.hangs:
            await asyncio.Event().wait()
        return await super().read(work, needs_snapshot=needs_snapshot)

    async def write_registry(self, work: Callable[[Registry], Result], *, durable: bool = True) -> Result:
        if self.gives_no_lease or self.is_away:
            raise StoreUnavailable
        return await super().write_registry(work, durable=durable)


class Open:
    """A connection as its application sees it: ``code`` is what it was ended with."""

    def __init__(self) -> None:
        self.code: str | None = None
        self._is_over = asyncio.Event()

    def end(self, error: AuthError) -> Any:
        """See ``Live``."""
        assert self.code is None
        self.code = error.code
        return self._say()

    async def _say(self) -> None:
        self._is_over.set()

    async def over(self) -> str | None:
        """What it was ended with, when that has been said."""
        async with asyncio.timeout(10):
            await self._is_over.wait()
        return self.code


@asynccontextmanager
async def opened(
    store: MemoryStore | None = None, carry: Carry = Carry.COOKIE, **settings: Any
) -> AsyncIterator[tuple[Host, TestLogin, Open]]:
    """A host, a login, and a connection that it opened."""
    async with hosting(store=store, **settings) as host:
        login = await host.log_in(carry=carry, roles=["editor"])
        yield host, login, await open_connection(host, login)


def token_of(login: TestLogin) -> bytes:
    """What the login's headers carry."""
    carried = login.headers.get("authorization") or login.headers["cookie"]
    return carried.removeprefix("Bearer ").removeprefix(f"{COOKIE}=").encode()


async def open_connection(host: Host, login: TestLogin) -> Open:
    """A connection that has just been let in."""
    connection, token = Open(), token_of(login)
    host.auth.live.add(Live(token, CarriedBy.HEADER, await host.auth.recall(token), connection.end))
    return connection


async def look(host: Host) -> None:
    """Look, and let what is asked be answered: a memory store keeps nobody waiting but for some turns of the loop."""
    host.auth.live.look()
    for _ in range(50):
        await asyncio.sleep(0)


CARRIES = pytest.mark.parametrize("carry", [Carry.COOKIE, Carry.TOKENS])


@CARRIES
async def test_an_ended_session_ends_its_connections_and_no_others(carry: Carry):
    async with opened(carry=carry) as (host, login, mine):
        again = await open_connection(host, login)
        others = [await open_connection(host, await host.log_in(who)) for who in ("ann@example.com", "ben@example.com")]
        await host.auth.end_session(login.user.id, login.session.id)
        assert [await each.over() for each in (mine, again)] == ["session.ended"] * 2
        host.auth.live.look()
        assert [each.code for each in others] == [None, None]
        assert len(host.auth.live) == 2


@CARRIES
@pytest.mark.parametrize("change", ["roles", "suspension", "everything", "deletion"])
async def test_what_refuses_a_request_ends_a_connection(carry: Carry, change: str):
    async with opened(carry=carry) as (host, login, mine):
        auth, user_id = host.auth, login.user.id
        match change:
            case "roles":
                await auth.set_roles(user_id, ())
            case "suspension":
                await auth.suspend(user_id)
            case "everything":
                await auth.end_everything(reason="a test")
            case "deletion":
                await auth.delete_user(user_id)
        codes = {"roles": ["token.outdated"], "everything": ["session.ended", "token.revoked"]}
        assert await mine.over() in codes.get(change, ["session.ended"])
        assert len(auth.live) == 0


@CARRIES
async def test_a_key_that_is_revoked_ends_what_it_signed(carry: Carry):
    async with opened(carry=carry) as (host, _, mine):
        host.auth.live.look()
        for key in await host.auth.keys():
            await host.auth.revoke_key(key.kid, reason="a test", wait=True)
        assert mine.code == (None if carry is Carry.COOKIE else "token.invalid")


@pytest.mark.parametrize(
    ("carry", "span", "code"),
    [
        (Carry.COOKIE, timedelta(hours=12), "session.expired"),
        (Carry.TOKENS, timedelta(minutes=10, seconds=30), "token.expired"),
    ],
)
async def test_a_connection_ends_with_its_credential(carry: Carry, span: timedelta, code: str):
    async with opened(carry=carry) as (host, _, mine):
        host.clock.advance(span)
        host.auth.live.look()
        assert await mine.over() == code


async def test_while_a_connection_is_open_somebody_is_there():
    async with opened() as (host, login, mine):
        for _ in range(11):
            host.clock.advance(timedelta(hours=1))  # the idle limit is two
            await host.auth.barrier()  # has the lease renewed, by this clock
            await look(host)
        assert mine.code is None
        assert (await host.client(login).get("/me")).status_code == 200


async def test_a_cookie_that_was_replaced_ends_what_it_opened_when_the_store_is_asked_again():
    async with opened(sessions=SessionSettings(renew_after=timedelta(minutes=1))) as (host, login, mine):
        host.clock.advance(timedelta(minutes=9))
        assert await host.auth.renew_cookie(login.session.id, digest(token_of(login))) is not None
        await host.auth.barrier()  # has the lease renewed, by this clock
        await look(host)
        assert mine.code is None
        host.clock.advance(timedelta(minutes=1, seconds=11))  # T, and the grace
        await host.auth.barrier()
        host.auth.live.look()
        assert await mine.over() == "token.expired"


async def test_what_the_predecessor_of_a_cookie_opened_ends_with_its_grace():
    async with opened(sessions=SessionSettings(renew_after=timedelta(minutes=1))) as (host, login, first):
        host.clock.advance(timedelta(minutes=11))
        await host.auth.barrier()  # has the lease renewed, by this clock
        assert await host.auth.renew_cookie(login.session.id, digest(token_of(login))) is not None
        second = await open_connection(host, login)
        host.clock.advance(timedelta(seconds=4))
        await look(host)
        assert (first.code, second.code) == (None, None)
        host.clock.advance(timedelta(seconds=6))
        await host.auth.barrier()
        await look(host)
        assert (first.code, second.code) == ("token.expired", "token.expired")
        answer = await host.client(login).get("/me")
        assert answer.json()["code"] == "token.expired"


async def test_without_news_nothing_is_asked():
    store = Deaf()
    async with opened(store) as (host, _, mine):
        before = store.looked_up
        for _ in range(100):
            host.auth.live.look()
        assert store.looked_up == before
        assert mine.code is None


@CARRIES
async def test_without_a_lease_the_store_is_asked_and_once_a_lease(carry: Carry):
    store = Deaf()
    async with opened(store, carry) as (host, login, mine):
        store.gives_no_lease = True
        host.clock.advance(LEASE)
        before = store.looked_up
        for _ in range(20):
            await look(host)
        assert mine.code is None
        assert store.looked_up == before + 1
        await store.write(lambda tx: tx.sessions.end(login.session.id, host.clock.now, Ending.LOGOUT))
        host.clock.advance(LEASE)
        host.auth.live.look()
        assert await mine.over() == "session.ended"


@pytest.mark.parametrize(
    ("policy", "code"), [("deny", "checking.stale"), ("online", "store.unavailable"), ("accept", None)]
)
async def test_without_a_lease_and_without_a_store_the_policy_decides(policy: str, code: str | None):
    store = Deaf()
    async with opened(store, revocation=RevocationSettings(policy=policy)) as (host, _, mine):  # type: ignore[arg-type]
        store.is_away = True
        host.clock.advance(LEASE)
        host.auth.live.look()
        if code is not None:
            assert await mine.over() == code
            return
        await look(host)
        assert mine.code is None
        host.clock.advance(timedelta(hours=1))
        host.auth.live.look()
        assert await mine.over() == "store.unavailable"


async def test_a_store_that_does_not_answer_keeps_nobody_in():
    store = Deaf()
    async with opened(store) as (host, _, mine):
        store.gives_no_lease = True
        host.clock.advance(LEASE)
        store.hangs = True
        await look(host)
        assert mine.code is None
        host.clock.advance(LEASE)
        host.auth.live.look()
        assert await mine.over() == "checking.stale"
        store.hangs = False


async def test_the_local_switch_ends_them():
    async with opened() as (host, _, mine):
        host.auth.deny_here()
        host.auth.live.look()
        assert await mine.over() == "checking.stale"


async def test_a_connection_that_was_let_in_late_is_looked_at_at_once():
    async with hosting() as host:
        login = await host.log_in()
        token, late = token_of(login), Open()
        remembered = await host.auth.recall(token)
        await host.auth.end_session(login.user.id, login.session.id)
        host.auth.live.add(Live(token, CarriedBy.HEADER, remembered, late.end))
        assert await late.over() == "session.ended"


async def test_who_stops_looking_ends_them_all():
    async with opened() as (host, _, mine):
        await host.auth.stop()
        assert mine.code == "checking.stale"


async def test_a_client_that_does_not_hear_holds_nobody_up():
    async with opened() as (host, login, mine):

        async def never(_: AuthError) -> None:
            await asyncio.Event().wait()

        token = token_of(login)
        host.auth.live.add(Live(token, CarriedBy.HEADER, await host.auth.recall(token), never))
        await host.auth.end_session(login.user.id, login.session.id)
        assert await mine.over() == "session.ended"
        assert len(host.auth.live) == 0
