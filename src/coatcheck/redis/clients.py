"""redis-py's clients for an address: one connection each, no retries, nothing that waits long.

Retrying is ``redis.pipeline``'s business, and so are time limits: it knows who waits. Only connecting has one here, and
each Sentinel, for the next one to be asked. RESP2 is spoken, which every version of Redis and Valkey understands.
"""

from itertools import count
from typing import Any, Final, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from coatcheck.redis.address import Address

CONNECT_WITHIN: Final = 2.0
"""Seconds for a connection, and for an answer that no check waits for."""

Client: TypeAlias = "Redis | RedisCluster"

_TURNS: Final = count()


def client_for(address: Address) -> Client:
    """A client for commands, not yet connected."""
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.nodes]
        return RedisCluster(startup_nodes=nodes, **_options(address), **_tls(address))
    return _one_server(address)


def ears_for(address: Address) -> "Redis":
    """A client to subscribe with. In a cluster any node hears what is published at another; they take turns."""
    if address.kind == "cluster":
        host, port = address.nodes[next(_TURNS) % len(address.nodes)]
        return Redis(host=host, port=port, **_options(address), **_tls(address))
    return _one_server(address)


async def hang_up(client: Client) -> None:
    """Close every connection of ``client``, those to Sentinels too."""
    await client.aclose()
    pool = getattr(client, "connection_pool", None)
    if isinstance(pool, SentinelConnectionPool):
        for each in pool.sentinel_manager.sentinels:
            await each.aclose()


def _one_server(address: Address) -> "Redis":
    options = {**_options(address), "db": address.database}
    if address.kind == "unix":
        return Redis(unix_socket_path=address.path, **options)
    if address.kind == "sentinel":
        # The Sentinels themselves are asked without a password, over the same kind of connection.
        asking = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "protocol": 2, "retry": options["retry"]}
        asking |= _tls(address)
        sentinel = Sentinel(list(address.nodes), sentinel_kwargs=asking, **_tls(address))  # type: ignore[no-untyped-call]
        master: Redis = sentinel.master_for(address.service, **options)
        return master
    ((host, port),) = address.nodes
    return Redis(host=host, port=port, **options, **_tls(address))


def _options(address: Address) -> dict[str, Any]:
    return {
        "username": address.username,
        "password": address.password,
        "socket_connect_timeout": CONNECT_WITHIN,
        "socket_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }


def _tls(address: Address) -> dict[str, Any]:
    return {"ssl": True, "ssl_ca_certs": address.ca_certs} if address.is_tls else {}
