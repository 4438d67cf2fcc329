"""JC-13, JC-14, JC-18, JC-19: a user's text that becomes claims, huge claims, and claims about the person."""

import json

import pytest

from coatcheck.model.key import Algorithm
from coatcheck.tokens.jwt import MAX_MINTED_BYTES, sign, verify
from tests.tokens.specimens import claims, find_key, members, parts, signer, token

INJECTIONS = [
    '","roles":["admin"],"x":"',
    '"}',
    "\\",
    '\\","sub":"usr_admin',
    '\n"exp":9999999999',
    "\0",
    "\u2028",
    "</script>",
    "exp",
    "é😀",
    "[" * 200,
]

DOCUMENTED = {
    "iss", "aud", "sub", "exp", "iat", "nbf", "jti", "sid", "client_id", "scope", "roles", "auth_time", "amr",
    "gen", "ver", "all", "pos",
}  # fmt: skip


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("name", ["sub", "client_id", "scope", "jti"])
def test_text_never_changes_the_structure_of_a_token(name: str, text: str) -> None:
    minted = token(**{name: text})
    assert json.loads(parts(minted)[1]) == members(**{name: text})
    assert verify(minted, find_key).claims == claims(**{name: text})


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_role_is_a_role_whatever_it_is_called(text: str) -> None:
    assert verify(token(roles=(text, "editor")), find_key).claims.roles == (text, "editor")


def test_huge_claims_are_refused_when_the_token_is_minted() -> None:
    for roles in (("x" * 50_000,), tuple(f"role-{number}" for number in range(5000))):
        with pytest.raises(ValueError, match=str(MAX_MINTED_BYTES)):
            sign(claims(roles=roles), signer(Algorithm.ES256))


def test_a_token_says_only_what_is_documented() -> None:
    assert json.loads(parts(token(nbf=1))[1]).keys() == DOCUMENTED
