"""Whatever is read, the answer is a value or the documented error: never another exception, never a crash."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from coatcheck.errors import TokenExpired, TokenInvalid, TokenWrongAudience
from coatcheck.model.event import KeyAdded
from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.claims import AccessClaims, check_claims, read_claims
from coatcheck.tokens.derivation import DerivedKey
from coatcheck.tokens.jwt import verify
from coatcheck.tokens.keyring import VerificationKey
from coatcheck.tokens.opaque import OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens
from coatcheck.tokens.sealing import SealBroken, unseal
from coatcheck.tokens.strict_json import read_object
from coatcheck.tokens.weak_keys import KeyRefused
from tests.tokens.specimens import (
    AUDIENCE,
    ISSUER,
    SECRETS,
    always,
    claims,
    compact,
    find_key,
    header,
    members,
    signer,
    verification_key,
)

SESSIONS = OpaqueTokens("ccs", SECRETS)
REFRESHES = RefreshTokens(SECRETS)
PEM = "-----BEGIN PUBLIC KEY-----\n"

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
pieces = st.sampled_from([b"eyJhbGciOiJub25lIn0", b".", b"ccs_", b"ccr_", b"=", b"\n", b"{", b"[", b'"', b"\xff", b"A"])
texts = st.binary(max_size=300) | st.lists(pieces, max_size=30).map(b"".join)


def is_verified(text: bytes) -> bool:
    try:
        verify(text, find_key)
    except TokenInvalid:
        return False
    return True


@given(texts)
@settings(max_examples=1000, deadline=None)
def test_no_text_breaks_the_readers_of_tokens(text: bytes) -> None:
    assert not is_verified(text)
    assert not SESSIONS.is_genuine(text)
    assert not SESSIONS.is_genuine(b"ccs_" + text[:44].ljust(44, b"A"))
    for candidate in (text, b"ccr_" + text[:88].ljust(88, b"A"), text.decode("utf-8", "replace")):
        try:
            REFRESHES.read(candidate)
        except TokenInvalid:
            continue
        raise AssertionError("a refresh token was made by chance")


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "x"]), anything), st.dictionaries(st.text(), anything)
)
@settings(max_examples=400, deadline=None)
def test_no_header_and_payload_break_the_reader(odd_header: dict[str, Any], odd_payload: dict[str, Any]) -> None:
    assert not is_verified(compact(odd_header, odd_payload, always(bytes(64))))
    assert not is_verified(compact(header() | odd_header, odd_payload))
    is_verified(compact(header(), members() | odd_payload))


@given(st.binary(max_size=200), st.binary(max_size=600))
@settings(max_examples=400, deadline=None)
def test_no_raw_header_and_payload_break_the_reader(raw_header: bytes, raw_payload: bytes) -> None:
    assert not is_verified(compact(raw_header, raw_payload))
    assert not is_verified(compact(header(), raw_payload))


@given(st.sampled_from(AccessClaims.__struct_fields__), anything)
@settings(max_examples=600, deadline=None)
def test_a_claim_of_any_value_is_read_or_refused(name: str, value: Any) -> None:
    payload = json.dumps(members() | {name: value}).encode()
    try:
        said = read_claims(payload)
    except TokenInvalid:
        return
    assert isinstance(said.exp, int)
    assert json.loads(payload)[name] == value


@given(
    st.integers(0, 253402300799),
    st.integers(0, 253402300799),
    st.floats(0, 253402300799),
    st.floats(0, 60),
    st.sampled_from([ISSUER, "x"]),
    st.sampled_from([AUDIENCE, ("x",), ("x", AUDIENCE), ()]),
)
@settings(max_examples=500, deadline=None)
def test_claims_that_pass_are_within_their_times(
    iat: int, exp: int, now: float, leeway: float, iss: str, aud: str | tuple[str, ...]
) -> None:
    try:
        said = claims(iat=iat, exp=exp, iss=iss, aud=aud)
        check_claims(said, issuer=ISSUER, audience=AUDIENCE, now=now, leeway=leeway)
    except (TokenInvalid, TokenExpired, TokenWrongAudience):
        return
    assert iss == ISSUER
    assert AUDIENCE in aud
    assert iat <= now + leeway
    assert exp > now - leeway


@given(st.binary(max_size=100), st.sampled_from(Algorithm), st.binary(min_size=32, max_size=32))
def test_no_sealed_bytes_break_the_opener(sealed: bytes, algorithm: Algorithm, key: bytes) -> None:
    try:
        unseal(sealed, "key_1", algorithm, DerivedKey("AAAA", key))
    except SealBroken:
        return
    raise AssertionError("a seal was made by chance")


@given(st.sampled_from([*Algorithm, "none", ""]), st.none() | st.text(max_size=200), st.binary(max_size=200))
@settings(deadline=None)
def test_no_event_breaks_the_reader_of_keys(algorithm: str, text: str | None, raw: bytes) -> None:
    wrapped = f"{PEM}{encode(raw).decode()}\n-----END PUBLIC KEY-----\n"
    for pem in (text, wrapped, PEM + (text or "")):
        try:
            VerificationKey.from_event(KeyAdded("key_1", algorithm, pem))
        except KeyRefused:
            continue
        raise AssertionError("a key was made by chance")


@given(st.binary(max_size=600), st.binary(max_size=300))
def test_no_signature_breaks_a_key(signature: bytes, message: bytes) -> None:
    for algorithm in Algorithm:
        assert not verification_key(algorithm).verifies(signature, message)
        assert verification_key(algorithm).verifies(signer(algorithm).sign(message), message)


@given(texts)
def test_no_text_breaks_the_decoders(text: bytes) -> None:
    for decoder in (decode, read_object):
        try:
            decoder(text)
        except ValueError:
            continue
