"""The server is restarted: logins survive, and nothing that was used up becomes good again.

SE-24, RF-08, LG-09.
"""

from datetime import timedelta
from pathlib import Path

import pytest

from coatcheck.settings import AttemptSettings
from coatcheck.stores.open import store_for
from coatcheck.stores.port import Store
from tests.site import API, bearer, code_of, running

pytestmark = pytest.mark.anyio


def _store(folder: Path) -> Store:
    return store_for(f"sqlite:///{folder / 'app.db'}")


async def test_logins_survive_with_every_carry(tmp_path: Path):
    async with running(_store(tmp_path)) as site:
        browser, client = site.browser(), site.client()
        await site.register(browser)
        header = await site.log_in(client, carry="header")
        tokens = await site.log_in(client, carry="tokens")
        cookie = browser.cookies["__Host-coatcheck"]
    async with running(_store(tmp_path)) as site:
        client = site.client()
        assert (await site.client(cookie=f"__Host-coatcheck={cookie}").get(f"{API}/me")).status_code == 200
        for token in (header["session_token"], tokens["access_token"]):
            assert (await client.get(f"{API}/me", headers=bearer(token))).status_code == 200
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await client.post(f"{API}/token", data=form)).status_code == 200


async def test_what_was_ended_or_used_up_stays_so(tmp_path: Path):
    async with running(_store(tmp_path)) as site:
        client = site.client()
        ended = await site.register(client, carry="tokens")
        used = await site.log_in(client, carry="tokens")
        form = {"grant_type": "refresh_token", "refresh_token": used["refresh_token"]}
        first = (await client.post(f"{API}/token", data=form)).json()
        await client.post(f"{API}/token", data={**form, "refresh_token": first["refresh_token"]})
        await client.post(f"{API}/logout", headers=bearer(ended["access_token"]))
    async with running(_store(tmp_path)) as site:
        client = site.client()
        assert code_of(await client.get(f"{API}/me", headers=bearer(ended["access_token"]))) == "session.ended"
        gone = {"grant_type": "refresh_token", "refresh_token": ended["refresh_token"]}
        assert code_of(await client.post(f"{API}/token", data=gone)) == "session.ended"
        assert code_of(await client.post(f"{API}/token", data=form)) == "token.replayed"


async def test_a_used_token_is_not_fresh_because_the_clock_was_set_back_meanwhile(tmp_path: Path):
    async with running(_store(tmp_path)) as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        form = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        site.clock.advance(timedelta(minutes=5))
        assert (await client.post(f"{API}/token", data=form)).status_code == 200
    async with running(_store(tmp_path)) as site:  # five minutes earlier
        assert code_of(await site.client().post(f"{API}/token", data=form)) == "token.replayed"


async def test_counted_attempts_are_not_forgotten(tmp_path: Path):
    limit = AttemptSettings(per_account=2)
    wrong = {"email": "ann@example.com", "password": "not the right one"}
    async with running(_store(tmp_path), attempts=limit) as site:
        for _ in range(2):
            assert code_of(await site.client().post(f"{API}/login", json=wrong)) == "login.refused"
    async with running(_store(tmp_path), attempts=limit) as site:
        assert code_of(await site.client().post(f"{API}/login", json=wrong)) == "attempts.exceeded"
