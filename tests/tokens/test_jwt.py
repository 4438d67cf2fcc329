import json

import pytest

from coatcheck.errors import TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens.jwt import UnknownKey, sign, verify
from coatcheck.tokens.keyring import VerificationKey
from coatcheck.tokens.weak_keys import KeyRefused
from tests.tokens.specimens import (
    assert_accepted,
    assert_refused,
    claims,
    compact,
    find_key,
    header,
    kid_of,
    members,
    parts,
    signer,
    token,
)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_token_is_verified_by_the_key_it_names(algorithm: Algorithm) -> None:
    verified = verify(token(algorithm), find_key)
    assert verified.kid == kid_of(algorithm)
    assert verified.claims == claims()


@pytest.mark.parametrize("algorithm", Algorithm)
def test_header_and_payload_say_what_rfc_9068_wants(algorithm: Algorithm) -> None:
    head, payload, _ = parts(token(algorithm))
    assert json.loads(head) == {"alg": algorithm.value, "kid": kid_of(algorithm), "typ": "at+jwt"}
    assert json.loads(payload) == members()


def test_a_token_that_others_put_together_with_our_key_is_accepted() -> None:
    assert_accepted(compact(header()))
    assert_accepted(compact(header(typ="application/at+jwt"), members(novelty=1)))
    assert_accepted(compact(json.dumps(header(), indent=4).encode()))


def test_an_unknown_key_is_a_token_invalid_that_tells_us_which() -> None:
    with pytest.raises(UnknownKey) as caught:
        verify(compact(header(kid="key_new")), find_key)
    assert caught.value.kid == "key_new"
    assert caught.value.args == TokenInvalid().args


def test_a_key_that_can_not_be_prepared_verifies_nothing() -> None:
    def find_broken(_: str) -> VerificationKey | None:
        raise KeyRefused("weak")

    assert_refused(token(), find_broken)


def test_a_key_found_under_another_kid_is_not_used() -> None:
    assert_refused(compact(header(kid="key_other")), lambda _: find_key(kid_of(Algorithm.ES256)))


def test_a_header_seen_before_is_trusted_no_further_than_its_key() -> None:
    good = token()
    assert_accepted(good)
    assert_refused(good, lambda _: None, unknown_key=True)
    assert_refused(good, lambda _: find_key(kid_of(Algorithm.EDDSA)))
    head, _, rest = good.partition(b".")
    assert_refused(head + b"." + rest[:-4] + b"AAAA")


def test_a_token_over_four_kilobytes_is_not_minted() -> None:
    with pytest.raises(ValueError, match="4096"):
        sign(claims(roles=tuple(f"role-{number}" for number in range(400))), signer(Algorithm.ES256))


def test_a_token_below_four_kilobytes_is_minted_and_accepted() -> None:
    text = sign(claims(roles=tuple(f"role-{number}" for number in range(220))), signer(Algorithm.RS256))
    assert 3500 < len(text) <= 4096
    assert_accepted(text.encode())


def test_the_message_of_a_refusal_tells_nothing_of_the_token() -> None:
    with pytest.raises(TokenInvalid) as caught:
        verify(token()[:-3], find_key)
    assert str(caught.value) == "The token is not valid."
    assert caught.value.__cause__ is None
