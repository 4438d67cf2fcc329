"""API keys and secrets of services as texts: made, recognised, and told from anything else by anybody."""

from zlib import crc32

import pytest

from coatcheck.tokens.api_key import API_KEY_PREFIX, SERVICE_SECRET_PREFIX, KeyTokens, checksum, is_well_formed
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens

SECRETS = Secrets(["a secret that only these tests know of"])
OTHERS = Secrets(["another secret, which belongs to others"])
PREFIXES = [API_KEY_PREFIX, SERVICE_SECRET_PREFIX]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_key_is_recognised_by_who_made_it_and_well_formed_to_everybody(prefix: str) -> None:
    key = KeyTokens(prefix, SECRETS).issue()
    assert key.startswith(f"{prefix}_")
    assert len(key) == 54
    assert KeyTokens(prefix, SECRETS).is_genuine(key.encode())
    assert not KeyTokens(prefix, OTHERS).is_genuine(key.encode())
    assert is_well_formed(key.encode())


def test_a_key_is_of_one_kind() -> None:
    keys, secrets = (KeyTokens(prefix, SECRETS) for prefix in PREFIXES)
    key = keys.issue().encode()
    disguised = b"ccx_" + key[4:48]
    disguised += checksum(disguised)
    assert is_well_formed(disguised)
    assert not secrets.is_genuine(key)
    assert not secrets.is_genuine(disguised), "the tag knows the kind"
    session = OpaqueTokens(SESSION_PREFIX, SECRETS).issue().encode()
    assert not keys.is_genuine(session)
    assert not is_well_formed(session + checksum(session))


def test_another_character_anywhere_is_not_ours() -> None:
    keys = KeyTokens(API_KEY_PREFIX, SECRETS)
    key = keys.issue().encode()
    for place in range(len(key)):
        changed = key[:place] + (b"A" if key[place : place + 1] != b"A" else b"B") + key[place + 1 :]
        assert not keys.is_genuine(changed)
        mended = changed[:-6] + checksum(changed[:-6])
        if place < len(key) - 6:
            assert not keys.is_genuine(mended), "a checksum is no proof"
    for text in (b"", b"cck_", key[:-1], key + b"A", key.upper(), b" " + key, b"\xff" * 54):
        assert not keys.is_genuine(text)
        assert not is_well_formed(text)


def test_the_checksum_is_crc32_in_base_62_with_the_highest_digit_first() -> None:
    """Written another way, as a scanner would."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for text in (b"", b"cck_", b"123456789", b"\x00" * 48):
        value = sum(digits.index(chr(each)) * 62**place for place, each in enumerate(reversed(checksum(text))))
        assert value == crc32(text)
    assert checksum(b"123456789") == b"3jZRME"  # CBF43926, the check value of CRC-32
