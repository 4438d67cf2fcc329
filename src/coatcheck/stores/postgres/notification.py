"""What a notification says: the sessions, users and keys that a commit refuses, so that whoever hears it refuses them
before he has asked.

It is a hint all the same (rule 6): it only ever adds to what a replica refuses, and a sync has to confirm it. Any role
that may connect to a database may notify there, and repeat what it heard. So what is said is signed (HMAC-SHA256, 128
bits) under a key that is derived for nothing else, together with the history that it is true of, and there are no words
for what lets anybody in. What is too long, unsigned, of another history or can't be read is a bell without words.
"""

from hmac import compare_digest
from hmac import digest as hmac_digest
from typing import Final

from msgspec import MsgspecError, Struct, json

from coatcheck.authority import News
from coatcheck.model.event import Event, Happening, Refusal
from coatcheck.model.position import Epoch
from coatcheck.tokens.base64url import encode
from coatcheck.tokens.derivation import DerivedKey, Secrets

CHANNEL: Final = "coatcheck"

_PURPOSE: Final = "notification"
_TAG_BYTES: Final = 16
_TAG_CHARACTERS: Final = 22
_KEY_ID_CHARACTERS: Final = 4

_LONGEST: Final = 7_000
"""Bytes; PostgreSQL takes 8,000, of which some are for the place."""


class _Words(Struct, frozen=True, array_like=True):
    is_urgent: bool
    ids: list[str]
    happenings: list[Refusal]
    epoch: str


_decode: Final = json.Decoder(_Words).decode


class Notifications:
    """Writes and reads them. Without ``secrets`` they have no words.

    ``epoch`` is the history that this process knows of: it is set anew by every commit.
    """

    def __init__(self, secrets: Secrets | None, epoch: Epoch) -> None:
        self._secrets = secrets
        self.epoch = epoch

    def words_for(self, ids: list[str], happenings: list[Happening], *, is_urgent: bool) -> str:
        """What is sent after the place, which is known to the database alone: ``epoch seq`` of the last event. Empty
        where nothing is to be said.

        Should a new epoch have begun meanwhile, they are words of another one than the place's, which nobody believes.
        """
        refusals = [each for each in happenings if isinstance(each, Refusal)]
        if self._secrets is None or not happenings or len(refusals) < len(happenings):
            return ""
        words = json.encode(_Words(is_urgent, ids, refusals, str(self.epoch)))
        if len(words) > _LONGEST:
            return ""
        key = self._secrets.current(_PURPOSE)
        return f"{key.id}{_tag(key, words).decode()}{words.decode()}"

    def read(self, payload: str) -> News | None:
        """What the payload of a notification says; None when it says nothing, or somebody else does.

        Of the place only the epoch is signed. An old notification that is given another ``seq`` there says what has
        long been true; of another epoch it might say what never was: counters start again from a backup's.
        """
        place, _, signed = payload.partition("\n")
        key_id, signed = signed[:_KEY_ID_CHARACTERS], signed[_KEY_ID_CHARACTERS:]
        tag, words = signed[:_TAG_CHARACTERS].encode(), signed[_TAG_CHARACTERS:].encode()
        key = None if self._secrets is None else self._secrets.by_id(_PURPOSE, key_id)
        if key is None or not compare_digest(_tag(key, words), tag):
            return None
        try:
            told = _decode(words)
            epoch, _, last = place.partition(" ")
            if told.epoch != epoch:
                return None
            first = int(last) - len(told.ids) + 1
            placed = zip(range(first, int(last) + 1), told.ids, told.happenings, strict=True)
            return News(Epoch.parse(epoch), tuple(Event(*each) for each in placed), told.is_urgent)
        except (ValueError, MsgspecError):
            return None


def _tag(key: DerivedKey, words: bytes) -> bytes:
    return encode(hmac_digest(key.key, words, "sha256")[:_TAG_BYTES])
