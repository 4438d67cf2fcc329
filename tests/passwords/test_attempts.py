"""Attempt limits, over a real store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coatcheck.errors import AttemptsExceeded
from coatcheck.passwords.attempts import Attempts, Verdict
from coatcheck.settings import AttemptSettings
from coatcheck.stores.open import store_for
from coatcheck.stores.port import Store

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SETTINGS = AttemptSettings(per_account=3, per_device=2, per_address=10)
RULES = Attempts(SETTINGS)

Scenario = Callable[["Door"], Awaitable[None]]


class Door:
    """Attempts at a store, each in a transaction of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOON

    async def begin(
        self, account: str = "ada@example.com", *, device: str | None = None, address: str = "192.0.2.1"
    ) -> Verdict:
        return await self.store.write(
            lambda tx: RULES.begin(tx, account=account, device=device, address=address, now=self.now)
        )

    async def fails(self, account: str = "ada@example.com", **more: str) -> bool:
        """True when the attempt was answered, wrong as it was."""
        return (await self.begin(account, **more)).retry_after is None

    async def succeeds(self, account: str = "ada@example.com", **more: str) -> bool:
        verdict = await self.begin(account, **more)
        if verdict.retry_after is not None:
            return False
        await self.store.write(lambda tx: RULES.succeeded(tx, verdict))
        return True


@asynccontextmanager
async def door(url: str) -> AsyncIterator[Door]:
    store = store_for(url)
    await store.open()
    try:
        yield Door(store)
    finally:
        await store.close()


@pytest.fixture(params=["memory", "sqlite"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Scenario], None]:
    """Runs a scenario against each store."""

    def run(scenario: Scenario) -> None:
        async def played() -> None:
            async with door("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/coat.db") as opened:
                await scenario(opened)

        asyncio.run(played())

    return run


Play = Callable[[Scenario], None]


def test_after_the_limit_an_account_asks_for_patience_until_the_window_ends(play: Play) -> None:
    async def scenario(door: Door) -> None:
        assert [await door.fails() for _ in range(5)] == [True, True, True, False, False]
        door.now += timedelta(minutes=10)
        verdict = await door.begin()
        assert verdict.retry_after == timedelta(minutes=5)
        with pytest.raises(AttemptsExceeded) as exceeded:
            verdict.require()
        assert exceeded.value.retry_after == timedelta(minutes=5)
        door.now += timedelta(minutes=5)
        assert await door.fails()

    play(scenario)


def test_the_answer_to_wait_is_never_less_than_a_second(play: Play) -> None:
    async def scenario(door: Door) -> None:
        for _ in range(3):
            await door.fails()
        door.now += SETTINGS.window - timedelta(microseconds=1)
        assert (await door.begin()).retry_after == timedelta(seconds=1)

    play(scenario)


def test_a_success_does_not_count(play: Play) -> None:
    async def scenario(door: Door) -> None:
        assert all([await door.succeeds() for _ in range(30)])
        assert [await door.fails() for _ in range(4)] == [True, True, True, False]

    play(scenario)


def test_an_accepted_verdict_raises_nothing(play: Play) -> None:
    async def scenario(door: Door) -> None:
        (await door.begin()).require()

    play(scenario)


def test_a_success_on_ones_own_account_gives_no_more_guesses_at_another(play: Play) -> None:
    """LG-06."""

    async def scenario(door: Door) -> None:
        answered = 0
        for _ in range(10):
            assert await door.succeeds("mallory@example.com")
            answered += await door.fails("ada@example.com")
        assert answered == SETTINGS.per_account

    play(scenario)


def test_the_owner_is_not_locked_out_of_a_known_device(play: Play) -> None:
    """LG-04."""

    async def scenario(door: Door) -> None:
        for n in range(20):
            await door.fails(address=f"198.51.100.{n}")
        assert not await door.fails(address="203.0.113.1")
        assert await door.succeeds(device="d1", address="203.0.113.1")

    play(scenario)


def test_a_known_device_has_a_limit_of_its_own_for_each_account(play: Play) -> None:
    async def scenario(door: Door) -> None:
        assert [await door.fails(device="d1") for _ in range(3)] == [True, True, False]
        assert await door.fails(device="d2")
        assert await door.fails("bob@example.com", device="d1")
        assert await door.fails()

    play(scenario)


def test_one_address_has_a_limit_over_all_accounts(play: Play) -> None:
    """LG-02."""

    async def scenario(door: Door) -> None:
        answered = [await door.fails(f"user{n}@example.com") for n in range(15)]
        assert answered == [True] * 10 + [False] * 5
        assert await door.fails("user0@example.com", address="192.0.2.2")

    play(scenario)


@pytest.mark.parametrize(
    "addresses",
    [
        [f"2001:db8:1:2::{n:x}" for n in range(20)],
        [f"2001:db8:1:2:{n:x}::" for n in range(20)],
        [f"2002:c000:0207:{n:x}::1" for n in range(20)],
        ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207", "0:0:0:0:0:ffff:c000:0207"] * 5,
        [f"spoofed-{n}" for n in range(20)],
    ],
)
def test_another_spelling_of_an_address_is_no_other_address(play: Play, addresses: list[str]) -> None:
    """LG-05."""

    async def scenario(door: Door) -> None:
        answered = [await door.fails(f"user{n}@example.com", address=at) for n, at in enumerate(addresses)]
        assert sum(answered) == SETTINGS.per_address

    play(scenario)


def test_an_address_over_its_limit_does_not_use_up_the_accounts_budget(play: Play) -> None:
    async def scenario(door: Door) -> None:
        for n in range(10):
            await door.fails(f"user{n}@example.com")
        for _ in range(20):
            assert not await door.fails("ada@example.com")
        assert await door.fails("ada@example.com", address="192.0.2.2")

    play(scenario)


def test_of_a_thousand_guesses_at_once_no_more_than_the_limit_are_answered(play: Play) -> None:
    """LG-07."""

    async def scenario(door: Door) -> None:
        guesses = (door.fails(address=f"198.51.{n // 250}.{n % 250}") for n in range(1000))
        assert sum(await asyncio.gather(*guesses)) == SETTINGS.per_account

    play(scenario)


def test_known_and_unknown_accounts_are_counted_alike_and_by_no_readable_name(play: Play) -> None:
    """EN-07, EN-10: the rules never learn whether there is such a user."""

    async def scenario(door: Door) -> None:
        verdict = await door.begin("ada@example.com", device="device-id")
        assert "ada" not in repr(verdict)
        assert "device-id" not in repr(verdict)
        assert [await door.fails("nobody@example.com") for _ in range(4)] == [True, True, True, False]

    play(scenario)


def test_account_and_device_are_not_confused() -> None:
    taken = set()

    async def scenario() -> None:
        async with door("memory:") as opened:
            for account, device in (("ab", "c"), ("a", "bc"), ("abc", ""), ("abc", None)):
                verdict = await opened.begin(account, device=device)
                taken.add(verdict.taken[1])

    asyncio.run(scenario())
    assert len(taken) == 4
