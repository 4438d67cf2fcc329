"""Every check is counted once, by how it was decided and what came out."""

import asyncio

import pytest

from coatcheck.checking.recall import Policy
from coatcheck.errors import CheckingStale, SessionEnded, TokenInvalid
from coatcheck.model.session import Carry
from tests.checking.builders import Site, cookie, jwt


def counted(site: Site) -> dict[str, int]:
    """What was counted, but for noughts."""
    tally, checker = site.checker.tally, site.checker
    numbers = {
        "warm accepted": int(checker.passed) - tally.again_accepted,
        "warm refused": tally.warm_refused - tally.again_refused,
        **{
            name.replace("_", " ", 1): getattr(tally, name)
            for name in tally.__slots__
            if name.startswith(("cold", "online"))
        },
    }
    return {name: number for name, number in numbers.items() if number}


def check(site: Site, token: bytes) -> None:
    asyncio.run(site.recall.check(token))


def test_a_session_token_is_asked_about_once_and_then_remembered() -> None:
    site = Site()
    asyncio.run(site.sync())
    token = cookie(site.log_in())
    for _ in range(3):
        check(site, token)
    assert counted(site) == {"online accepted": 1, "warm accepted": 2}


def test_an_access_token_is_verified_once_and_then_remembered() -> None:
    site = Site()
    asyncio.run(site.sync())
    token = jwt(site.log_in(carry=Carry.TOKENS))
    for _ in range(3):
        check(site, token)
    assert counted(site) == {"cold accepted": 1, "warm accepted": 2}


def test_refusals_are_counted_where_they_are_decided() -> None:
    site = Site()
    asyncio.run(site.sync())
    known, unknown = site.log_in(), site.log_in()
    check(site, cookie(known))
    for login in (known, unknown):
        site.end(login)
    asyncio.run(site.sync())
    for refused, token in (
        (SessionEnded, cookie(known)),
        (SessionEnded, cookie(unknown)),
        (TokenInvalid, b"nothing of ours"),
    ):
        with pytest.raises(refused):
            check(site, token)
    assert counted(site) == {"online accepted": 1, "warm refused": 1, "online refused": 1, "cold refused": 1}


def test_what_can_not_be_decided_now_is_counted_as_try_again() -> None:
    site = Site(Policy.DENY)
    asyncio.run(site.sync())
    token = cookie(site.log_in())
    check(site, token)
    site.checker.lease.drop()
    with pytest.raises(CheckingStale):
        check(site, token)
    assert counted(site) == {"online accepted": 1, "online try_again": 1}
