"""The Redis that servers share is flushed, killed, hung or full: logins and revocations are unharmed.

ST-13, ST-10, LG-09: nobody is logged out or let in by it, and no check waits for it.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from coatcheck import Auth, Settings
from coatcheck.errors import LoginRefused, SessionEnded
from coatcheck.testing import fast_passwords
from tests.redis.builders import entries, redis_at
from tests.redis_server import RedisServer

SECRET = "a secret that only these tests know of"
ADA, PASSWORD = "ada@example.com", "three quiet herons wade"


def site(folder: Path, test: Callable[[Auth, Auth, RedisServer], Coroutine[Any, Any, None]], **options: str) -> None:
    """Two servers over one SQLite file and one Redis."""

    async def run(server: RedisServer) -> None:
        settings = Settings(
            database=f"sqlite:///{folder}/app.db", cache=server.url, secrets=(SECRET,), passwords=fast_passwords()
        )
        async with Auth(settings, name="one") as one, Auth(settings, name="two") as two:
            await one.create_user(ADA, PASSWORD)
            await test(one, two, server)

    with RedisServer(folder / "redis", **options) as server:
        asyncio.run(run(server))


async def log_in(auth: Auth) -> bytes:
    login = await auth.login(ADA, PASSWORD)
    return (login.credentials.session_token or "").encode()


async def end(auth: Auth, token: bytes) -> None:
    """End that login everywhere."""
    principal = await auth.check(token)
    assert principal.user_id is not None
    receipt = await auth.end_session(principal.user_id, principal.session_id, wait=True)
    assert receipt is not None


async def everything_works(one: Auth, two: Auth) -> None:
    """A login at one server counts at the other, and so does its end."""
    token = await log_in(one)
    await one.check(token)
    await end(two, token)
    for auth in (one, two):
        with pytest.raises(SessionEnded):
            await auth.check(token)
    with pytest.raises(LoginRefused):
        await one.login(ADA, "not the password at all")


def test_flushing_it_ends_nobodys_login_and_revives_none(tmp_path: Path) -> None:
    async def test(one: Auth, two: Auth, server: RedisServer) -> None:
        token, ended = await log_in(one), await log_in(one)
        for each in (token, ended):
            await one.check(each)
        await end(one, ended)
        with redis_at(server.url) as there:
            there.flushall()
        assert await two.check(token)
        with pytest.raises(SessionEnded):
            await two.check(ended)
        await everything_works(one, two)

    site(tmp_path, test)


def test_killing_it_changes_no_answer(tmp_path: Path) -> None:
    async def test(one: Auth, two: Auth, server: RedisServer) -> None:
        token = await log_in(one)
        await one.check(token)
        server.kill()
        assert await two.check(token)
        await everything_works(one, two)
        server.start()
        await everything_works(one, two)

    site(tmp_path, test)


def test_beginning_without_it_changes_no_answer(tmp_path: Path) -> None:
    async def run() -> None:
        url = RedisServer(tmp_path / "redis").url
        settings = Settings(
            database=f"sqlite:///{tmp_path}/app.db", cache=url, secrets=(SECRET,), passwords=fast_passwords()
        )
        async with Auth(settings, name="one") as one, Auth(settings, name="two") as two:
            await one.create_user(ADA, PASSWORD)
            await everything_works(one, two)

    asyncio.run(run())


def test_a_redis_that_hangs_makes_no_check_wait(tmp_path: Path) -> None:
    async def test(one: Auth, two: Auth, server: RedisServer) -> None:
        tokens = [await log_in(one) for _ in range(30)]
        os.kill(server.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(10):
                for token in tokens:
                    await two.check(token)
                await everything_works(one, two)
        finally:
            os.kill(server.pid, signal.SIGCONT)

    site(tmp_path, test)


def test_a_redis_that_is_full_changes_no_answer(tmp_path: Path) -> None:
    async def test(one: Auth, two: Auth, server: RedisServer) -> None:
        with redis_at(server.url) as there:
            there.config_set("maxmemory", "1")
        await everything_works(one, two)

    site(tmp_path, test, maxmemory_policy="noeviction")


def test_a_redis_that_refuses_writes_changes_no_answer(tmp_path: Path) -> None:
    async def test(one: Auth, two: Auth, server: RedisServer) -> None:
        with redis_at(server.url) as there:
            there.replicaof("127.0.0.1", "1")
        await everything_works(one, two)

    site(tmp_path, test)


def test_what_it_keeps_of_an_ended_session_lets_nobody_in(tmp_path: Path) -> None:
    async def test(one: Auth, two: Auth, server: RedisServer) -> None:
        token = await log_in(one)
        await one.check(token)
        await asyncio.sleep(0.05)
        assert len(entries(server.url)) == 1
        await end(one, token)
        assert len(entries(server.url)) == 1, "it is still there"
        with pytest.raises(SessionEnded):
            await two.check(token)

    site(tmp_path, test)
