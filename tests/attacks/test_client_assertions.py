"""A client assertion is forged, replayed, stretched, or made for somebody else.

OA-14 (RFC 7523 §3, RFC 8725; the assertion cases of PrOfESSOS 17 and of the OpenID conformance suite).
"""

import asyncio
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from coatcheck.errors import RequestInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import encode
from tests.machines import ISSUER, ask_token, assertion, by_assertion, new_pair, pem_of
from tests.site import Site, running

pytestmark = pytest.mark.anyio


async def _service(site: Site, public: str):
    made = await site.auth.services.create("signer", audiences=[ISSUER], public_key=public)
    return made.service.id, made.first.credential.id


async def _is_refused(site: Site, text: str, **form: str) -> None:
    answer = await ask_token(site, {**by_assertion(text), **form})
    assert (answer.status_code, answer.json()["error"], answer.json()["code"]) == (
        401,
        "invalid_client",
        "service.refused",
    )
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://other.example"},
        {"aud": ISSUER + "/"},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": [ISSUER, f"{ISSUER}/api/token"]},
        {"aud": None},
        {"exp": None},
        {"exp": "2099-01-01"},
        {"exp": -30},
        {"exp": 331},
        {"iat": 31},
        {"iat": -400},
        {"nbf": 31},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 129},
        {"jti": 7},
        {"iss": "svc_somebodyelse"},
        {"iss": None},
        {"sub": None},
        {"sub": "svc_\0"},
        {"sub": ["svc_x"]},
        {"jti": "\0" * 3, "aud": "\ud7ff"},
    ],
    ids=str,
)
async def test_an_assertion_with_another_claim_is_refused(claims):
    async with running() as site:
        private, public = new_pair()
        service_id, _ = await _service(site, public)
        now = int(site.clock.now.timestamp())
        said = {
            name: now + value if name in ("exp", "iat", "nbf") and isinstance(value, int) else value
            for name, value in claims.items()
        }
        await _is_refused(site, assertion(site, private, service_id, **said))
        assert (await ask_token(site, by_assertion(assertion(site, private, service_id)))).status_code == 200


@pytest.mark.parametrize("aud", [ISSUER, [ISSUER], f"{ISSUER}/api/token"], ids=str)
async def test_issuer_and_token_endpoint_are_audiences(aud):
    async with running() as site:
        private, public = new_pair()
        service_id, _ = await _service(site, public)
        answer = await ask_token(site, by_assertion(assertion(site, private, service_id, aud=aud, iat=None)))
        assert answer.status_code == 200


async def test_an_assertion_is_good_once_and_its_replay_is_audited():
    async with running() as site:
        private, public = new_pair()
        service_id, credential_id = await _service(site, public)
        text = assertion(site, private, service_id)
        assert (await ask_token(site, by_assertion(text))).status_code == 200
        site.clock.advance(timedelta(seconds=30))
        await _is_refused(site, text)
        [entry] = await site.auth.audit(kind="assertion.replayed")
        assert (entry.user_id, entry.session_id, entry.outcome) == (service_id, credential_id, "refused")


