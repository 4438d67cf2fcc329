"""Session tokens are guessed, random or in sequence.

SE-05 (OWASP ASVS 7.2.3): none hits, and none even reaches the store.
"""

from base64 import urlsafe_b64encode
from secrets import token_bytes

import pytest

from tests.site import API, bearer, code_of, running

pytestmark = pytest.mark.anyio


async def test_guesses_are_refused_without_asking_the_store():
    async with running() as site:
        body = await site.register(site.client(), carry="header")
        real = body["session_token"]
        asked = []
        look_up = site.auth._running.recall._look_up

        async def watched(question, fresh):
            asked.append(question)
            return await look_up(question, fresh)

        site.auth._running.recall._look_up = watched
        client = site.client()
        random = ["ccs_" + urlsafe_b64encode(token_bytes(33)).decode() for _ in range(1000)]
        near = [
            real[:place] + ("A" if real[place] != "A" else "B") + real[place + 1 :] for place in range(4, len(real))
        ]
        for guess in random + near:
            assert code_of(await client.get(f"{API}/me", headers=bearer(guess))) == "token.invalid"
        assert asked == []
        assert (await client.get(f"{API}/me", headers=bearer(real))).status_code == 200
        assert len(asked) == 1


async def test_two_tokens_share_nothing_but_prefix_and_key_id():
    async with running() as site:
        await site.register(site.client(), carry="header")
        tokens = [(await site.log_in(site.client(), carry="header"))["session_token"] for _ in range(200)]
        secrets = [token[8:] for token in tokens]
        assert len(set(secrets)) == len(secrets)
        assert len({token[:8] for token in tokens}) == 1
        assert min(len(secret) for secret in secrets) * 6 >= 160
