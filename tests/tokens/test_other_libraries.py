"""The same tokens through joserfc and PyJWT: where the three disagree, ours must be the strict one."""

import json
from collections.abc import Callable
from typing import Any

import jwt as pyjwt
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from coatcheck.errors import TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import encode
from coatcheck.tokens.claims import AccessClaims
from coatcheck.tokens.jwt import sign, verify
from tests.tokens.specimens import claims, compact, find_key, header, kid_of, private_key, signer, token

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")

KINDS: dict[Algorithm, Any] = {
    Algorithm.ES256: ECKey,
    Algorithm.EDDSA: OKPKey,
    Algorithm.RS256: RSAKey,
    Algorithm.HS256: OctKey,
}
UNCHECKED = dict.fromkeys(("verify_exp", "verify_iat", "verify_nbf", "verify_aud", "verify_iss", "verify_sub"), False)

algorithms = st.sampled_from(list(Algorithm))
words = st.text(st.characters(codec="utf-8"), max_size=12)
some_claims = st.builds(
    claims,
    sub=words.filter(bool),
    aud=words.filter(bool) | st.lists(words.filter(bool), min_size=1, max_size=3).map(tuple),
    scope=words,
    roles=st.lists(words, max_size=4).map(tuple),
    gen=st.integers(0, 2**63 - 1),
)


def by_joserfc(text: bytes, algorithm: Algorithm) -> dict[str, Any]:
    key = KINDS[algorithm].import_key(private_key(algorithm))
    return dict(joserfc_jwt.decode(text, key, algorithms=[algorithm.value]).claims)


def by_pyjwt(text: bytes, algorithm: Algorithm) -> dict[str, Any]:
    private = private_key(algorithm)
    public = private if isinstance(private, bytes) else private.public_key()
    return dict(pyjwt.decode(text, public, algorithms=[algorithm.value], options=UNCHECKED))  # type: ignore[arg-type]


def refuses(reader: Callable[[bytes, Algorithm], object], text: bytes, algorithm: Algorithm) -> bool:
    try:
        reader(text, algorithm)
    except (JoseError, pyjwt.PyJWTError, ValueError):
        return True
    return False


@given(some_claims, algorithms)
@settings(deadline=None, max_examples=150)
def test_both_read_what_we_sign(said: AccessClaims, algorithm: Algorithm) -> None:
    text = sign(said, signer(algorithm)).encode()
    expected = json.loads(msgspec.json.encode(said))
    assert by_joserfc(text, algorithm) == expected
    assert by_pyjwt(text, algorithm) == expected


@given(some_claims, algorithms)
@settings(deadline=None, max_examples=150)
def test_we_read_what_both_sign(said: AccessClaims, algorithm: Algorithm) -> None:
    members = json.loads(msgspec.json.encode(said))
    head = {"typ": "at+jwt", "kid": kid_of(algorithm)}
    private = private_key(algorithm)
    key = KINDS[algorithm].import_key(private)
    theirs = [
        joserfc_jwt.encode(head | {"alg": algorithm.value}, members, key, algorithms=[algorithm.value]),
        pyjwt.encode(members, private, algorithm=algorithm.value, headers=head),
    ]
    for text in theirs:
        assert verify(text.encode(), find_key).claims == said


def changed(draw: st.DrawFn) -> bytes:
    """A token that differs from a good one in some places, or says something odd under a good signature."""
    algorithm, other = draw(algorithms), draw(algorithms)
    how = draw(st.sampled_from(["letters", "segments", "header", "payload", "spelling"]))
    text = token(algorithm)
    if how == "letters":
        for _ in range(draw(st.integers(1, 3))):
            place = draw(st.integers(0, len(text)))
            text = text[:place] + draw(st.binary(max_size=2)) + text[place + draw(st.integers(0, 2)) :]
    elif how == "segments":
        pool = [*text.split(b"."), *token(other, jti="another").split(b"."), b""]
        text = b".".join(draw(st.lists(st.sampled_from(pool), min_size=2, max_size=4)))
    elif how == "header":
        names = st.sampled_from(["alg", "kid", "typ", "crit", "b64", "cty", "jwk", "zip", "x"])
        odd = st.dictionaries(names, st.none() | st.booleans() | words | st.lists(words, max_size=2), max_size=2)
        text = compact(header(algorithm, **draw(odd)), sign_with=draw(st.sampled_from([algorithm, other])))
    elif how == "payload":
        text = compact(header(algorithm), draw(st.binary(max_size=20)), algorithm)
    else:
        head, payload, _ = text.split(b".")
        message = head + draw(st.sampled_from([b"", b"=", b"\n", b"A"])) + b"." + payload + draw(st.binary(max_size=2))
        text = message + b"." + encode(signer(algorithm).sign(message))
    return text


@given(st.composite(changed)())
@settings(deadline=None, max_examples=1500)
def test_nothing_that_we_accept_is_refused_by_both(text: bytes) -> None:
    try:
        verified = verify(text, find_key)
    except TokenInvalid:
        return
    algorithm = next(algorithm for algorithm in Algorithm if kid_of(algorithm) == verified.kid)
    assert not refuses(by_joserfc, text, algorithm)
    assert not refuses(by_pyjwt, text, algorithm)
