"""JW-06, JW-07, JW-08, KM-12: the same key under another algorithm, and algorithms that are no such thing.

RFC 8725 §3.1: a key is used with one algorithm. The header only has to agree with it.
"""

import hashlib
from collections.abc import Callable
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from coatcheck.model.key import Algorithm
from tests.tokens.specimens import assert_refused, compact, header, hmac_with, kid_of, private_key, signer

RSA = cast("RSAPrivateKey", private_key(Algorithm.RS256))
EC = cast("EllipticCurvePrivateKey", private_key(Algorithm.ES256))
SECRET = cast("bytes", private_key(Algorithm.HS256))

OTHERS: list[tuple[str, Algorithm, Callable[[bytes], bytes]]] = [
    ("RS384", Algorithm.RS256, lambda message: RSA.sign(message, PKCS1v15(), hashes.SHA384())),
    ("RS512", Algorithm.RS256, lambda message: RSA.sign(message, PKCS1v15(), hashes.SHA512())),
    ("RS1", Algorithm.RS256, lambda message: RSA.sign(message, PKCS1v15(), hashes.SHA1())),  # noqa: S303
    ("PS256", Algorithm.RS256, lambda message: RSA.sign(message, PSS(MGF1(hashes.SHA256()), 32), hashes.SHA256())),
    ("PS384", Algorithm.RS256, lambda message: RSA.sign(message, PSS(MGF1(hashes.SHA384()), 48), hashes.SHA384())),
    ("ES384", Algorithm.ES256, lambda message: EC.sign(message, ECDSA(hashes.SHA384()))),
    ("ES512", Algorithm.ES256, lambda message: EC.sign(message, ECDSA(hashes.SHA512()))),
    ("ES256K", Algorithm.ES256, signer(Algorithm.ES256).sign),
    ("HS384", Algorithm.HS256, hmac_with(SECRET, "sha384")),
    ("HS512", Algorithm.HS256, hmac_with(SECRET, "sha512")),
    ("HS1", Algorithm.HS256, hmac_with(SECRET, "sha1")),
    ("Ed25519", Algorithm.EDDSA, signer(Algorithm.EDDSA).sign),
    ("Ed448", Algorithm.EDDSA, signer(Algorithm.EDDSA).sign),
]


@pytest.mark.parametrize(("alg", "algorithm", "sign_with"), OTHERS, ids=[alg for alg, _, _ in OTHERS])
def test_another_algorithm_of_the_family_is_refused_under_either_name(
    alg: str, algorithm: Algorithm, sign_with: Callable[[bytes], bytes]
) -> None:
    assert_refused(compact(header(algorithm, alg=alg), sign_with=sign_with))
    if sign_with != signer(algorithm).sign:
        assert_refused(compact(header(algorithm), sign_with=sign_with))


@pytest.mark.parametrize("claimed", Algorithm)
@pytest.mark.parametrize("key", Algorithm)
@pytest.mark.parametrize("signed", Algorithm)
def test_header_key_and_signature_must_all_be_of_one_algorithm(
    claimed: Algorithm, key: Algorithm, signed: Algorithm
) -> None:
    text = compact(header(claimed, kid=kid_of(key)), sign_with=signed)
    if not claimed is key is signed:
        assert_refused(text)


@pytest.mark.parametrize(
    "alg",
    [
        "",
        None,
        " HS256 ",
        "\tHS256",
        "hs256",
        "HS256\0",
        "H\uff33256",
        ["none", "HS256"],
        5,
        2.5,
        True,
        {},
        {"alg": "HS256"},
    ],
)
def test_an_alg_that_is_no_algorithm_is_refused(alg: Any) -> None:
    assert_refused(compact(header(Algorithm.HS256, alg=alg), sign_with=Algorithm.HS256))


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_missing_alg_is_refused(algorithm: Algorithm) -> None:
    assert_refused(compact({"kid": kid_of(algorithm), "typ": "at+jwt"}, sign_with=algorithm))


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_plain_hash_is_no_signature(algorithm: Algorithm) -> None:
    assert_refused(compact(header(algorithm), sign_with=lambda message: hashlib.sha256(message).digest()))
