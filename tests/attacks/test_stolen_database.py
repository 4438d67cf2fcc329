"""Somebody has a copy of the database and tries to use what is in it.

SE-06: sessions, refresh tokens, devices and passwords are kept as digests only.
"""

import sqlite3

import pytest

from coatcheck.stores.open import store_for
from tests.site import API, PASSWORD, SECRET, bearer, running

pytestmark = pytest.mark.anyio


async def test_nothing_that_a_client_holds_is_in_the_file(tmp_path):
    path = tmp_path / "app.db"
    async with running(store_for(f"sqlite:///{path}")) as site:
        client = site.client()
        cookie = await site.register(client, carry="header")
        tokens = await site.log_in(client, carry="tokens")
        fresh = await client.post(
            f"{API}/token", data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        )
        held = [
            cookie["session_token"],
            cookie["device_token"],
            tokens["access_token"],
            tokens["refresh_token"],
            tokens["device_token"],
            fresh.json()["refresh_token"],
            PASSWORD,
            SECRET,
        ]
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in held:
        assert secret.encode() not in stored
        assert secret[4:].encode() not in stored


async def test_a_stored_digest_opens_nothing(tmp_path):
    path = tmp_path / "app.db"
    async with running(store_for(f"sqlite:///{path}")) as site:
        await site.register(site.client(), carry="header")
        await site.log_in(site.client(), carry="tokens")
        with sqlite3.connect(path) as database:
            values = [
                value
                for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for row in database.execute(f'SELECT * FROM "{table}"').fetchall()
                for value in row
                if isinstance(value, bytes | str) and len(value) >= 16
            ]
        database.close()
        assert values
        client = site.client()
        for value in values:
            text = value.hex() if isinstance(value, bytes) else value.encode("ascii", "ignore").decode()
            for guess in (text, f"ccs_{text}", f"ccr_{text}"):
                spoken = guess.replace("\n", "").replace("\r", "")[:7000]
                assert (await client.get(f"{API}/me", headers=bearer(spoken))).status_code == 401
                refused = await client.post(
                    f"{API}/token", data={"grant_type": "refresh_token", "refresh_token": spoken}
                )
                assert refused.status_code == 400
