"""What a server answers about a token while it has not heard from the store itself (rule 8)."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from coatcheck.auth import introspection
from coatcheck.checking.cache import Remembered
from coatcheck.checking.recall import Policy
from coatcheck.errors import CheckingStale
from coatcheck.model.principal import CarriedBy
from tests.checking.builders import Site, cookie


def opened(site: Site, policy: Policy, recall: Any = None) -> Any:
    return SimpleNamespace(
        running=SimpleNamespace(checker=site.checker, recall=recall or site.recall),
        ready=SimpleNamespace(settings=SimpleNamespace(revocation=SimpleNamespace(policy=policy.value))),
    )


def knowing(policy: Policy) -> tuple[Site, bytes]:
    site = Site(policy)
    asyncio.run(site.sync())
    token = cookie(site.log_in())
    asyncio.run(site.recall.check(token))
    return site, token


def test_what_memory_decided_is_as_old_as_the_last_question() -> None:
    site, token = knowing(Policy.ONLINE)
    site.clock.advance(timedelta(seconds=3))
    _, age_ms = asyncio.run(introspection._check(opened(site, Policy.ONLINE), token))
    assert 3_000 <= age_ms <= 3_010


def test_what_the_store_was_asked_for_is_new() -> None:
    site, token = knowing(Policy.ONLINE)
    site.clock.advance(timedelta(seconds=6))
    _, age_ms = asyncio.run(introspection._check(opened(site, Policy.ONLINE), token))
    assert age_ms <= 10


def test_what_was_accepted_without_a_lease_is_no_answer_for_others() -> None:
    site, token = knowing(Policy.ACCEPT)
    site.clock.advance(timedelta(seconds=6))
    asyncio.run(site.recall.check(token))
    with pytest.raises(CheckingStale):
        asyncio.run(introspection._check(opened(site, Policy.ACCEPT), token))


def test_a_lease_that_comes_while_it_is_decided_makes_nothing_newer() -> None:
    class Meanwhile:
        async def check(self, token: bytes, carried_by: CarriedBy, audience: str | None) -> Remembered:
            held = await site.recall.check(token, carried_by, audience)
            await site.sync()
            return held

    site, token = knowing(Policy.ACCEPT)
    site.clock.advance(timedelta(seconds=6))
    _, age_ms = asyncio.run(introspection._check(opened(site, Policy.ACCEPT, Meanwhile()), token))
    assert age_ms >= 6_000
