from hashlib import sha256

import pytest

from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens, digest
from tests.tokens.specimens import SECRETS

OLD = Secrets(["a former secret of these tests, 0000"])
OTHER = Secrets(["the secret of another installation"])
TOKENS = OpaqueTokens(SESSION_PREFIX, SECRETS)


def test_a_token_shows_its_kind_and_is_recognised() -> None:
    token = TOKENS.issue()
    assert token.startswith("ccs_")
    assert len(token) == 48
    assert TOKENS.is_genuine(token.encode())


def test_no_two_tokens_are_alike() -> None:
    assert len({TOKENS.issue() for _ in range(10_000)}) == 10_000


def test_a_token_made_under_a_former_secret_is_recognised_and_new_ones_use_the_current() -> None:
    assert TOKENS.is_genuine(OpaqueTokens(SESSION_PREFIX, OLD).issue().encode())
    assert not OpaqueTokens(SESSION_PREFIX, OLD).is_genuine(TOKENS.issue().encode())


def test_a_token_of_another_installation_is_not_recognised() -> None:
    assert not TOKENS.is_genuine(OpaqueTokens(SESSION_PREFIX, OTHER).issue().encode())


def test_a_token_of_another_kind_is_not_recognised_even_under_our_prefix() -> None:
    other = OpaqueTokens("cca", SECRETS).issue().encode()
    assert not TOKENS.is_genuine(other)
    assert not TOKENS.is_genuine(b"ccs_" + other[4:])


def test_every_flipped_bit_is_noticed() -> None:
    token = TOKENS.issue().encode()
    for place in range(len(token)):
        for bit in range(8):
            forged = token[:place] + bytes((token[place] ^ (1 << bit),)) + token[place + 1 :]
            assert not TOKENS.is_genuine(forged)


@pytest.mark.parametrize("change", [b"=", b"==", b"\n", b" ", b"A", b"\x00"])
def test_a_longer_or_padded_token_is_not_recognised(change: bytes) -> None:
    token = TOKENS.issue().encode()
    assert not TOKENS.is_genuine(token + change)
    assert not TOKENS.is_genuine(change + token)
    assert not TOKENS.is_genuine(token[: -len(change)] + change)


@pytest.mark.parametrize("token", [b"", b"ccs_", b"ccs", b"ccs_" + b"A" * 44, b"CCS_" + b"A" * 44, b"\xff" * 48])
def test_what_was_never_issued_is_not_recognised(token: bytes) -> None:
    assert not TOKENS.is_genuine(token)


def test_the_tag_covers_the_key_id() -> None:
    body = decode(TOKENS.issue().encode()[4:])
    other_id = decode(OLD.current("any").id.encode())
    assert not TOKENS.is_genuine(b"ccs_" + encode(other_id + body[3:]))


def test_the_store_keeps_a_digest_of_the_whole_token() -> None:
    token = TOKENS.issue().encode()
    assert digest(token) == sha256(token).digest()
