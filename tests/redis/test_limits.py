"""Attempt counters in Redis, and what holds without it (LG-07, LG-09, ST-13)."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coatcheck import Auth, Settings
from coatcheck.errors import AttemptsExceeded, LoginRefused, SessionLimit
from coatcheck.model.client import Client
from coatcheck.redis.limits import RedisCounters
from coatcheck.redis.sealing import PREFIX
from coatcheck.settings import AttemptSettings, SessionSettings
from coatcheck.testing import fast_passwords
from tests.redis.builders import SECRETS, pipeline_to, redis_at
from tests.redis_server import RedisServer

SECRET = "a secret that only these tests know of"
RIGHT, WRONG = "three quiet herons wade", "four quiet herons wade"
ADA = "ada@example.com"
WINDOW = timedelta(minutes=15)


def counting(url: str, test: Callable[[RedisCounters], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        pipeline = pipeline_to(url)
        await pipeline.start()
        try:
            await test(RedisCounters(pipeline, SECRETS))
        finally:
            await pipeline.stop()

    asyncio.run(run())


def settings(folder: Path, cache: str | None, **more: Any) -> Settings:
    return Settings(
        database=f"sqlite:///{folder}/app.db",
        cache=cache,
        secrets=(SECRET,),
        passwords=fast_passwords(),
        attempts=AttemptSettings(per_account=3, per_device=3, per_address=6),
        **more,
    )


async def guesses(auth: Auth, address: str = "192.0.2.1", email: str = ADA) -> int:
    """How many wrong passwords are answered before waiting is asked for."""
    for count in range(50):
        try:
            await auth.login(email, WRONG, client=Client(address=address))
        except LoginRefused:
            continue
        except AttemptsExceeded as exceeded:
            return count if timedelta(0) < exceeded.retry_after <= WINDOW else -1
    return 50


def test_attempts_add_up_within_a_window_that_does_not_move(redis_url: str) -> None:
    async def test(counters: RedisCounters) -> None:
        taken = [await counters.take("k", timedelta(milliseconds=300)) for _ in range(3)]
        assert [each and each[0] for each in taken] == [1, 2, 3]
        assert all(each is not None and timedelta(0) < each[1] <= timedelta(milliseconds=300) for each in taken)
        await asyncio.sleep(0.35)
        again = await counters.take("k", timedelta(milliseconds=300))
        assert again is not None
        assert again[0] == 1

    counting(redis_url, test)


def test_racing_attempts_are_all_counted(redis_url: str) -> None:
    async def test(counters: RedisCounters) -> None:
        taken = await asyncio.gather(*(counters.take("k", WINDOW) for _ in range(200)))
        assert sorted(each[0] for each in taken if each is not None) == list(range(1, 201))

    counting(redis_url, test)


def test_what_is_given_back_is_given_back_once_and_never_below_nothing(redis_url: str) -> None:
    async def test(counters: RedisCounters) -> None:
        await counters.take("k", WINDOW)
        for _ in range(3):
            counters.give_back("k")
        taken = await counters.take("k", WINDOW)
        assert taken is not None
        assert taken[0] == 1

    counting(redis_url, test)


@pytest.mark.parametrize("nonsense", ["many", "-5", "99999999999999999999"])
def test_a_counter_that_makes_no_sense_is_the_stores_to_count(redis_url: str, nonsense: str) -> None:
    async def test(counters: RedisCounters) -> None:
        await counters.take("k", WINDOW)
        with redis_at(redis_url) as there:
            (name,) = there.keys(f"{PREFIX}attempts:*")  # type: ignore[misc]
            there.set(name, nonsense)
        assert await counters.take("k", WINDOW) is None

    counting(redis_url, test)


def test_a_window_that_would_never_end_ends(redis_url: str) -> None:
    async def test(counters: RedisCounters) -> None:
        await counters.take("k", WINDOW)
        with redis_at(redis_url) as there:
            (name,) = there.keys(f"{PREFIX}attempts:*")  # type: ignore[misc]
            for spoil in (there.persist, lambda name: there.expire(name, 10**6)):
                spoil(name)
                taken = await counters.take("k", WINDOW)
                assert taken is not None
                assert taken[1] <= WINDOW
                assert 0 < there.ttl(name) <= WINDOW.total_seconds()  # type: ignore[operator]

    counting(redis_url, test)


def test_no_name_in_redis_tells_an_address_or_an_account(redis_url: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with Auth(settings(tmp_path, redis_url)) as auth:
            await guesses(auth)

    asyncio.run(run())
    with redis_at(redis_url) as there:
        names = there.keys("*")
    assert len(names) == 2  # type: ignore[arg-type]
    for name in names:  # type: ignore[union-attr]
        assert b"192" not in name.partition(b":")[0]
        assert b"ada" not in name
        assert b"address" not in name


def test_all_servers_count_together_and_the_store_is_not_written(redis_url: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with Auth(settings(tmp_path, redis_url)) as one, Auth(settings(tmp_path, redis_url)) as two:
            await one.register(ADA, RIGHT, client=Client(address="192.0.2.9"))
            for auth in (one, two, one):
                with pytest.raises(LoginRefused):
                    await auth.login(ADA, WRONG, client=Client(address="192.0.2.1"))
            for auth in (one, two):
                with pytest.raises(AttemptsExceeded):
                    await auth.login(ADA, RIGHT, client=Client(address="192.0.2.1"))
            now = datetime.now(UTC)
            assert await one.store.write(lambda tx: tx.attempts.purge(now + 2 * WINDOW, 100)) == 1, "the audit's mark"

    asyncio.run(run())


def test_a_success_takes_back_its_own_attempt_once(redis_url: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with Auth(settings(tmp_path, redis_url, sessions=SessionSettings(at_most=2, at_limit="refuse"))) as auth:
            await auth.create_user(ADA, RIGHT)
            for _ in range(2):
                await auth.login(ADA, RIGHT, client=Client(address="192.0.2.1"))
            for _ in range(2):
                with pytest.raises(LoginRefused):
                    await auth.login(ADA, WRONG, client=Client(address="192.0.2.1"))
            for _ in range(5):  # refused, and run back: what was counted is taken back once each
                with pytest.raises(SessionLimit):
                    await auth.login(ADA, RIGHT, client=Client(address="192.0.2.1"))
            assert await guesses(auth) == 1

    asyncio.run(run())
    with redis_at(redis_url) as there:
        counts = sorted(int(there.get(name)) for name in there.keys(f"{PREFIX}attempts:*"))  # type: ignore[arg-type, union-attr]
    assert counts == [4, 4]


def test_without_redis_the_store_counts_and_nobody_is_unlimited(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = RedisServer(tmp_path / "redis")
    server.start()

    async def run() -> None:
        async with Auth(settings(tmp_path, server.url)) as auth:
            await auth.create_user(ADA, RIGHT)
            with pytest.raises(LoginRefused):
                await auth.login(ADA, WRONG, client=Client(address="192.0.2.1"))
            server.kill()
            assert await guesses(auth) == 3
            assert await guesses(auth) == 0
            with pytest.raises(AttemptsExceeded):
                await auth.login(ADA, RIGHT, client=Client(address="192.0.2.2"))

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert caplog.text.count("the store counts them meanwhile") == 1


def test_flushing_resets_what_redis_counted_and_nothing_else(redis_url: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with Auth(settings(tmp_path, redis_url)) as auth:
            await auth.create_user(ADA, RIGHT)
            assert await guesses(auth) == 3
            with redis_at(redis_url) as there:
                there.flushall()
            assert await guesses(auth) == 3

    asyncio.run(run())
