"""What a worker and the process above it say to each other, over a pair of sockets.

The worker says ``READY`` once, then a report for each question, and a last one when it ends. A question is one byte.
When either end is closed, the other knows that nobody is there any more.
"""

import asyncio
import struct
from typing import Final

from msgspec import Struct, json

from coatcheck.metrics.reading import Reading

READY: Final = b"ready"
OWN: Final = b"o"
"""What has this process counted?"""
ALL: Final = b"a"
"""And what does the store say about everybody?"""

_LENGTH: Final = struct.Struct(">I")
_LONGEST: Final = 16 * 1024 * 1024


class Report(Struct, frozen=True):
    """An answer: ``own`` of the process itself, ``store`` of everybody where that was asked for."""

    own: Reading
    store: Reading | None = None


def framed(report: Report) -> bytes:
    """A report as it is sent."""
    body = json.encode(report)
    return _LENGTH.pack(len(body)) + body


async def next_report(reader: asyncio.StreamReader) -> Report | None:
    """The next report; None when there will be no more."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return None if length > _LONGEST else json.decode(await reader.readexactly(length), type=Report)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
