import json

import pytest
from joserfc.jwk import KeySet

from coatcheck.model.key import Algorithm
from coatcheck.tokens.jwks import jwk, jwks
from tests.tokens.specimens import ASYMMETRIC, kid_of, signer, verification_key

PUBLIC = {
    Algorithm.ES256: {"kty", "crv", "x", "y", "kid", "alg", "use"},
    Algorithm.EDDSA: {"kty", "crv", "x", "kid", "alg", "use"},
    Algorithm.RS256: {"kty", "n", "e", "kid", "alg", "use"},
}


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_key_is_published_with_its_public_members_and_its_binding(algorithm: Algorithm) -> None:
    published = jwk(verification_key(algorithm))
    assert published.keys() == PUBLIC[algorithm]
    assert (published["kid"], published["alg"], published["use"]) == (kid_of(algorithm), algorithm.value, "sig")


def test_another_library_reads_the_set() -> None:
    published = jwks(verification_key(algorithm) for algorithm in ASYMMETRIC)
    read = KeySet.import_key_set(json.loads(json.dumps(published)))
    for algorithm in ASYMMETRIC:
        public = read.get_by_kid(kid_of(algorithm))
        assert not public.is_private
        assert public.thumbprint()
    assert signer(Algorithm.ES256).kid in {key.kid for key in read.keys}


def test_coordinates_keep_their_leading_zeros() -> None:
    assert {len(jwk(verification_key(Algorithm.ES256))[name]) for name in "xy"} == {43}


def test_an_hs256_key_is_never_published() -> None:
    assert jwks([verification_key(Algorithm.HS256)]) == {"keys": []}
    with pytest.raises(ValueError, match="secret"):
        jwk(verification_key(Algorithm.HS256))


def test_an_empty_set_is_a_set() -> None:
    assert jwks([]) == {"keys": []}
