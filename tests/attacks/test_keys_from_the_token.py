"""JW-09, JW-10, JW-11, JW-12, JW-13, JW-50: a token that brings its own key, or says where to fetch it.

RFC 7515 §4.1.2 to §4.1.6 offer it, RFC 8725 §3.10 warns of it (CVE-2018-0114, CVE-2026-27962). Keys come from our own
log alone: such a header is refused, nothing is resolved, connected to or opened, and ``iss`` picks no key.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from coatcheck.model.key import Algorithm
from coatcheck.tokens.jwks import jwk
from coatcheck.tokens.jwt import verify
from coatcheck.tokens.keyring import Signer, VerificationKey, generate
from tests.tokens.specimens import assert_refused, compact, find_key, header, kid_of, members, no_outside_world, token

ADDRESSES = [
    "https://attacker.example/jwks.json",
    "https://auth.example.com/auth/../redirect?to=https://attacker.example",
    "https://auth.example.com@attacker.example/jwks.json",
    "https://auth.example.com.attacker.example/",
    "https://auth.example.com/jwks.json\r\nHost: attacker.example",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://[::1]:6379/",
    "http://0.0.0.0/",
    "http://127.0.0.1:22/",
    "http://2130706433/",
    "http://localhost/",
    "file:///etc/passwd",
    "file:///proc/self/environ",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp://attacker.example/key.pem",
    "data:application/json,{}",
    "//attacker.example/",
    "\\\\attacker.example\\share",
    "",
]


def attacker(algorithm: Algorithm) -> tuple[Signer, dict[str, str]]:
    """A key of the attacker's own, under the kid of ours."""
    private = generate(algorithm)
    kid = kid_of(algorithm)
    if isinstance(private, bytes):
        k = base64.urlsafe_b64encode(private).decode().rstrip("=")
        return Signer(kid, algorithm, private), {"kty": "oct", "k": k, "alg": "HS256", "kid": kid}
    return Signer(kid, algorithm, private), jwk(VerificationKey(kid, algorithm, private.public_key()))


def certificate(private: EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "auth.example.com")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=3650))
        .sign(private, SHA256())
    )
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_key_inside_the_header_is_not_used(algorithm: Algorithm) -> None:
    signer, public = attacker(algorithm)
    for kid in (kid_of(algorithm), "key_attacker"):
        assert_refused(compact(header(algorithm, kid=kid, jwk=public), sign_with=signer.sign))
    assert_refused(compact({"alg": algorithm.value, "typ": "at+jwt", "jwk": public}, sign_with=signer.sign))


@pytest.mark.parametrize("name", ["jku", "x5u"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_key_is_never_fetched(name: str, address: str) -> None:
    signer, _ = attacker(Algorithm.ES256)
    forged = compact(header(**{name: address}), sign_with=signer.sign)
    genuine = compact(header(**{name: address}))
    with no_outside_world():
        assert_refused(forged)
        assert_refused(genuine)


def test_a_certificate_chain_in_the_header_is_not_used() -> None:
    private = cast("EllipticCurvePrivateKey", generate(Algorithm.ES256))
    ours, theirs = certificate(cast("EllipticCurvePrivateKey", generate(Algorithm.ES256))), certificate(private)
    sign = Signer(kid_of(Algorithm.ES256), Algorithm.ES256, private).sign
    for chain in ([theirs], [ours, theirs], [theirs, ours], theirs, []):
        with no_outside_world():
            assert_refused(compact(header(x5c=chain), sign_with=sign))


@pytest.mark.parametrize("name", ["x5t", "x5t#S256", "jwks", "keys", "key", "cert", "epk", "apu"])
def test_other_hints_at_a_key_are_refused_too(name: str) -> None:
    assert_refused(compact(header(**{name: "AAAA"})))


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_issuer_of_a_token_picks_no_key(address: str) -> None:
    signer, public = attacker(Algorithm.ES256)
    asked: list[Any] = []

    def find(kid: str) -> VerificationKey | None:
        asked.append(kid)
        return find_key(kid)

    payload = json.dumps(members(iss=address, jku=address, jwk=public)).encode()
    with no_outside_world():
        assert_refused(compact(header(), payload, signer.sign), find)
    assert asked == [kid_of(Algorithm.ES256)]


def test_the_watch_over_the_outside_world_is_awake(tmp_path: Any) -> None:
    with pytest.raises(AssertionError), no_outside_world():
        (tmp_path / "file").write_text("seen")
    with no_outside_world():
        verify(token(), find_key)
