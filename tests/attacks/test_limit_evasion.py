"""Guessing goes on past the limit by looking like somebody else, or by being quick.

LG-05, LG-06, LG-07 (OWASP ASVS 6.1.1, 6.3.1).
"""

import asyncio
from typing import Any

import pytest

from coatcheck.settings import AttemptSettings
from tests.site import API, PASSWORD, Site, code_of, running

pytestmark = pytest.mark.anyio

LIMIT = AttemptSettings(per_account=5, per_device=5, per_address=8)
WRONG = "not the password at all"


async def _guess(site: Site, email: str, address: str = "203.0.113.7", **headers: str) -> str:
    answer = await site.client(address).post(f"{API}/login", json={"email": email, "password": WRONG}, headers=headers)
    return code_of(answer)


def _count_evaluated(site: Site) -> list[object]:
    evaluated: list[object] = []
    hasher = site.auth._ready.hasher
    verify = hasher.verify

    def counted(*arguments: Any) -> bool:
        evaluated.append(arguments)
        return verify(*arguments)

    hasher.verify = counted
    return evaluated


@pytest.mark.parametrize(
    "spelling",
    [
        "Ann@example.com",
        "ANN@EXAMPLE.COM",
        "ann@Example.Com",
        " ann@example.com",
        "ann@example.com ",
        "ANN@example.com  ",
    ],
)
async def test_another_spelling_of_an_address_is_the_same_account(spelling: str):
    async with running(attempts=LIMIT) as site:
        await site.register(site.client())
        for number in range(5):
            assert await _guess(site, "ann@example.com", f"198.51.100.{number}") == "login.refused"
        assert await _guess(site, spelling, "198.51.100.77") == "attempts.exceeded"


@pytest.mark.parametrize(
    "header", ["x-forwarded-for", "x-real-ip", "forwarded", "client-ip", "x-client-ip", "true-client-ip", "via"]
)
async def test_a_header_that_names_another_address_changes_nothing(header: str):
    async with running(attempts=LIMIT) as site:
        for number in range(8):
            said = {header: f"198.51.100.{number}"}
            assert await _guess(site, f"user{number}@example.com", **said) == "login.refused"
        assert await _guess(site, "user8@example.com", **{header: "198.51.100.8"}) == "attempts.exceeded"


@pytest.mark.parametrize(
    "addresses",
    [
        [f"2001:db8:1:2::{number:x}" for number in range(1, 10)],
        ["203.0.113.9", "::ffff:203.0.113.9", "::ffff:cb00:7109"] * 3,
    ],
)
async def test_one_network_has_one_budget_however_its_addresses_are_written(addresses: list[str]):
    async with running(attempts=LIMIT) as site:
        *first, last = addresses
        for number, address in enumerate(first):
            assert await _guess(site, f"user{number}@example.com", address) == "login.refused"
        assert await _guess(site, "another@example.com", last) == "attempts.exceeded"


async def test_success_on_an_own_account_does_not_reset_a_victims_counter():
    async with running(attempts=LIMIT) as site:
        await site.register(site.client("198.51.100.1"), "victim@example.com")
        attacker = site.client("198.51.100.2")
        await site.register(attacker, "mallory@example.com")
        for _ in range(5):
            assert await _guess(site, "victim@example.com", "198.51.100.3") == "login.refused"
            await site.log_in(attacker, "mallory@example.com")
        assert await _guess(site, "victim@example.com", "198.51.100.4") == "attempts.exceeded"


async def test_guesses_at_once_get_no_further_than_guesses_in_a_row():
    async with running(attempts=LIMIT) as site:
        await site.register(site.client("198.51.100.1"))
        evaluated = _count_evaluated(site)
        codes = await asyncio.gather(
            *(_guess(site, "ann@example.com", f"192.0.2.{number % 250}") for number in range(1000))
        )
        assert len(evaluated) <= 5
        assert codes.count("attempts.exceeded") >= 995


async def test_a_limit_says_when_to_come_back_and_the_owners_device_is_let_in():
    async with running(attempts=LIMIT) as site:
        owner = site.browser()
        await site.register(owner)
        for number in range(6):
            await _guess(site, "ann@example.com", f"198.51.100.{number}")
        stranger = await site.client("198.51.100.99").post(
            f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD}
        )
        assert (stranger.status_code, code_of(stranger)) == (429, "attempts.exceeded")
        assert 0 < int(stranger.headers["retry-after"]) <= 900
        await site.log_in(owner)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("reauthenticate", {"password": WRONG}),
        ("password", {"current": WRONG, "new": "two odd tall elms"}),
    ],
)
async def test_a_stolen_session_is_no_way_around_the_limit(path: str, body: dict[str, str]):
    async with running(attempts=LIMIT) as site:
        client = site.client()
        token = (await site.register(client, carry="header"))["session_token"]
        codes = [
            code_of(await client.post(f"{API}/{path}", json=body, headers={"authorization": f"Bearer {token}"}))
            for _ in range(7)
        ]
        assert codes == ["login.refused"] * 5 + ["attempts.exceeded"] * 2


async def test_registrations_are_limited_too():
    async with running(attempts=LIMIT) as site:
        codes = []
        for number in range(10):
            answer = await site.client().post(
                f"{API}/register", json={"email": f"user{number}@example.com", "password": PASSWORD}
            )
            codes.append(answer.status_code)
        assert codes == [201] * 8 + [429] * 2
