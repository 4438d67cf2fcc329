"""What ``coatcheck doctor`` looks at where a cache is configured. Nothing is written there."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from coatcheck.cli.doctor.check import Check
from coatcheck.errors import Misconfigured

if TYPE_CHECKING:
    from coatcheck.redis.address import Address


def examine_cache(url: str) -> Iterator[Check]:
    """Look whether Redis can be reached, who can listen on the way, and what it forgets when it is full."""
    try:
        import redis  # noqa: F401 - is it there?
    except ImportError as missing:
        yield Check("cache", "problem", f"{missing.name} is missing", "Install coatcheck[redis].")
        return
    from coatcheck.redis.address import read_address

    try:
        address = read_address(url)
    except Misconfigured as fault:
        yield Check("cache", "problem", fault.message, "Correct COATCHECK_CACHE_URL.")
        return
    if address.is_exposed:
        yield Check(
            "cache",
            "warning",
            f"what is said to {address} can be read and changed on the way, a password too",
            "Use rediss://…, with ?ssl_ca_certs=… where your own authority vouches for the server.",
        )
    yield from asyncio.run(_ask(address))


async def _ask(address: "Address") -> list[Check]:
    from redis.exceptions import RedisError

    from coatcheck.redis.clients import CONNECT_WITHIN, client_for, hang_up

    client = client_for(address)
    try:
        async with asyncio.timeout(2 * CONNECT_WITHIN):
            await client.initialize()
            said = await client.execute_command("INFO", "memory")
    except (RedisError, OSError, TimeoutError) as fault:
        return [
            Check(
                "cache",
                "problem",
                f"{address} does not answer ({type(fault).__name__}); checks and limits go by the database meanwhile",
                "See that it runs, and that COATCHECK_CACHE_URL is right.",
            )
        ]
    finally:
        await hang_up(client)
    return [Check("cache", "ok", f"{address} answers"), _eviction(str(said.get("maxmemory_policy", "")))]


def _eviction(policy: str) -> Check:
    if policy == "noeviction":
        return Check("cache memory", "ok", "when it is full it refuses to write, and the database counts attempts")
    if not policy:
        return Check(
            "cache memory", "warning", "it does not say what it forgets when it is full", "See maxmemory-policy."
        )
    why = (
        "everything Coatcheck writes there has an expiry, so that is what goes first"
        if policy.startswith("volatile-")
        else "anything may go"
    )
    return Check(
        "cache memory",
        "warning",
        f"when it is full it forgets attempt counters ({policy}: {why}), and who guesses passwords may go on",
        "Set maxmemory-policy to noeviction, or give Coatcheck a Redis of its own.",
    )
