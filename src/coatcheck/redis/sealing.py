"""What lies in Redis about a session: sealed, so that only our own processes can make, read or move it.

    1 ‖ salt, 16 bytes ‖ nonce, 12 bytes ‖ length, 1 byte ‖ position ‖ ciphertext and tag
    associated data: the name it lies under ‖ position

AES-256-GCM, with a key of its own for every entry, made from the salt: random nonces under one key are good for 2^32
entries only (NIST SP 800-38D, section 8.3), which a busy site reaches within weeks. The name is a keyed digest of what
was asked. So an entry can't be forged, read, altered, given another position, or put in another's place. It can be kept
and put back later: that is what the position and the instants inside are for.
"""

from datetime import datetime
from hashlib import blake2b
from secrets import token_bytes
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import DecodeError, Struct, ValidationError, msgpack

from coatcheck.authority import LookUp
from coatcheck.model.record import Record
from coatcheck.tokens.derivation import Secrets

PREFIX: Final = "coatcheck:"
"""What every key in Redis begins with."""

_FORM: Final = b"\x01"
_SALT: Final = 16
_NONCE: Final = 12
_MOST_BYTES: Final = 65_536


class Entry(Struct, frozen=True, kw_only=True):
    """A record as it was read from the store, at ``read_at`` or a little later; of no use from ``until`` on."""

    record: Record
    read_at: datetime
    until: datetime


class Sealer:
    """Names, seals and opens entries under keys that are derived for nothing else."""

    def __init__(self, secrets: Secrets) -> None:
        self._naming = secrets.current("cache entry name").key
        self._sealing = secrets.current("cache entry seal").key

    def name(self, asked: LookUp) -> str:
        """The key in Redis for the answer to ``asked``: it tells nothing of a secret's digest or a session's id."""
        state = blake2b(key=self._naming, digest_size=24)
        for part in (asked.digest, asked.session_id, asked.kid):
            data = b"-" if part is None else b"+" + (part.encode() if isinstance(part, str) else part)
            state.update(len(data).to_bytes(4, "big") + data)
        return f"{PREFIX}record:{state.hexdigest()}"

    def seal(self, name: str, entry: Entry) -> bytes:
        """Seal ``entry`` for the place ``name``."""
        salt, nonce, position = token_bytes(_SALT), token_bytes(_NONCE), str(entry.record.stamp).encode()
        sealed = self._cipher(salt).encrypt(nonce, msgpack.encode(entry), _bound(name, position))
        return b"".join((_FORM, salt, nonce, len(position).to_bytes(1, "big"), position, sealed))

    def open(self, name: str, sealed: object) -> Entry | None:
        """What ``seal`` closed for the place ``name``; None for anything else."""
        if not isinstance(sealed, bytes) or sealed[:1] != _FORM or not _SALT + _NONCE + 2 < len(sealed) < _MOST_BYTES:
            return None
        salt, nonce = sealed[1 : 1 + _SALT], sealed[1 + _SALT : 1 + _SALT + _NONCE]
        begin = 2 + _SALT + _NONCE
        end = begin + sealed[begin - 1]
        position = sealed[begin:end]
        try:
            opened = self._cipher(salt).decrypt(nonce, sealed[end:], _bound(name, position))
            entry = msgpack.decode(opened, type=Entry)
        except (InvalidTag, ValueError, DecodeError, ValidationError):
            return None
        return entry if str(entry.record.stamp).encode() == position else None

    def _cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(blake2b(salt, key=self._sealing, digest_size=32).digest())


def _bound(name: str, position: bytes) -> bytes:
    return b"coatcheck cache entry\0" + name.encode() + b"\0" + position
