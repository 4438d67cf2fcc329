"""Wake-ups through Redis: quick when they come, and only a hint."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from coatcheck import Auth, Settings
from coatcheck.redis.address import read_address
from coatcheck.redis.bell import CHANGED, RedisBell, channel_of
from coatcheck.redis.clients import ears_for
from coatcheck.testing import fast_passwords
from coatcheck.tokens.derivation import Secrets
from tests.redis.builders import SECRETS, pipeline_to, redis_at
from tests.redis_server import RedisServer

OTHERS = Secrets(["the secret of another installation"])


class Ear:
    """Counts rings."""

    def __init__(self) -> None:
        self.rings = 0
        self.heard = asyncio.Event()

    def __call__(self) -> None:
        self.rings += 1
        self.heard.set()

    async def hears(self, within: float = 10.0) -> None:
        async with asyncio.timeout(within):
            await self.heard.wait()
        self.heard.clear()


def between_two(
    url: str, test: Callable[[RedisBell, RedisBell], Coroutine[Any, Any, None]], secrets: Secrets = SECRETS
) -> None:
    async def run() -> None:
        address, pipelines = read_address(url), [pipeline_to(url), pipeline_to(url)]
        for pipeline in pipelines:
            await pipeline.start()
        bells = [
            RedisBell(lambda: ears_for(address), pipeline, each, rest=0.05)
            for pipeline, each in zip(pipelines, (SECRETS, secrets), strict=True)
        ]
        try:
            await test(*bells)
        finally:
            for pipeline in pipelines:
                await pipeline.stop()

    asyncio.run(run())


def test_who_rings_wakes_the_others(redis_url: str) -> None:
    async def test(one: RedisBell, other: RedisBell) -> None:
        ear = Ear()
        stop = other.watch(ear)
        await ear.hears()  # once at the beginning: what was said before was missed
        one.ring()
        await ear.hears()
        stop()

    between_two(redis_url, test)


def test_nothing_is_said_but_that_something_changed(redis_url: str) -> None:
    async def test(one: RedisBell, _: RedisBell) -> None:
        with redis_at(redis_url) as there, there.pubsub() as ears:
            ears.psubscribe("*")
            ears.get_message(timeout=5)
            one.ring()
            await asyncio.sleep(0.05)
            said = ears.get_message(timeout=5)
            assert said is not None
            assert said["data"] == CHANGED
            assert said["channel"] == channel_of(SECRETS).encode()

    between_two(redis_url, test)


def test_another_installation_in_the_same_redis_is_not_woken(redis_url: str) -> None:
    async def test(one: RedisBell, stranger: RedisBell) -> None:
        ear, own = Ear(), Ear()
        stops = [stranger.watch(ear), one.watch(own)]
        await ear.hears()
        await own.hears()
        one.ring()
        await own.hears()
        await asyncio.sleep(0.05)
        assert ear.rings == 1
        for stop in stops:
            stop()

    between_two(redis_url, test, OTHERS)


def test_it_listens_again_after_redis_was_killed(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()

    async def test(one: RedisBell, other: RedisBell) -> None:
        ear = Ear()
        stop = other.watch(ear)
        await ear.hears()
        server.kill()
        one.ring()
        server.start()
        await ear.hears()  # it subscribed anew
        async with asyncio.timeout(10):
            while True:
                one.ring()
                try:
                    await ear.hears(0.1)
                    break
                except TimeoutError:
                    continue
        stop()

    between_two(server.url, test)
    server.stop()


class Strange:
    """A server that answers its first ``strangely`` subscribers with what is no message, and the others as it should;
    then it says that something changed."""

    def __init__(self, strangely: int) -> None:
        self.strangely = strangely
        self.subscribers = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            while asked := await reader.read(65_536):
                if b"SUBSCRIBE" in asked:
                    self.subscribers += 1
                    is_strange = self.subscribers <= self.strangely
                    writer.write(b":1\r\n" if is_strange else SUBSCRIBED + SAID)
                else:
                    writer.write(b"+OK\r\n" * asked.count(b"*"))
                await writer.drain()
        writer.close()


SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n"
SAID = b"*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$7\r\nchanged\r\n"


def test_an_answer_that_is_no_message_does_not_end_the_listening(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        strange, ear = Strange(strangely=3), Ear()
        server = await asyncio.start_server(strange, "127.0.0.1", 0)
        address = read_address(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        bell = RedisBell(lambda: ears_for(address), pipeline_to("redis://127.0.0.1:1"), SECRETS, rest=0.01)
        async with server:
            stop = bell.watch(ear)
            async with asyncio.timeout(60):
                while ear.rings < 5:  # three that subscribed in vain, one that did not, and what that one was told
                    await ear.heard.wait()
                    ear.heard.clear()
            assert strange.subscribers == 4
            stop()
            await _ended()

    asyncio.run(run())
    assert [record.levelname for record in caplog.records if record.name == "coatcheck"] == ["ERROR"]
    assert "it will be tried again" in caplog.text


async def _ended() -> None:
    """Until nobody listens any more."""
    async with asyncio.timeout(60):
        while any(task.get_name() == "coatcheck-redis-bell" for task in asyncio.all_tasks()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_it_stops_although_a_cancellation_is_swallowed() -> None:
    class Deaf:
        """A client that swallows the first cancellation."""

        has_swallowed = False
        begun: asyncio.Event

        def pubsub(self) -> "Deaf":
            return self

        async def __aenter__(self) -> "Deaf":
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

        async def subscribe(self, _: str) -> None:
            self.begun.set()

        async def get_message(self, timeout: float) -> dict[str, str]:  # noqa: ASYNC109 - as redis-py has it
            try:
                await asyncio.sleep(timeout * 1_000)
            except asyncio.CancelledError:
                if self.has_swallowed:
                    raise
                self.has_swallowed = True
            return {"type": "pong"}

        async def aclose(self) -> None:
            pass

    async def run() -> None:
        deaf = Deaf()
        deaf.begun = asyncio.Event()
        make: Any = lambda: deaf  # noqa: E731
        stop = RedisBell(make, pipeline_to("redis://127.0.0.1:1"), SECRETS).watch(lambda: None)
        await deaf.begun.wait()
        await asyncio.sleep(0)
        stop()
        await _ended()
        assert deaf.has_swallowed

    asyncio.run(run())


def test_an_ending_is_published_and_a_login_is_not(redis_url: str, tmp_path: Path) -> None:
    secret = "a secret that only these tests know of"
    settings = Settings(
        database=f"sqlite:///{tmp_path}/app.db", cache=redis_url, secrets=(secret,), passwords=fast_passwords()
    )

    async def run() -> None:
        async with Auth(settings) as auth:
            login = await auth.register("ada@example.com", "three quiet herons wade")
            with redis_at(redis_url) as there, there.pubsub() as ears:
                ears.subscribe(channel_of(Secrets([secret])))
                assert ears.get_message(timeout=5) is not None
                again = await auth.login("ada@example.com", "three quiet herons wade")
                await asyncio.sleep(0.05)
                assert ears.get_message(timeout=0.2) is None
                await auth.end_session(login.user.id, again.session.id)
                await asyncio.sleep(0.05)
                said = ears.get_message(timeout=5)
                assert said is not None
                assert said["data"] == CHANGED

    asyncio.run(run())
