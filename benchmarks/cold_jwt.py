"""How long a cold verification takes beside the bare signature check.

Cold: everything from the raw token to checked claims (form, header, key, signature, payload, issuer, audience, times),
with nothing remembered of this token. Bare: only the call into ``cryptography``, or ``hmac``. Both in microseconds, the
best of several rounds, taken in turn so that a busy machine slows both.
"""

import hmac
from collections.abc import Callable
from time import perf_counter_ns
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.figure import Figure, figure
from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import decode
from coatcheck.tokens.claims import check_claims
from coatcheck.tokens.jwt import sign, verify
from tests.tokens.specimens import (
    AUDIENCE,
    ISSUER,
    NOW,
    claims,
    kid_of,
    private_key,
    signer,
    token,
    verification_key,
)


class Times(NamedTuple):
    """Microseconds."""

    bare: float
    cold: float
    signing: float


def bare_check(algorithm: Algorithm, text: bytes) -> Callable[[], object]:
    """The signature check alone, with everything prepared."""
    message, _, signature_text = text.rpartition(b".")
    signature = decode(signature_text)
    hashing, padding, ecdsa = SHA256(), PKCS1v15(), ECDSA(SHA256())
    match verification_key(algorithm).public_key:
        case EllipticCurvePublicKey() as p256:
            der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
            return lambda: p256.verify(der, message, ecdsa)
        case Ed25519PublicKey() as ed25519:
            return lambda: ed25519.verify(signature, message)
        case RSAPublicKey() as rsa:
            return lambda: rsa.verify(signature, message, padding, hashing)
    secret = private_key(algorithm)
    assert isinstance(secret, bytes)
    return lambda: hmac.compare_digest(hmac.digest(secret, message, "sha256"), signature)


def times_of(algorithm: Algorithm, rounds: int = 25, calls: int = 400) -> Times:
    """Take the three in turn."""
    text = token(algorithm)
    find = {kid_of(algorithm): verification_key(algorithm)}.get
    said, signing = claims(), signer(algorithm)

    def cold() -> None:
        check_claims(verify(text, find).claims, issuer=ISSUER, audience=AUDIENCE, now=NOW, leeway=30)

    what = (bare_check(algorithm, text), cold, lambda: sign(said, signing))
    best = [float("inf")] * 3
    for _ in range(rounds):
        for index, call in enumerate(what):
            begin = perf_counter_ns()
            for _ in range(calls):
                call()
            best[index] = min(best[index], (perf_counter_ns() - begin) / calls / 1000)
    return Times(*best)


def measure() -> dict[str, Figure]:
    """Cold ÷ bare where the signature dominates, cold − bare where it does not."""
    figures: dict[str, Figure] = {}
    for algorithm in Algorithm:
        times = times_of(algorithm)
        if algorithm in (Algorithm.ES256, Algorithm.EDDSA):
            figures[f"{algorithm.value}: cold ÷ bare"] = figure(times.cold / times.bare, goal=1.15)
        else:
            figures[f"{algorithm.value}: cold − bare"] = figure(times.cold - times.bare, "µs", goal=10)
        figures[f"{algorithm.value}: signing"] = figure(times.signing, "µs")
    return figures
