"""The pipeline to Redis: nobody waits for one that hangs, and it comes back by itself."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from coatcheck.redis.pipeline import Away, Pipeline
from tests.redis.builders import pipeline_to
from tests.redis_server import RedisServer


def on_a_pipeline(url: str, test: Callable[[Pipeline], Coroutine[Any, Any, None]], **options: float) -> None:
    async def run() -> None:
        pipeline = pipeline_to(url, **options)
        await pipeline.start()
        try:
            await test(pipeline)
        finally:
            await pipeline.stop()

    asyncio.run(run())


async def until(holds: Callable[[], bool], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - another process brings it about
            await asyncio.sleep(0.01)


def test_it_asks_and_tells(redis_url: str) -> None:
    async def test(pipeline: Pipeline) -> None:
        assert pipeline.is_up
        pipeline.tell("SET", "a", b"1")
        assert await pipeline.ask("GET", "a") == b"1"
        assert await pipeline.ask("GET", "b") is None

    on_a_pipeline(redis_url, test)


def test_many_at_once_each_get_their_own_answer(redis_url: str) -> None:
    async def test(pipeline: Pipeline) -> None:
        for n in range(500):
            pipeline.tell("SET", f"n{n}", n)
        await pipeline.ask("PING")
        answers = await asyncio.gather(*(pipeline.ask("GET", f"n{n}") for n in range(500)))
        assert answers == [str(n).encode() for n in range(500)]

    on_a_pipeline(redis_url, test)


def test_beyond_its_limit_nobody_waits(redis_url: str) -> None:
    async def test(pipeline: Pipeline) -> None:
        answers = await asyncio.gather(*(pipeline.ask("PING") for _ in range(600)), return_exceptions=True)
        assert sum(isinstance(answer, Away) for answer in answers) == 600 - 512
        assert await pipeline.ask("PING")

    on_a_pipeline(redis_url, test)


def test_a_refused_command_harms_no_other(redis_url: str) -> None:
    async def test(pipeline: Pipeline) -> None:
        pipeline.tell("RPUSH", "list", "x")
        answers = await asyncio.gather(
            pipeline.ask("GET", "list"), pipeline.ask("PING"), pipeline.ask("NOSUCH"), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [Away, bool, Away]
        with pytest.raises(Away):
            await pipeline.ask("GET", "list")
        assert pipeline.is_up

    on_a_pipeline(redis_url, test)


def test_whoever_gives_up_waiting_takes_nobody_elses_answer(redis_url: str) -> None:
    async def test(pipeline: Pipeline) -> None:
        pipeline.tell("SET", "mine", "m")
        pipeline.tell("SET", "yours", "y")
        for _ in range(50):
            asking = [asyncio.create_task(pipeline.ask("GET", "mine")) for _ in range(3)]
            await asyncio.sleep(0)
            asking[1].cancel()
            assert await pipeline.ask("GET", "yours") == b"y"
            assert await asking[0] == await asking[2] == b"m"

    on_a_pipeline(redis_url, test)


def test_a_redis_that_hangs_costs_milliseconds_once_and_then_nothing(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:

        async def test(pipeline: Pipeline) -> None:
            await pipeline.ask("PING")
            loop = asyncio.get_running_loop()
            os.kill(server.pid, signal.SIGSTOP)
            try:
                began = loop.time()
                answers = await asyncio.gather(*(pipeline.ask("PING") for _ in range(500)), return_exceptions=True)
                assert all(isinstance(answer, Away) for answer in answers)
                assert 0.01 <= loop.time() - began < 4, "one after the other they would wait for five seconds"
                began = loop.time()
                for _ in range(500):
                    with pytest.raises(Away):
                        await pipeline.ask("PING")
                assert loop.time() - began < 4, "five hundred that wait would take five seconds"
            finally:
                os.kill(server.pid, signal.SIGCONT)
            await until(lambda: pipeline.is_up)
            assert await pipeline.ask("PING")

        on_a_pipeline(server.url, test, patience=0.01)


def test_a_loop_that_was_busy_takes_redis_for_healthy(redis_url: str) -> None:
    async def test(pipeline: Pipeline) -> None:
        for _ in range(5):
            asking = asyncio.create_task(pipeline.ask("PING"))
            for _ in range(4):
                await asyncio.sleep(0)
            time.sleep(0.05)  # noqa: ASYNC251 - the point
            assert await asking
            assert pipeline.is_up

    on_a_pipeline(redis_url, test, patience=0.01)


def test_it_is_back_when_redis_is_back_and_says_each_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = RedisServer(tmp_path)
    server.start()

    async def test(pipeline: Pipeline) -> None:
        for _ in range(2):
            server.kill()
            with pytest.raises(Away):
                await pipeline.ask("PING")
            await asyncio.sleep(0.2)
            server.start()
            await until(lambda: pipeline.is_up)
            assert await pipeline.ask("PING")

    with caplog.at_level(logging.WARNING):
        on_a_pipeline(server.url, test)
    server.stop()
    assert [record.getMessage().split()[0] for record in caplog.records] == ["lost", "regained"] * 2


def test_it_begins_without_redis_and_ends_so(tmp_path: Path) -> None:
    async def test(pipeline: Pipeline) -> None:
        assert not pipeline.is_up
        pipeline.tell("SET", "a", "1")
        with pytest.raises(Away):
            await pipeline.ask("PING")

    on_a_pipeline(RedisServer(tmp_path).url, test)


def test_a_wrong_password_is_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test(pipeline: Pipeline) -> None:
        assert not pipeline.is_up

    with RedisServer(tmp_path) as server:
        server.client().config_set("requirepass", "the right one")
        with caplog.at_level(logging.DEBUG):
            on_a_pipeline(server.url.replace("//", "//:the-wrong-one@"), test)
        server.client = lambda: None  # type: ignore[assignment, method-assign, return-value]
    assert "AuthenticationError" in caplog.text
    assert "the-wrong-one" not in caplog.text


def test_what_was_told_last_is_sent_before_it_hangs_up(redis_url: str) -> None:
    async def test(pipeline: Pipeline) -> None:
        for _ in range(300):
            pipeline.tell("INCR", "told")

    on_a_pipeline(redis_url, test)

    async def look(pipeline: Pipeline) -> None:
        assert await pipeline.ask("GET", "told") == b"300"

    on_a_pipeline(redis_url, look)
