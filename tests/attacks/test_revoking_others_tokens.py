"""Somebody revokes tokens that are not theirs, or learns something by trying.

RF-17 and OA-21 (RFC 7009 §2.1, §2.2).
"""

from datetime import timedelta

import pytest

from coatcheck.settings import TokenSettings
from tests.machines import ISSUER, ask_token, by_basic, revoke
from tests.site import API, bearer, code_of, running

pytestmark = pytest.mark.anyio

TOKENS = TokenSettings(audiences=("orders",))


async def _service(site, **more):
    made = await site.auth.services.create("worker", audiences=[ISSUER], **more)
    return by_basic(made.service.id, made.first.secret), made


async def _token(site, proof) -> str:
    return (await ask_token(site, headers=proof)).json()["access_token"]


async def _call(site, token):
    return await site.client().get(f"{API}/check?identity=headers", headers=bearer(token))


async def test_unknown_and_dead_tokens_are_answered_as_good_ones():
    async with running() as site:
        body = await site.register(site.client(), carry="tokens")
        answers = [await revoke(site, each) for each in ("nonsense", "ccs_" + "a" * 44, "eyJ.e.s", "ö", "ccr_x")]
        answers += [await revoke(site, body["refresh_token"]), await revoke(site, body["refresh_token"])]
        assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"{}")}
        missing = await site.client().post(f"{API}/revoke", data={"other": "x"})
        assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")


async def test_an_invented_token_keeps_nobody_waiting():
    """HT-08: it would cost a write, and every checker an answer at once."""
    async with running() as site:
        body = await site.register(site.client(), carry="tokens")
        place, forged = f"{API}/revoke?wait=true", body["refresh_token"][:-4] + "AAAA"
        for token in ("nonsense", "ccs_" + "a" * 44, "cck_" + "a" * 50, "eyJ.e.s", forged):
            answer = await site.client().post(place, data={"token": token})
            assert (answer.status_code, answer.content) == (200, b"{}"), token
        genuine = await site.client().post(place, data={"token": body["refresh_token"]})
        assert "receipt" in genuine.json()


async def test_a_refresh_token_ends_its_session_and_every_token_of_it():
    async with running() as site:
        body = await site.register(site.client(), carry="tokens")
        other = await site.log_in(site.client(), carry="tokens")
        assert (await revoke(site, body["refresh_token"], token_type_hint="access_token")).status_code == 200
        assert code_of(await _call(site, body["access_token"])) == "session.ended"
        assert (await _call(site, other["access_token"])).status_code == 204


async def test_an_access_token_is_refused_and_its_session_goes_on():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        assert (await revoke(site, body["access_token"])).status_code == 200
        assert code_of(await _call(site, body["access_token"])) == "token.outdated"
        fresh = await client.post(
            f"{API}/token", data={"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        )
        assert (await _call(site, fresh.json()["access_token"])).status_code == 204
        await revoke(site, body["access_token"])
        assert (await _call(site, fresh.json()["access_token"])).status_code == 204, "an old one revokes no newer ones"


async def test_a_cookies_login_outlives_the_access_token_that_was_got_with_it():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        exchanged = await browser.post(f"{API}/token", data={"grant_type": "urn:coatcheck:session"})
        token = exchanged.json()["access_token"]
        assert (await revoke(site, token)).status_code == 200
        assert code_of(await _call(site, token)) == "token.outdated"
        assert (await browser.get(f"{API}/me")).status_code == 200
        again = await browser.post(f"{API}/token", data={"grant_type": "urn:coatcheck:session"})
        assert (await _call(site, again.json()["access_token"])).status_code == 204


async def test_whoever_finds_a_key_can_revoke_it():
    async with running() as site:
        body = await site.register(site.client(), carry="header")
        key = await site.auth.api_keys.create(body["user"]["id"], "lost")
        _, made = await _service(site)
        for secret in (key.secret, made.first.secret):
            answer = await site.client().post(f"{API}/revoke?wait=true", data={"token": secret})
            assert answer.json()["receipt"]["confirmed"] == 1
        assert code_of(await _call(site, key.secret)) == "session.ended"
        assert (await ask_token(site, headers=by_basic(made.service.id, made.first.secret))).status_code == 401
        assert (await _call(site, body["session_token"])).status_code == 204


async def test_a_service_revokes_its_own_tokens_and_nobody_elses():
    async with running() as site:
        body = await site.register(site.client(), carry="tokens")
        mine, _ = await _service(site)
        theirs, other = await _service(site)
        own, foreign = await _token(site, mine), await _token(site, theirs)
        for token in (foreign, body["access_token"], body["refresh_token"], other.first.secret):
            answer = await revoke(site, token, mine)
            assert (answer.status_code, answer.content) == (200, b"{}")
        for token in (foreign, body["access_token"]):
            assert (await _call(site, token)).status_code == 204
        assert (await revoke(site, own, mine)).status_code == 200
        assert code_of(await _call(site, own)) == "token.outdated"
        assert (await _call(site, await _token(site, mine))).status_code == 204, "its secret goes on"


async def test_a_service_that_was_shown_anothers_token_can_not_revoke_it_as_a_stranger():
    async with running() as site:
        mine, _ = await _service(site)
        token = await _token(site, mine)
        assert (await revoke(site, token)).content == b"{}"
        assert (await _call(site, token)).status_code == 204


async def test_a_wrong_proof_revokes_nothing():
    async with running() as site:
        body = await site.register(site.client(), carry="tokens")
        answer = await revoke(site, body["refresh_token"], by_basic("svc_x", "ccx_x"))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert (await _call(site, body["access_token"])).status_code == 204


async def test_an_expired_token_of_a_service_does_not_end_its_secret_at_logout():
    """Logout takes tokens that have expired; a service's secret is nothing that it may end."""
    async with running() as site:
        mine, _ = await _service(site)
        token = await _token(site, mine)
        site.clock.advance(timedelta(minutes=11))
        await site.client().post(f"{API}/logout", headers=bearer(token))
        assert (await ask_token(site, headers=mine)).status_code == 200
