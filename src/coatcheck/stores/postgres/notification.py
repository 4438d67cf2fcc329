"""What a notification says: the events that were committed, so that whoever hears it refuses before he has asked.

It is a hint all the same (rule 6): what it says is only ever added to what a replica refuses, and a sync has to confirm
it. A long list, or what can't be read, is a bell without words.
"""

from typing import Final

from msgspec import MsgspecError, Struct, json

from coatcheck.authority import News
from coatcheck.model.event import Event, Happening
from coatcheck.model.position import Epoch

CHANNEL: Final = "coatcheck"

_LONGEST: Final = 7_000
"""Bytes; PostgreSQL takes 8,000, of which some are for the place."""


class _Words(Struct, frozen=True, array_like=True):
    is_urgent: bool
    ids: list[str]
    happenings: list[Happening]


_decode: Final = json.Decoder(_Words).decode


def words_for(ids: list[str], happenings: list[Happening], *, is_urgent: bool) -> str:
    """What is sent after the place, which is known to the database alone: ``epoch seq`` of the last event."""
    words = json.encode(_Words(is_urgent, ids, happenings))
    return words.decode() if len(words) <= _LONGEST else ""


def read_news(payload: str) -> News | None:
    """What the payload of a notification says; None when it says nothing."""
    place, _, words = payload.partition("\n")
    try:
        told = _decode(words)
        epoch, _, last = place.partition(" ")
        first = int(last) - len(told.ids) + 1
        placed = zip(range(first, int(last) + 1), told.ids, told.happenings, strict=True)
        return News(Epoch.parse(epoch), tuple(Event(*each) for each in placed), told.is_urgent)
    except (ValueError, MsgspecError):
        return None
