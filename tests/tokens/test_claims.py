from typing import Any

import msgspec
import pytest

from coatcheck.errors import TokenExpired, TokenInvalid, TokenWrongAudience
from coatcheck.tokens.claims import MAX_AGE, AccessClaims, check_claims, read_claims, write_claims
from tests.tokens.specimens import AUDIENCE, ISSUER, NOW, claims, members


def check(said: AccessClaims, now: float = NOW, leeway: float = 30) -> None:
    check_claims(said, issuer=ISSUER, audience=AUDIENCE, now=now, leeway=leeway)


def test_good_claims_pass() -> None:
    check(claims())
    check(claims(aud=("https://other.example.com", AUDIENCE), nbf=NOW))


def test_claims_are_read_back_as_they_were_written() -> None:
    for said in (claims(), claims(nbf=NOW), claims(aud=("a", "b"), roles=(), scope="read write", amr=("pwd", "otp"))):
        assert read_claims(write_claims(said)) == said


def test_a_payload_in_another_spelling_is_read_alike() -> None:
    payload = msgspec.json.format(write_claims(claims()), indent=2)
    assert read_claims(b" " + payload + b"\n") == claims()


def test_members_that_are_not_known_are_ignored() -> None:
    assert read_claims(msgspec.json.encode(members(novelty={"deep": [1, 2.5, None]}))) == claims()


@pytest.mark.parametrize("missing", [name for name in AccessClaims.__struct_fields__ if name != "nbf"])
def test_every_claim_but_nbf_is_required(missing: str) -> None:
    said = members()
    del said[missing]
    with pytest.raises(TokenInvalid):
        read_claims(msgspec.json.encode(said))


@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time", "gen", "ver", "all"])
@pytest.mark.parametrize(
    "value", [b'"1800000600"', b"1800000600.0", b"1.8e9", b"1e308", b"-1", b"true", b"null", b"NaN", b"[1]", b"{}"]
)
def test_numbers_are_whole_and_not_negative(name: str, value: bytes) -> None:
    payload = msgspec.json.encode(members(**{name: "@"})).replace(b'"@"', value)
    with pytest.raises(TokenInvalid):
        read_claims(payload)


@pytest.mark.parametrize("value", [253_402_300_800, 2**63, 2**64, 10**40])
def test_an_instant_past_the_year_9999_is_refused(value: int) -> None:
    with pytest.raises(TokenInvalid):
        read_claims(b'{"exp":%d,' % value + write_claims(claims())[1:].replace(b'"exp":1800000600,', b""))


def test_the_issuer_is_compared_exactly() -> None:
    with pytest.raises(TokenInvalid):
        check(claims(iss=ISSUER + "/"))


def test_the_audience_is_compared_exactly() -> None:
    with pytest.raises(TokenWrongAudience):
        check(claims(aud="https://billing.example.com"))


def test_expiry_counts_from_exp_with_the_leeway_once() -> None:
    check(claims(exp=NOW), now=NOW + 29.9)
    with pytest.raises(TokenExpired):
        check(claims(exp=NOW), now=NOW + 30)


def test_a_token_from_the_future_is_refused() -> None:
    check(claims(iat=NOW + 30, nbf=NOW + 30))
    with pytest.raises(TokenInvalid):
        check(claims(iat=NOW + 31))
    with pytest.raises(TokenInvalid):
        check(claims(nbf=NOW + 31))


def test_a_token_has_a_greatest_age_whatever_its_exp() -> None:
    said = claims(iat=NOW - MAX_AGE - 30, exp=NOW + 10**9)
    with pytest.raises(TokenExpired):
        check(said)
    check(said, now=NOW - 1)


@pytest.mark.parametrize("leeway", [-1, 60.5, float("nan"), float("inf")])
def test_a_leeway_out_of_bounds_is_a_mistake_of_the_caller(leeway: float) -> None:
    with pytest.raises(ValueError, match="leeway"):
        check(claims(), leeway=leeway)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": "1800000600"},
        {"exp": NOW + 600.0},
        {"exp": None},
        {"exp": -1},
        {"sub": ""},
        {"aud": []},
        {"aud": ("",)},
        {"roles": ["editor", 1]},
        {"roles": ("\ud800",)},
        {"nbf": None},
        {"exp": NOW + MAX_AGE + 1},
    ],
)
def test_claims_that_no_checker_would_accept_are_not_written(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # msgspec's words
        write_claims(claims(**changes))
