"""JC-01, JC-02, JC-03, JC-04, JC-05: tokens that are over, not yet, for ever, or whose times are no times."""

import json
from datetime import timedelta
from typing import Any

import pytest

from coatcheck.errors import Misconfigured, TokenExpired, TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.settings import TokenSettings
from coatcheck.tokens.claims import MAX_AGE, MAX_LEEWAY, check_claims
from coatcheck.tokens.jwt import verify
from tests.tokens.specimens import AUDIENCE, ISSUER, NOW, assert_refused, compact, find_key, header, members, token


def present(text: bytes, now: float = NOW, leeway: float = 30) -> None:
    check_claims(verify(text, find_key).claims, issuer=ISSUER, audience=AUDIENCE, now=now, leeway=leeway)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_token_expired_beyond_the_leeway_is_expired(algorithm: Algorithm) -> None:
    text = token(algorithm, exp=NOW + 600)
    present(text, now=NOW + 600 + 29)
    with pytest.raises(TokenExpired):
        present(text, now=NOW + 600 + 31)


@pytest.mark.parametrize("leeway", [0, 1, 30, MAX_LEEWAY])
def test_the_leeway_is_applied_once(leeway: int) -> None:
    text = token(exp=NOW + 600)
    present(text, now=NOW + 600 + leeway - 1, leeway=leeway)
    with pytest.raises(TokenExpired):
        present(text, now=NOW + 600 + leeway, leeway=leeway)


def test_a_generous_leeway_is_refused_at_construction_and_at_the_check() -> None:
    for leeway in (timedelta(seconds=MAX_LEEWAY + 1), timedelta(seconds=-1)):
        with pytest.raises(Misconfigured, match="leeway"):
            TokenSettings(leeway=leeway)
    with pytest.raises(ValueError, match="leeway"):
        present(token(), leeway=61)


def test_a_token_for_days_is_refused_at_construction() -> None:
    TokenSettings(access_for=timedelta(seconds=MAX_AGE))
    for access_for in (timedelta(seconds=MAX_AGE + 1), timedelta(0)):
        with pytest.raises(Misconfigured, match="access_for"):
            TokenSettings(access_for=access_for)


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_token_from_the_future_is_refused(name: str) -> None:
    text = token(**{name: NOW + 100})
    present(text, now=NOW + 70)
    with pytest.raises(TokenInvalid):
        present(text, now=NOW + 69)


@pytest.mark.parametrize("name", ["exp", "iat"])
def test_a_missing_time_is_refused(name: str) -> None:
    said = members()
    del said[name]
    assert_refused(compact(header(), said))


@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
@pytest.mark.parametrize(
    "value",
    ["1800000600", "", 1800000600.0, 1e308, -1, -(2**70), True, False, None, [1800000600], {}, 2**63, 2**64, 10**300],
)
def test_a_time_that_is_no_time_is_refused(name: str, value: Any) -> None:
    assert_refused(compact(header(), members(**{name: value})))


@pytest.mark.parametrize(
    "value", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"0x1", b"01800000600", b"+1", b"1_000"]
)
@pytest.mark.parametrize("name", ["exp", "iat"])
def test_a_time_that_is_no_json_is_refused(name: str, value: bytes) -> None:
    said = json.dumps(members(**{name: "@"})).encode().replace(b'"@"', value)
    assert_refused(compact(header(), said))


def test_an_old_token_is_over_whatever_its_exp_says() -> None:
    text = compact(header(), members(iat=NOW - MAX_AGE - 31, exp=NOW + 10**9))
    with pytest.raises(TokenExpired):
        present(text)


def test_a_token_for_ever_is_not_minted() -> None:
    with pytest.raises(ValueError, match="one day"):
        token(exp=NOW + MAX_AGE + 1)
