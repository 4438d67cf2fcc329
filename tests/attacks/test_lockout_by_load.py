"""Somebody keeps the hashing threads busy, so that the owner of an account is refused again and again.

LG-04, LG-16: a password that nobody looked at is no attempt, and neither is a right one that came to nothing: whoever
tries again, as the answer says, is not locked out by that.
"""

from datetime import timedelta
from typing import Any

import pytest

from coatcheck.errors import LoginBusy
from coatcheck.settings import AttemptSettings
from tests.site import API, PASSWORD, Site, code_of, running

pytestmark = pytest.mark.anyio

LIMIT = AttemptSettings(per_account=3, per_device=3, per_address=50)


class _Busy:
    """A pool in which there is no room for one function, or for any."""

    def __init__(self, pool: Any, refused: Any = None) -> None:
        self._pool, self._refused = pool, refused

    async def run(self, function: Any, *arguments: Any, **more: Any) -> Any:
        if self._refused is None or function == self._refused:
            raise LoginBusy(retry_after=timedelta(seconds=1))
        return await self._pool.run(function, *arguments, **more)

    def require_room(self, **_: Any) -> None:
        """There was some when it was asked for."""

    def close(self) -> None:
        self._pool.close()


def _make_busy(site: Site, refused: Any = None) -> Any:
    pool = site.auth._ready.pool
    object.__setattr__(site.auth._ready, "pool", _Busy(pool, refused))
    return lambda: object.__setattr__(site.auth._ready, "pool", pool)


@pytest.mark.parametrize("is_known", [True, False])
async def test_logins_that_were_turned_away_do_not_lock_the_owner_out(is_known: bool):
    async with running(attempts=LIMIT) as site:
        browser = site.browser()
        await site.register(browser)
        if not is_known:
            browser = site.browser("198.51.100.1")
        relieve = _make_busy(site)
        for _ in range(10):
            answer = await browser.post(f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD})
            assert (answer.status_code, code_of(answer)) == (503, "login.busy")
            assert "retry-after" in answer.headers
        relieve()
        await site.log_in(browser)


async def test_proofs_that_were_turned_away_do_not_lock_the_owner_out():
    async with running(attempts=LIMIT) as site:
        browser = site.browser()
        await site.register(browser)
        relieve = _make_busy(site)
        for _ in range(5):
            for path, body in (
                ("reauthenticate", {"password": PASSWORD}),
                ("password", {"current": PASSWORD, "new": "two odd tall elms"}),
            ):
                assert code_of(await browser.post(f"{API}/{path}", json=body)) == "login.busy"
        relieve()
        assert (await browser.post(f"{API}/reauthenticate", json={"password": PASSWORD})).status_code == 200


@pytest.mark.parametrize(("new", "code"), [("short", "password.weak"), ("x" * 300, "request.invalid")])
async def test_new_passwords_that_are_refused_do_not_lock_the_owner_out(new: str, code: str):
    async with running(attempts=LIMIT) as site:
        browser = site.browser()
        await site.register(browser)
        for _ in range(10):
            answer = await browser.post(f"{API}/password", json={"current": PASSWORD, "new": new})
            assert code_of(answer) == code
        await site.log_in(browser)


async def test_a_hash_that_can_not_be_upgraded_now_keeps_nobody_out():
    async with running(attempts=LIMIT) as site:
        browser = site.browser()
        await site.register(browser)
        hasher = site.auth._ready.hasher
        hasher.needs_rehash = lambda _: True
        _make_busy(site, hasher.hash)
        await site.log_in(browser)


async def test_wrong_passwords_count_as_ever():
    async with running(attempts=LIMIT) as site:
        browser = site.browser()
        await site.register(browser)
        codes = [
            code_of(await browser.post(f"{API}/password", json={"current": "wrong", "new": "short"})) for _ in range(5)
        ]
        assert codes == ["login.refused"] * 3 + ["attempts.exceeded"] * 2
