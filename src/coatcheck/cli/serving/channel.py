"""What a worker and the process above it say to each other, over a pair of sockets.

The worker greets once when it serves, then answers each question with a report, and gives a last one when it ends. A
question is one byte. When either end is closed, the other knows that nobody is there any more.
"""

import asyncio
import struct
from typing import Final, TypeVar

from msgspec import Struct, json

from coatcheck.metrics.reading import Reading

Said = TypeVar("Said")

OWN: Final = b"o"
"""What has this process counted?"""
ALL: Final = b"a"
"""And what does the store say about everybody?"""

_LENGTH: Final = struct.Struct(">I")
_LONGEST: Final = 16 * 1024 * 1024


class Greeting(Struct, frozen=True):
    """A worker serves; ``secrets`` are the ids of the master secrets that it has read, the current one first."""

    secrets: tuple[str, ...]


class Report(Struct, frozen=True):
    """An answer: ``own`` of the process itself, ``store`` of everybody where that was asked for."""

    own: Reading
    store: Reading | None = None


def framed(said: Greeting | Report) -> bytes:
    """Something as it is sent."""
    body = json.encode(said)
    return _LENGTH.pack(len(body)) + body


async def next_said(reader: asyncio.StreamReader, kind: type[Said]) -> Said | None:
    """What is said next; None when nothing more will be."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return None if length > _LONGEST else json.decode(await reader.readexactly(length), type=kind)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
