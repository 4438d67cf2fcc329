"""JW-49, JC-17: claims that are believed, or even read, before the signature has been verified.

Whatever a forged token says (expired, another audience, no JSON at all), the answer is the same, and the key is looked
up by ``kid`` alone. An expired *and* forged token is forged, not expired.
"""

import json
from typing import Any

import pytest

from coatcheck.errors import TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens.claims import check_claims
from coatcheck.tokens.jwt import verify
from coatcheck.tokens.keyring import VerificationKey
from tests.tokens.specimens import AUDIENCE, ISSUER, NOW, always, compact, find_key, header, kid_of, members, token

FORGED: list[dict[str, Any] | bytes] = [
    members(),
    members(exp=1),
    members(exp="soon"),
    members(aud="https://other.example.com"),
    members(iss="https://attacker.example"),
    members(sub="usr_admin", tenant="../../etc"),
    members(nbf=NOW * 2),
    {},
    b"",
    b"[]",
    b"\xff\xfe",
    b"{" * 2000,
    b'{"sub":"a","sub":"b"}',
]


def outcome(text: bytes) -> tuple[type[Exception], tuple[object, ...], list[str]]:
    asked: list[str] = []

    def find(kid: str) -> VerificationKey | None:
        asked.append(kid)
        return find_key(kid)

    with pytest.raises(TokenInvalid) as caught:
        check_claims(verify(text, find).claims, issuer=ISSUER, audience=AUDIENCE, now=NOW, leeway=30)
    assert json.dumps(str(caught.value)) == '"The token is not valid."'
    return caught.type, caught.value.args, asked


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_forged_token_gets_the_same_answer_after_the_same_look_up(algorithm: Algorithm) -> None:
    length = {Algorithm.RS256: 256, Algorithm.HS256: 32}.get(algorithm, 64)
    outcomes = [outcome(compact(header(algorithm), said, always(b"\1" * length))) for said in FORGED]
    assert outcomes == [(TokenInvalid, TokenInvalid().args, [kid_of(algorithm)])] * len(FORGED)


def test_a_payload_moved_under_another_tokens_signature_is_forged_not_expired() -> None:
    head, _, signature = token().split(b".")
    expired = token(exp=1).split(b".")[1]
    assert outcome(b".".join((head, expired, signature)))[0] is TokenInvalid


def test_the_key_is_looked_up_once_and_before_nothing_else() -> None:
    asked: list[str] = []

    def find(kid: str) -> VerificationKey | None:
        asked.append(kid)
        return find_key(kid)

    verify(token(), find)
    assert asked == [kid_of(Algorithm.ES256)]