async def test_of_racing_replays_exactly_one_wins():
    async with running() as site:
        private, public = new_pair()
        service_id, _ = await _service(site, public)
        text = assertion(site, private, service_id)
        answers = await asyncio.gather(*(ask_token(site, by_assertion(text)) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19


async def test_what_was_used_up_stays_used_up_as_long_as_it_could_be_good():
    """The mark must outlive the assertion, on whatever clock within the leeway, and a purge in between."""
    async with running() as site:
        private, public = new_pair()
        service_id, _ = await _service(site, public)
        text = assertion(site, private, service_id, exp=int(site.clock.now.timestamp()) + 300)
        assert (await ask_token(site, by_assertion(text))).status_code == 200
        for _ in range(22):
            site.clock.advance(timedelta(seconds=15))
            now = site.clock.now
            await site.auth.store.write(lambda tx, now=now: tx.attempts.purge(now, 100))
            await _is_refused(site, text)


async def test_a_jti_is_the_services_own():
    async with running() as site:
        texts = []
        for _ in range(2):
            private, public = new_pair()
            service_id, _ = await _service(site, public)
            texts.append(assertion(site, private, service_id, jti="1"))
        for text in texts:
            assert (await ask_token(site, by_assertion(text))).status_code == 200


async def test_somebody_elses_key_signs_for_nobody():
    async with running() as site:
        (private, public), (other, other_public) = new_pair(), new_pair()
        service_id, credential_id = await _service(site, public)
        _, other_credential = await _service(site, other_public)
        for kid in (None, credential_id, other_credential):
            await _is_refused(site, assertion(site, other, service_id, kid=kid))
        await _is_refused(site, assertion(site, private, service_id, kid="../../etc/passwd"))
        await _is_refused(site, assertion(site, private, service_id), client_id="svc_somebodyelse")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "ES384"},
        {"typ": "at+jwt"},
        {"typ": "dpop+jwt"},
        {"jwk": "{}"},
        {"jku": "https://evil.example/keys"},
        {"crit": "exp"},
        {"b64": "false"},
    ],
    ids=str,
)
async def test_another_header_is_refused(header):
    async with running() as site:
        private, public = new_pair()
        service_id, _ = await _service(site, public)
        await _is_refused(site, assertion(site, private, service_id, header=header))


async def test_hmac_with_the_public_key_is_refused():
    """The classic confusion: the public key taken for a shared secret."""
    async with running() as site:
        _, public = new_pair()
        service_id, _ = await _service(site, public)
        await _is_refused(site, assertion(site, public.encode(), service_id, algorithm=Algorithm.HS256))


async def test_an_unsigned_or_torn_assertion_is_refused():
    async with running() as site:
        private, public = new_pair()
        service_id, _ = await _service(site, public)
        good = assertion(site, private, service_id)
        head, payload, signature = good.split(".")
        bare = encode(b'{"alg":"none"}').decode()
        for text in (f"{head}.{payload}.", f"{bare}.{payload}.", f"{head}.{payload}", good + ".", good[:-1], "ö.ä.ü"):
            await _is_refused(site, text)
        await _is_refused(site, f"{head}.{payload}=.{signature}")


async def test_our_own_access_tokens_are_no_assertions():
    async with running() as site:
        private, public = new_pair()
        service_id, _ = await _service(site, public)
        answer = await ask_token(site, by_assertion(assertion(site, private, service_id)))
        await _is_refused(site, answer.json()["access_token"])


async def test_another_assertion_type_is_refused():
    async with running() as site:
        private, public = new_pair()
        service_id, _ = await _service(site, public)
        saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
        await _is_refused(site, assertion(site, private, service_id), client_assertion_type=saml)
        await _is_refused(site, assertion(site, private, service_id), client_assertion_type="")


@pytest.mark.parametrize("what", ["private", "short", "certificate", "nonsense", "curve"])
async def test_a_key_that_must_not_be_used_is_not_taken(what):
    private, _ = new_pair()
    given = {
        "private": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "short": pem_of(generate_private_key(65537, 1024)),  # noqa: S505 - that is the point
        "certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "nonsense": "-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----",
        "curve": pem_of(ec.generate_private_key(ec.SECP384R1())),
    }[what]
    async with running() as site:
        with pytest.raises(RequestInvalid) as refused:
            await site.auth.services.create("signer", public_key=given)
        assert refused.value.errors[0].field == "public_key"
        assert await site.auth.services.page() == []


async def test_a_key_that_was_revoked_does_not_come_back_as_new():
    async with running() as site:
        _, public = new_pair()
        service_id, credential_id = await _service(site, public)
        await site.auth.services.revoke_credential(service_id, credential_id)
        with pytest.raises(RequestInvalid):
            await site.auth.services.add_key(service_id, "again", public)
