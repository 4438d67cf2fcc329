"""JW-04: HS256 with our public key as the secret (CVE-2016-10555, CVE-2022-29217, CVE-2024-33663, CVE-2026-48526).

The public key is no secret. If a verifier lets the token choose the algorithm, anybody signs with what is published.
"""

import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coatcheck.model.key import Algorithm
from coatcheck.tokens.jwks import jwk, jwks
from coatcheck.tokens.keyring import VerificationKey
from coatcheck.tokens.weak_keys import KeyRefused
from tests.tokens.specimens import ASYMMETRIC, assert_refused, compact, header, hmac_with, kid_of, verification_key


def encodings(algorithm: Algorithm) -> Iterator[bytes]:
    """Every way in which the public key may have been written down."""
    key = verification_key(algorithm).public_key
    assert key is not None
    forms = [(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)]
    if isinstance(key, RSAPublicKey):
        forms += [(Encoding.PEM, PublicFormat.PKCS1), (Encoding.DER, PublicFormat.PKCS1)]
        numbers = key.public_numbers()
        yield numbers.n.to_bytes(256)
        yield b"\0" + numbers.n.to_bytes(256)
        yield numbers.e.to_bytes(3)
        yield str(numbers.n).encode()
        yield f"{numbers.n:x}".encode()
    elif isinstance(key, EllipticCurvePublicKey):
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        yield from (point, point[1:], point[1:33], point[33:])
        yield key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    else:
        yield key.public_bytes_raw()
    yield key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    for encoding, form in forms:
        text = key.public_bytes(encoding, form)
        yield from (text, text.rstrip(b"\n"), text.replace(b"\n", b"\r\n"), text + b"\n", b"".join(text.split(b"\n")))
        yield b"".join(text.split(b"\n")[1:-2])
    for members in (jwk(verification_key(algorithm)), jwks([verification_key(algorithm)])):
        yield from (json.dumps(members).encode(), json.dumps(members, separators=(",", ":")).encode())
        yield json.dumps(members, sort_keys=True).encode()
    yield b""


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_the_public_key_is_no_hmac_secret(algorithm: Algorithm) -> None:
    tried = 0
    for secret in encodings(algorithm):
        for alg in ("HS256", algorithm.value):
            for kid in (kid_of(algorithm), kid_of(Algorithm.HS256)):
                forged = compact(
                    header(alg=alg, kid=kid),
                    sign_with=hmac_with(secret),
                )
                assert_refused(forged)
                tried += 1
    assert tried >= 60


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_public_key_can_not_be_loaded_as_an_hs256_key(algorithm: Algorithm) -> None:
    with pytest.raises(KeyRefused):
        VerificationKey(kid_of(algorithm), Algorithm.HS256, verification_key(algorithm).public_key)  # type: ignore[arg-type]
