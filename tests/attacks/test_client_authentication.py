"""Somebody asks for a service's token with no proof, a wrong one, two at once, or one that reads in two ways.

OA-14 and OA-15 (RFC 6749 §2.3.1, §5.2), and what a service asks for beyond its own lists (OA-13).
"""

from base64 import b64encode
from datetime import timedelta

import pytest

from coatcheck.settings import TokenSettings
from coatcheck.tokens.api_key import KeyTokens
from coatcheck.tokens.derivation import Secrets
from tests.machines import ISSUER, ask_token, assertion, by_assertion, by_basic, introspect, new_pair
from tests.site import SECRET, bearer, code_of, running

pytestmark = pytest.mark.anyio


def _raw(text: bytes) -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(text).decode()}


async def _service(site, **more):
    made = await site.auth.services.create("worker", audiences=[ISSUER], **more)
    return made.service.id, made.first.secret


async def test_whatever_is_wrong_is_told_alike():
    async with running() as site:
        service_id, secret = await _service(site)
        other_id, other_secret = await _service(site)
        forged = KeyTokens("ccx", Secrets(("another secret altogether, long enough to be one",))).issue()
        unknown = KeyTokens("ccx", Secrets((SECRET,))).issue()
        key = (await site.auth.api_keys.create((await site.auth.create_user("a@example.com")).id, "key")).secret
        wrong = [
            ({}, {}),
            ({"client_id": service_id}, {}),
            ({"client_secret": secret}, {}),
            ({"client_id": service_id, "client_secret": "x"}, {}),
            ({"client_id": other_id, "client_secret": secret}, {}),
            ({}, by_basic(service_id, other_secret)),
            ({}, by_basic(service_id, "")),
            ({}, by_basic("", secret)),
            ({}, by_basic(service_id.upper(), secret)),
            ({"client_id": other_id}, by_basic(service_id, secret)),
            ({}, by_basic(service_id, forged)),
            ({}, by_basic(service_id, unknown)),
            ({}, by_basic(service_id, key)),
            ({}, by_basic(service_id, secret + " ")),
            ({}, by_basic(service_id, secret + "%")),
            ({}, bearer(key)),
            ({}, bearer("ccx_")),
            ({}, {"authorization": "Digest " + secret}),
            ({}, {"authorization": ""}),
        ]
        answers = [await ask_token(site, form, headers) for form, headers in wrong]
        assert {(answer.status_code, answer.content) for answer in answers} == {(401, answers[0].content)}
        assert answers[0].json()["error"] == "invalid_client"
        assert {answer.headers["www-authenticate"] for answer in answers} == {'Basic realm="coatcheck"'}


@pytest.mark.parametrize(
    "raw", [b"no colon", b":", b"\xff\xfe:\x80", b"svc_%zz:%", b"a:b:c", b"%C3%28:x", "svc_ö:ä+%2B".encode(), b"\0:\0"]
)
async def test_a_basic_header_of_any_kind_is_refused_without_a_crash(raw):
    async with running() as site:
        assert (await ask_token(site, headers=_raw(raw))).status_code == 401
        for text in ("Basic", "Basic !!!", "Basic " + "A" * 9000, "Basic YQ"):
            assert (await ask_token(site, headers={"authorization": text})).status_code == 401


async def test_both_halves_of_basic_are_form_encoded():
    """RFC 6749 §2.3.1: a library that encodes every character means the same."""
    async with running() as site:
        service_id, secret = await _service(site)
        encoded = "".join(f"%{ord(character):02X}" for character in secret)
        assert (await ask_token(site, headers=by_basic(service_id.replace("_", "%5F"), encoded))).status_code == 200


async def test_two_proofs_at_once_are_refused():
    async with running() as site:
        service_id, secret = await _service(site)
        private, public = new_pair()
        await site.auth.services.add_key(service_id, "pair", public)
        signed = by_assertion(assertion(site, private, service_id))
        in_form = {"client_id": service_id, "client_secret": secret}
        for form, headers in (
            (in_form, by_basic(service_id, secret)),
            (signed, by_basic(service_id, secret)),
            (signed | in_form, {}),
        ):
            answer = await ask_token(site, form, headers)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        for form, headers in ((in_form, {}), (signed, {}), ({}, by_basic(service_id, secret))):
            assert (await ask_token(site, form, headers)).status_code == 200


