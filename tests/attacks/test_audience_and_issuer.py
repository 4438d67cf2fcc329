"""JC-06, JC-07, JC-10, JC-11: tokens for somebody else, or by somebody else (RFC 8725 §3.8 and §3.9, CVE-2024-53861).

Both are compared as a whole and exactly: no prefix, no case folding, no "one of them contains the other".
"""

from typing import Any

import pytest

from coatcheck.errors import TokenInvalid, TokenWrongAudience
from coatcheck.tokens.claims import check_claims
from coatcheck.tokens.jwt import verify
from tests.tokens.specimens import AUDIENCE, ISSUER, NOW, assert_refused, compact, find_key, header, members, token


def present(text: bytes) -> None:
    check_claims(verify(text, find_key).claims, issuer=ISSUER, audience=AUDIENCE, now=NOW, leeway=30)


OTHER_AUDIENCES: list[Any] = [
    "https://billing.example.com",
    AUDIENCE + "/",
    AUDIENCE[:-1],
    AUDIENCE.upper(),
    AUDIENCE.replace("https", "HTTPS"),
    AUDIENCE.replace("https", "http"),
    AUDIENCE + ".attacker.example",
    f"x {AUDIENCE}",
    f"{AUDIENCE},x",
    f"{AUDIENCE}\0",
    "*",
    "https://*.example.com",
    ISSUER,
    [],
    [AUDIENCE + "/"],
    ["https://billing.example.com", ISSUER],
    [f"x{AUDIENCE}", f"{AUDIENCE}x"],
]


@pytest.mark.parametrize("aud", OTHER_AUDIENCES)
def test_a_token_for_another_audience_is_refused(aud: Any) -> None:
    with pytest.raises(TokenWrongAudience):
        present(compact(header(), members(aud=aud)))


@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE], ["https://billing.example.com", AUDIENCE], [AUDIENCE, AUDIENCE]])
def test_one_exact_element_is_enough(aud: Any) -> None:
    present(compact(header(), members(aud=aud)))


@pytest.mark.parametrize("aud", [None, 1, True, {}, {"aud": AUDIENCE}, [[AUDIENCE]], [AUDIENCE, 1], [None], "", [""]])
def test_an_audience_that_is_none_is_refused(aud: Any) -> None:
    assert_refused(compact(header(), members(aud=aud)))


def test_a_missing_audience_or_issuer_is_refused() -> None:
    for name in ("aud", "iss"):
        said = members()
        del said[name]
        assert_refused(compact(header(), said))


@pytest.mark.parametrize(
    "iss",
    [
        ISSUER + "/",
        ISSUER[:-1],
        ISSUER.upper(),
        ISSUER.replace("https", "http"),
        "https://staging.example.com/auth",
        "https://auth.example.com",
        "https://auth.example.com/auth/tenant-b",
        f"{ISSUER} ",
        f"{ISSUER}#",
        AUDIENCE,
    ],
)
def test_another_issuer_is_refused_even_with_our_key(iss: str) -> None:
    with pytest.raises(TokenInvalid):
        present(compact(header(), members(iss=iss)))


@pytest.mark.parametrize("iss", [None, 1, [ISSUER], {}, "", True])
def test_an_issuer_that_is_none_is_refused(iss: Any) -> None:
    assert_refused(compact(header(), members(iss=iss)))


def test_an_audience_of_the_expected_text_in_pieces_is_refused() -> None:
    with pytest.raises(TokenWrongAudience):
        present(token(aud=tuple(AUDIENCE)))
