"""JW-25, JW-26, JW-27, KM-14: signatures of ES256 that are zero, out of range, written otherwise, or altered.

CVE-2022-21449 ("psychic signatures"): r = s = 0 verified everything. RFC 7518 §3.4: r ‖ s, 32 bytes each, nothing else.
"""

from collections.abc import Callable, Iterator
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from coatcheck.model.key import Algorithm
from coatcheck.tokens.jwt import verify
from tests.tokens.specimens import always, assert_refused, compact, find_key, header, parts, private_key, signer, token

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
SIGN = signer(Algorithm.ES256).sign


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32) + s.to_bytes(32)


@pytest.mark.parametrize("r", [0, 1, N - 1, N, N + 1, P - N, P, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, N - 1, N, N + 1, P - N, P, 2**256 - 1])
def test_a_signature_of_special_numbers_is_refused(r: int, s: int) -> None:
    assert_refused(compact(header(), sign_with=always(raw(r, s))))


def altered(signature: bytes) -> Iterator[bytes]:
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    yield raw(s, r)
    yield raw(N - r, s)
    yield raw(r, N - s ^ 1)
    yield signature[:32] + bytes(32)
    yield bytes(32) + signature[32:]
    yield b"\0" + signature
    yield signature + b"\0"
    yield b"\0" + signature[:32] + b"\0" + signature[32:]
    yield signature[:63]
    yield signature[1:]
    yield signature * 2
    yield b""


def test_a_good_signature_that_was_altered_or_lengthened_is_refused() -> None:
    for _ in range(8):
        head, payload, signature = parts(token())
        for change in altered(signature):
            assert_refused(compact(head, payload, always(change)))


@pytest.mark.parametrize(
    "trim", [lambda der: der, lambda der: der[:64], lambda der: der[-64:], lambda der: der.ljust(72, b"\0")]
)
def test_the_asn1_form_is_refused(trim: Callable[[bytes], bytes]) -> None:
    private = cast("EllipticCurvePrivateKey", private_key(Algorithm.ES256))
    for _ in range(20):
        assert_refused(compact(header(), sign_with=lambda message: trim(private.sign(message, ECDSA(SHA256())))))


def test_the_other_root_verifies_and_is_the_same_token_to_us() -> None:
    """(r, n − s) is a signature too. A token is therefore known by ``sid`` and ``jti``, never by its own text."""
    good = token()
    head, payload, signature = parts(good)
    twin = compact(head, payload, lambda _: signature[:32] + (N - int.from_bytes(signature[32:])).to_bytes(32))
    assert twin != good
    assert verify(twin, find_key) == verify(good, find_key)


def test_two_signatures_never_share_their_nonce() -> None:
    assert len({SIGN(b"the same message")[:32] for _ in range(2000)}) == 2000


def test_signatures_with_leading_zeros_keep_their_length() -> None:
    """One in 128 signatures has an r or s of 31 bytes or fewer: they are written with zeros, and verify."""
    short = 0
    for number in range(3000):
        signature = SIGN(b"%d" % number)
        assert len(signature) == 64
        if signature[0] == 0 or signature[32] == 0:
            short += 1
            good = compact(header(), {"n": number}, always(signature))
            assert len(parts(good)[2]) == 64
            key = find_key("key_es256")
            assert key is not None
            assert key.verifies(signature, b"%d" % number)
    assert short > 0
