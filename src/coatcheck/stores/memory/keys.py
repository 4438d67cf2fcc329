"""Signing keys in memory."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import structs

from coatcheck.model.key import KeyStatus, SigningKey
from coatcheck.stores.memory.rows import Rows

_ONLY_ONE = (KeyStatus.CURRENT, KeyStatus.UPCOMING)


class MemoryKeys:
    """See ``stores.port.Keys``."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def lock(self) -> None:
        """There is one writer at a time."""

    def all(self) -> Sequence[SigningKey]:
        valid = [key for key in self._rows.keys.values() if key.status is not KeyStatus.REVOKED]
        valid.sort(key=lambda key: (key.created_at, key.kid))
        return valid

    def get(self, kid: str) -> SigningKey | None:
        return self._rows.keys.get(kid)

    def add(self, key: SigningKey) -> bool:
        if key.kid in self._rows.keys or self._is_held(key.status):
            return False
        self._rows.put(self._rows.keys, key.kid, key)
        return True

    def move(self, kid: str, *, expected: KeyStatus, to: KeyStatus, at: datetime) -> bool:
        key = self._rows.keys.get(kid)
        if key is None or key.status is not expected or expected is KeyStatus.REVOKED:
            return False
        if to is not expected and self._is_held(to):
            return False
        self._rows.put(self._rows.keys, kid, structs.replace(key, status=to, status_since=at))
        return True

    def count_sealed(self) -> int:
        return len(self._rows.keys)

    def _is_held(self, status: KeyStatus) -> bool:
        return status in _ONLY_ONE and any(key.status is status for key in self._rows.keys.values())
