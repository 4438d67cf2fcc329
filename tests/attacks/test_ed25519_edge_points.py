"""JW-30: Ed25519 signatures that some verifiers accept and others refuse (RFC 8032 §5.1.7).

The documented behaviour here: S must be below L, so no signature has a second spelling; a key that is a point of small
order is refused when it is loaded, since under it anybody signs anything.
"""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from coatcheck.model.key import Algorithm
from coatcheck.tokens.keyring import VerificationKey
from coatcheck.tokens.weak_keys import KeyRefused
from tests.tokens.specimens import always, assert_refused, compact, header, parts, token

L = 2**252 + 27742317777372353535851937790883648493
IDENTITY = (1).to_bytes(32, "little")


@pytest.mark.parametrize("times", [1, 2, 7, 14])
def test_a_signature_with_s_raised_by_the_order_is_refused(times: int) -> None:
    head, payload, signature = parts(token(Algorithm.EDDSA))
    s = int.from_bytes(signature[32:], "little") + times * L
    assert_refused(compact(head, payload, lambda _: signature[:32] + s.to_bytes(32, "little")))


@pytest.mark.parametrize("high_bits", [0x20, 0x40, 0x80, 0xE0])
def test_the_unused_bits_of_s_must_be_zero(high_bits: int) -> None:
    head, payload, signature = parts(token(Algorithm.EDDSA))
    assert_refused(compact(head, payload, lambda _: signature[:63] + bytes((signature[63] | high_bits,))))


@pytest.mark.parametrize("signature", [bytes(64), IDENTITY + bytes(32), b"\xff" * 64, b"", bytes(63), bytes(65)])
def test_a_signature_without_a_key_is_refused(signature: bytes) -> None:
    assert_refused(compact(header(Algorithm.EDDSA), sign_with=always(signature)))


def test_the_identity_as_a_key_would_verify_everything_and_is_refused() -> None:
    everything = IDENTITY + bytes(32)
    Ed25519PublicKey.from_public_bytes(IDENTITY).verify(everything, b"any message at all")
    with pytest.raises(KeyRefused):
        VerificationKey("key_1", Algorithm.EDDSA, Ed25519PublicKey.from_public_bytes(IDENTITY))
