"""JW-40: a token of another type than an access token's (RFC 8725 §3.11, RFC 9068 §2.1)."""

from typing import Any

import pytest

from coatcheck.model.key import Algorithm
from tests.tokens.specimens import assert_accepted, assert_refused, compact, header, kid_of


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt"])
def test_the_type_of_an_access_token_is_accepted_in_both_spellings(typ: str) -> None:
    assert_accepted(compact(header(typ=typ)))


@pytest.mark.parametrize(
    "typ",
    [
        "JWT", "jwt", "JWT\0", "JOSE", "AT+JWT", "At+Jwt", "at+jwt ", " at+jwt", "at+jwt\0", "at+jwt;v=1", "at jwt", "",
        "application/AT+JWT", "application/application/at+jwt", "text/at+jwt", "application/jwt", "application/",
        "id_token+jwt", "rt+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "client-authentication+jwt", "\u0430t+jwt",
        None, 1, True, ["at+jwt"], {"typ": "at+jwt"},
    ],
)  # fmt: skip
def test_another_type_is_refused(typ: Any) -> None:
    assert_refused(compact(header(typ=typ)))


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_missing_type_is_refused(algorithm: Algorithm) -> None:
    assert_refused(compact({"alg": algorithm.value, "kid": kid_of(algorithm)}, sign_with=algorithm))
