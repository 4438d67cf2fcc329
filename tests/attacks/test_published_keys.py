"""KM-01, JW-21, JW-22, JW-23: private members, secrets, doubles and keys for other uses in the published key set."""

import json

import pytest

from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import encode
from coatcheck.tokens.jwks import jwks
from tests.tokens.specimens import ASYMMETRIC, private_key, verification_key

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def test_nothing_private_is_ever_published() -> None:
    secret = private_key(Algorithm.HS256)
    assert isinstance(secret, bytes)
    published = jwks(verification_key(algorithm) for algorithm in Algorithm)
    assert [key["alg"] for key in published["keys"]] == ["ES256", "EdDSA", "RS256"]
    for key in published["keys"]:
        assert not key.keys() & PRIVATE_MEMBERS
        assert key["use"] == "sig"
    assert encode(secret).decode() not in json.dumps(published)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_two_keys_under_one_kid_are_refused(algorithm: Algorithm) -> None:
    with pytest.raises(ValueError, match="same kid"):
        jwks([verification_key(algorithm), verification_key(algorithm)])


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_verification_key_can_not_sign_and_holds_no_private_half(algorithm: Algorithm) -> None:
    key = verification_key(algorithm)
    assert not hasattr(key, "sign")
    assert not hasattr(key.public_key, "sign")
    assert not hasattr(key.public_key, "private_bytes")