async def test_a_service_gets_no_other_audience_and_no_other_scope():
    async with running(tokens=TokenSettings(audiences=("billing",))) as site:
        made = await site.auth.services.create("worker", audiences=["orders", ISSUER], scopes=["read"])
        proof = by_basic(made.service.id, made.first.secret)
        for form, error in (
            ({"audience": "billing"}, "invalid_target"),
            ({"audience": f"{ISSUER}/api/feed"}, "invalid_target"),
            ({"audience": "orders billing"}, "invalid_target"),
            ({"scope": "write"}, "invalid_scope"),
            ({"scope": "read write"}, "invalid_scope"),
            ({"scope": "read\x0bread"}, "invalid_scope"),
        ):
            answer = await ask_token(site, form, proof)
            assert (answer.status_code, answer.json()["error"]) == (400, error), form
        silent = await site.auth.services.create("silent")
        answer = await ask_token(site, headers=by_basic(silent.service.id, silent.first.secret))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


async def test_a_service_that_names_the_feed_as_an_audience_does_not_open_it_so():
    async with running() as site:
        made = await site.auth.services.create("worker", audiences=[f"{ISSUER}/api/feed"])
        answer = await ask_token(site, {"audience": f"{ISSUER}/api/feed"}, by_basic(made.service.id, made.first.secret))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


async def test_a_token_of_a_service_does_not_get_the_next_one_for_another_audience():
    """Not with the token that it shows to others: it may be replayed by them."""
    async with running() as site:
        made = await site.auth.services.create("worker", audiences=["orders"])
        token = (await ask_token(site, headers=by_basic(made.service.id, made.first.secret))).json()["access_token"]
        assert (await ask_token(site, headers=bearer(token))).status_code == 401


@pytest.mark.parametrize("asked", [{}, {"scope": "write"}, {"audience": f"{ISSUER}/api/feed"}])
async def test_a_token_with_few_scopes_gets_no_other_and_does_not_live_on_in_the_next(asked):
    """One that a part of the service was given would be worth its secret, and last as long (RFC 9700 §4.14)."""
    async with running() as site:
        made = await site.auth.services.create("worker", audiences=[ISSUER], scopes=["read", "write"], feed=True)
        narrow = {"audience": ISSUER, "scope": "read"}
        token = (await ask_token(site, narrow, by_basic(made.service.id, made.first.secret))).json()["access_token"]
        answer = await ask_token(site, narrow | asked, bearer(token))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert (await introspect(site, token, bearer(token))).json()["scope"] == "read", "it is good for what it is for"


async def test_a_token_proves_no_other_service():
    async with running() as site:
        service_id, secret = await _service(site)
        other_id, _ = await _service(site)
        token = (await ask_token(site, headers=bearer(secret))).json()["access_token"]
        assert (await introspect(site, token, bearer(token), client_id=other_id)).status_code == 401
        assert (await introspect(site, token, bearer(token), client_id=service_id)).status_code == 200


async def test_the_secret_of_a_service_opens_no_endpoint_of_people_and_no_application():
    async with running() as site:
        _, secret = await _service(site)
        for path in ("me", "sessions", "api-keys", "admin/users", "check"):
            answer = await site.client().get(f"/auth/api/{path}", headers=bearer(secret))
            assert (answer.status_code, code_of(answer)) == (401, "token.wrong_kind")


async def test_a_secret_that_expired_is_refused():
    async with running() as site:
        service_id, _ = await _service(site)
        ends = site.clock.now + timedelta(hours=1)
        made = await site.auth.services.add_secret(service_id, "for an hour", expires_at=ends)
        proof = by_basic(service_id, made.secret)
        body = (await ask_token(site, headers=proof)).json()
        site.clock.advance(timedelta(minutes=55))
        assert (await ask_token(site, headers=proof)).json()["expires_in"] == 300, "no token outlives the secret"
        site.clock.advance(timedelta(minutes=5))
        assert (await ask_token(site, headers=proof)).status_code == 401
        assert body["expires_in"] == 600


async def test_a_revoked_secret_that_is_still_tried_is_in_the_trail_once_an_hour():
    async with running() as site:
        service_id, secret = await _service(site)
        [credential] = await site.auth.services.credentials_of(service_id)
        await site.auth.services.revoke_credential(service_id, credential.id)
        for _ in range(5):
            assert (await ask_token(site, headers=by_basic(service_id, secret))).status_code == 401
        await ask_token(site, headers=by_basic(service_id, KeyTokens("ccx", Secrets((SECRET,))).issue()))
        [entry] = await site.auth.audit(kind="credential.failed")
        assert (entry.user_id, entry.session_id, entry.outcome) == (service_id, credential.id, "refused")
        assert entry.address == "203.0.113.7"
        site.clock.advance(timedelta(minutes=61))
        await ask_token(site, headers=by_basic(service_id, secret))
        assert len(await site.auth.audit(kind="credential.failed")) == 2
