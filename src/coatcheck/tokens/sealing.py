"""Private keys at rest: AES-256-GCM under a key that the store never sees.

    nonce, 12 random bytes ‖ ciphertext and tag        associated data: algorithm ‖ kid

Since ``kid`` and algorithm are bound in, whoever can write to the store can't swap two keys or relabel one.
"""

from secrets import token_bytes
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coatcheck.errors import Broken
from coatcheck.model.key import Algorithm
from coatcheck.tokens.derivation import DerivedKey

SEALING: Final = "signing key seal"
"""The purpose of the keys that seal."""

_NONCE_BYTES: Final = 12


class SealBroken(Broken):
    """A sealed key does not open: the secret that sealed it is not among ours, or the row was tampered with."""

    code = "store.unavailable"
    _sentence = "A signing key can't be opened: its secret is missing, or the stored key was changed."


def seal(private: bytes, kid: str, algorithm: Algorithm, key: DerivedKey) -> bytes:
    """Seal ``private`` for the store."""
    nonce = token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key.key).encrypt(nonce, private, _bound(kid, algorithm))


def unseal(sealed: bytes, kid: str, algorithm: Algorithm, key: DerivedKey) -> bytes:
    """Open what ``seal`` closed. Raises SealBroken under any other key, kid or algorithm, and for altered bytes."""
    try:
        return AESGCM(key.key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(kid, algorithm))
    except (InvalidTag, ValueError):
        raise SealBroken from None


def _bound(kid: str, algorithm: Algorithm) -> bytes:
    return f"coatcheck signing key {algorithm.value} {kid}".encode()
