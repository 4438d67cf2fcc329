"""JC-09: a token of one kind presented as another: the full matrix (RFC 8725 §3.12, OWASP ASVS 9.2.2).

Every kind has a prefix, a key and a form of its own, or a type of its own; each reader reads its own kind only.
"""

from collections.abc import Callable

import pytest

from coatcheck.errors import AuthError
from coatcheck.model.identifiers import SESSION, new_identifier
from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.jws import sign_compact
from coatcheck.tokens.jwt import verify
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens
from tests.tokens.specimens import SECRETS, find_key, signer, token

SESSIONS = OpaqueTokens(SESSION_PREFIX, SECRETS)
OTHERS = OpaqueTokens("cck", SECRETS)
REFRESHES = RefreshTokens(SECRETS)
PAYLOAD = decode(token().split(b".")[1])


def jwt_of(typ: str) -> bytes:
    """The claims of a good access token, signed with the right key, as something else."""
    return sign_compact(PAYLOAD, typ, signer(Algorithm.ES256))


KINDS: dict[str, bytes] = {
    "session": SESSIONS.issue().encode(),
    "another opaque kind": OTHERS.issue().encode(),
    "refresh": REFRESHES.first(new_identifier(SESSION)).text.encode(),
    "access": token(),
    "ID token": jwt_of("JWT"),
    "logout token": jwt_of("logout+jwt"),
    "event": jwt_of("secevent+jwt"),
    "client assertion": jwt_of("client-authentication+jwt"),
}


def reads(reader: Callable[[bytes], object], text: bytes) -> bool:
    try:
        return reader(text) is not False
    except AuthError:
        return False


READERS: dict[str, Callable[[bytes], object]] = {
    "session": SESSIONS.is_genuine,
    "another opaque kind": OTHERS.is_genuine,
    "refresh": REFRESHES.read,
    "access": lambda text: verify(text, find_key),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_reader_reads_its_own_kind_only(reader: str, kind: str) -> None:
    assert reads(READERS[reader], KINDS[kind]) is (reader == kind)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["session", "another opaque kind", "refresh"])
def test_another_prefix_makes_no_other_kind(reader: str, kind: str) -> None:
    body = KINDS[kind][4:]
    for prefix in (b"ccs_", b"cck_", b"ccr_", b"eyJ.", b""):
        if prefix + body != KINDS[kind]:
            assert not reads(READERS[reader], prefix + body)


def test_a_body_cut_or_filled_to_the_length_of_another_kind_is_refused() -> None:
    refresh, session = decode(KINDS["refresh"][4:]), decode(KINDS["session"][4:])
    for body in (refresh[:33], refresh[-33:], refresh[20:53]):
        assert not SESSIONS.is_genuine(b"ccs_" + encode(body))
    for body in (session + session, bytes(33) + session, session + bytes(33)):
        assert not reads(REFRESHES.read, b"ccr_" + encode(body))
