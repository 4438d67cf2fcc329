"""JW-05: HS256 with an empty, short or famous secret (RFC 7518 §3.2, RFC 8725 §3.5).

Our HS256 keys are 32 random bytes, never typed in by anybody; the master secret they are sealed under must be long.
"""

import pytest

from coatcheck.errors import Misconfigured
from coatcheck.model.key import Algorithm
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.keyring import Signer, VerificationKey
from coatcheck.tokens.weak_keys import KeyRefused
from tests.tokens.specimens import assert_refused, compact, header, hmac_with

FAMOUS = [b"", b"secret", b"your-256-bit-secret", b"changeme", b"password", b"jwt_secret", b"key", b"0" * 31, b"\0"]


@pytest.mark.parametrize("secret", FAMOUS)
def test_a_token_signed_with_a_famous_secret_is_refused(secret: bytes) -> None:
    assert_refused(compact(header(Algorithm.HS256), sign_with=hmac_with(secret)))


@pytest.mark.parametrize("secret", FAMOUS)
def test_a_short_secret_never_becomes_a_key(secret: bytes) -> None:
    with pytest.raises(KeyRefused):
        VerificationKey("key_1", Algorithm.HS256, secret)
    with pytest.raises(KeyRefused):
        Signer("key_1", Algorithm.HS256, secret)


@pytest.mark.parametrize("secret", FAMOUS)
def test_a_short_master_secret_is_refused_at_construction(secret: bytes) -> None:
    with pytest.raises(Misconfigured):
        Secrets([secret.decode()])
