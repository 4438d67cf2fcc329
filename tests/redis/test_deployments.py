"""TLS, a socket, Sentinel and Cluster: the same cache, bell and counters over each."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest

from coatcheck.redis.address import read_address
from coatcheck.redis.bell import RedisBell
from coatcheck.redis.clients import ears_for
from coatcheck.redis.limits import RedisCounters
from tests.checking.builders import Site, cookie
from tests.redis.builders import SECRETS, Server, pipeline_to
from tests.redis.servers import Sentinel, cluster, until
from tests.redis_server import RedisServer
from tests.relay import Relay, certificate

WINDOW = timedelta(minutes=1)


async def all_three_work(url: str) -> None:
    """What one server reads the other finds, counts add up, and who rings is heard."""
    site, pipelines = Site(), [pipeline_to(url), pipeline_to(url)]
    first, second = (Server(site, pipeline) for pipeline in pipelines)
    heard = asyncio.Event()
    for server in (first, second):
        await server.pipeline.start()
        async with asyncio.timeout(5):
            while not server.pipeline.is_up:  # noqa: ASYNC110 - another process brings it about
                await asyncio.sleep(0.01)
        await server.sync()
    bells = [RedisBell(lambda: ears_for(read_address(url)), pipeline, SECRETS, rest=0.05) for pipeline in pipelines]
    stop = bells[1].watch(heard.set)
    try:
        tokens = [cookie(site.log_in()) for _ in range(20)]  # in a cluster they lie at several nodes
        for token in tokens:
            await first.check(token)
        await first.pipeline.ask("PING")
        for token in tokens:
            await second.check(token)
        assert second.asked == []
        counters = [RedisCounters(pipeline, SECRETS) for pipeline in pipelines]
        for n in range(10):
            taken = [await each.take(f"k{n}", WINDOW) for each in counters]
            assert [each and each[0] for each in taken] == [1, 2]
        async with asyncio.timeout(5):
            await heard.wait()
        heard.clear()
        bells[0].ring()
        async with asyncio.timeout(5):
            await heard.wait()
    finally:
        stop()
        for pipeline in pipelines:
            await pipeline.stop()


def test_over_a_socket(tmp_path: Path) -> None:
    short = Path(os.path.relpath(tmp_path))
    with RedisServer(tmp_path, unixsocket="redis.sock") as _:
        asyncio.run(all_three_work(f"unix://{(short / 'redis.sock').resolve()}?db=1"))


def test_over_tls(tmp_path: Path, redis_url: str) -> None:
    context, vouches = certificate(tmp_path)
    with Relay(int(redis_url.rpartition(":")[2].partition("/")[0]), tls=context) as relay:
        asyncio.run(all_three_work(f"rediss://127.0.0.1:{relay.port}/0?ssl_ca_certs={vouches}"))


@pytest.mark.parametrize("why", ["nobody vouches", "another name"])
def test_tls_without_a_good_certificate_is_not_spoken(tmp_path: Path, redis_url: str, why: str) -> None:
    context, vouches = certificate(tmp_path, "127.0.0.1" if why == "nobody vouches" else "127.0.0.2")

    async def run(port: int) -> None:
        trusted = "" if why == "nobody vouches" else f"?ssl_ca_certs={vouches}"
        pipeline = pipeline_to(f"rediss://127.0.0.1:{port}{trusted}")
        await pipeline.start()
        assert not pipeline.is_up
        await pipeline.stop()

    with Relay(int(redis_url.rpartition(":")[2].partition("/")[0]), tls=context) as relay:
        asyncio.run(run(relay.port))


def test_with_a_password(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        with server.client() as client:
            client.config_set("requirepass", "open sesame")
        asyncio.run(all_three_work(f"redis://:open%20sesame@127.0.0.1:{server.port}/0"))


def test_over_sentinel_and_after_a_failover(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "one") as one, RedisServer(tmp_path / "two") as two:
        with two.client() as client:
            client.replicaof("127.0.0.1", str(one.port))
        with Sentinel(tmp_path / "sentinel", one.port) as sentinel:
            url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/main"
            asyncio.run(all_three_work(url))

            async def run() -> None:
                pipeline = pipeline_to(url)
                await pipeline.start()
                counters = RedisCounters(pipeline, SECRETS)
                assert await counters.take("k", WINDOW) is not None
                await asyncio.to_thread(until, lambda: _knows_a_replica(sentinel))
                one.kill()
                assert await counters.take("k", WINDOW) is None
                await asyncio.to_thread(until, lambda: sentinel.master_port() == two.port)
                async with asyncio.timeout(20):  # it finds the new master by itself
                    while await counters.take("k", WINDOW) is None:  # noqa: ASYNC110
                        await asyncio.sleep(0.02)
                await pipeline.stop()

            asyncio.run(run())


def _knows_a_replica(sentinel: Sentinel) -> bool:
    with sentinel.client() as client:
        return bool(client.execute_command("SENTINEL", "replicas", "main"))


def test_over_a_cluster(tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster") as nodes:
        where = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        asyncio.run(all_three_work(f"redis+cluster://{where}"))
