"""JW-01, JW-02, JW-03: a token without a signature, or with its signature taken away.

RFC 8725 §2.1: libraries once believed ``"alg": "none"``. Here it is no algorithm, whatever stands after the last dot.
"""

import pytest

from coatcheck.model.key import Algorithm
from tests.tokens.specimens import always, assert_accepted, assert_refused, compact, header, kid_of, token

SPELLINGS = ["none", "None", "NONE", "nOnE", "none ", "none\0", "nonE"]


@pytest.mark.parametrize("alg", SPELLINGS)
@pytest.mark.parametrize("kid", [*map(kid_of, Algorithm), None])
def test_none_with_an_empty_signature_is_refused(alg: str, kid: str | None) -> None:
    assert_refused(compact(header(alg=alg, kid=kid), sign_with=always(b"")))
    without_kid = {"alg": alg, "typ": "at+jwt"}
    assert_refused(compact(without_kid, sign_with=always(b"")))


@pytest.mark.parametrize("alg", SPELLINGS)
@pytest.mark.parametrize("algorithm", Algorithm)
def test_none_with_a_signature_is_refused_even_a_good_one(alg: str, algorithm: Algorithm) -> None:
    assert_refused(compact(header(algorithm, alg=alg), sign_with=algorithm))
    assert_refused(compact(header(algorithm, alg=alg), sign_with=always(b"\0")))


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("ending", [b".", b"", b".null", b".none", b".AA", b"..", b". ", b".\n"])
def test_a_token_whose_signature_was_taken_away_is_refused(algorithm: Algorithm, ending: bytes) -> None:
    good = token(algorithm)
    assert_accepted(good)
    assert_refused(good.rpartition(b".")[0] + ending)
