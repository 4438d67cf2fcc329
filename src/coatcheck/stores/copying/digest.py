"""A digest of a table that does not depend on the order of its rows: databases sort texts differently."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Final, NamedTuple

from msgspec import msgpack

from coatcheck.stores.copying.columns import Row

_BYTES: Final = 32
_ALL: Final = 2 ** (8 * _BYTES)
_TELL_EVERY: Final = 10_000
_encode: Final = msgpack.Encoder().encode


class Contents(NamedTuple):
    """How many rows there are, and the digest of all of them: 64 hexadecimal digits."""

    rows: int
    digest: str


def contents(rows: Iterable[Row], advance: Callable[[int], None] = lambda _: None) -> Contents:
    """Count and digest ``rows``, one after the other: the sum, modulo 2²⁵⁶, of the BLAKE2b-256 of each in MessagePack.
    ``advance`` is told now and then how many more have been read.

    It finds what went wrong on the way, not what somebody changed who can choose the rows.
    """
    count = total = 0
    for row in rows:
        count += 1
        total += int.from_bytes(blake2b(_encode(row), digest_size=_BYTES).digest(), "big")
        if not count % _TELL_EVERY:
            advance(_TELL_EVERY)
    advance(count % _TELL_EVERY)
    return Contents(count, f"{total % _ALL:0{2 * _BYTES}x}")
