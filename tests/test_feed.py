"""The feed's records: what one end writes the other reads, with names for ids, and nothing else is taken."""

from typing import Any

import msgspec
import pytest

from coatcheck.authority import Delta, Snapshot
from coatcheck.feed import FeedAnswer, Names, read_answer, read_key, read_name, write_answer
from coatcheck.model.event import (
    Event,
    EverythingEnded,
    Head,
    KeyAdded,
    KeyRevoked,
    SessionEnded,
    SessionRenewed,
    UserChanged,
)
from coatcheck.model.position import Epoch

KEY = bytes(range(32))
HEAD = Head(
    epoch=Epoch(3, "abc"),
    seq=9,
    event_id="evt_9",
    awaited=8,
    settled=True,
    everything_generation=2,
    lease_ms=5000,
    token_ms=600_000,
    drift=0.1,
    longest_lease_ms=5_000,
)
ADDED = KeyAdded("key_1", "ES256", "-----BEGIN PUBLIC KEY-----")
NAMES = Names(KEY)


def over_the_wire(answer: Delta | Snapshot) -> tuple[FeedAnswer, str]:
    text = msgspec.json.encode(write_answer(answer, "reg_1.AAAA", KEY))
    return msgspec.json.decode(text, type=FeedAnswer), text.decode()


def test_events_arrive_as_they_were_with_names_for_sessions_and_users() -> None:
    happenings: list[tuple[Any, Any]] = [
        (SessionEnded("ses_a"), SessionEnded(NAMES.written("ses_a"))),
        (SessionRenewed("ses_b", 4), SessionRenewed(NAMES.written("ses_b"), 4)),
        (UserChanged("usr_c", 5), UserChanged(NAMES.written("usr_c"), 5)),
        (ADDED, ADDED),
        (KeyRevoked("key_1"), KeyRevoked("key_1")),
        (EverythingEnded(2), EverythingEnded(2)),
    ]
    sent = Delta(
        head=HEAD, events=tuple(Event(n, f"evt_{n}", each) for n, (each, _) in enumerate(happenings)), more=True
    )
    told, text = over_the_wire(sent)
    got = read_answer(told)
    assert isinstance(got, Delta)
    assert [event.happening for event in got.events] == [named for _, named in happenings]
    assert (got.head, got.more, got.age_ms) == (HEAD, True, 0)
    assert read_key(told) == KEY
    assert not any(identifier in text for identifier in ("ses_a", "ses_b", "usr_c"))


def test_a_snapshot_arrives_as_it_was_with_names_for_sessions_and_users() -> None:
    sent = Snapshot(
        head=HEAD,
        ended=(("ses_a", 1),),
        generations=(("ses_b", 2, 3),),
        versions=(("usr_c", 4, 5),),
        keys=(ADDED,),
        floor=6,
        foreign=True,
        age_ms=7,
    )
    told, text = over_the_wire(sent)
    got = read_answer(told)
    assert got == msgspec.structs.replace(
        sent,
        ended=((NAMES.written("ses_a"), 1),),
        generations=((NAMES.written("ses_b"), 2, 3),),
        versions=((NAMES.written("usr_c"), 4, 5),),
    )
    assert not any(identifier in text for identifier in ("ses_a", "ses_b", "usr_c"))


def test_a_name_is_read_as_it_was_written_and_differs_from_key_to_key() -> None:
    assert read_name(NAMES.written("ses_a")) == NAMES.of("ses_a")
    assert len(NAMES.of("ses_a")) == 16
    assert NAMES.of("ses_a") != NAMES.of("ses_b")
    assert NAMES.of("ses_a") != Names(bytes(32)).of("ses_a")
    assert NAMES.of("\ud800") != NAMES.of("?")
    for nonsense in ("", "x", "ses_a", NAMES.written("ses_a") + "A", "é" * 22):
        with pytest.raises(ValueError, match=r"."):
            read_name(nonsense)
    with pytest.raises(ValueError, match="32 bytes"):
        Names(b"short")


def take_in(text: bytes) -> None:
    told = msgspec.json.decode(text, type=FeedAnswer)
    read_key(told)
    read_answer(told)


@pytest.mark.parametrize(
    "spoil",
    [
        {"events": msgspec.UNSET},
        {"head": None},
        {"lease_ms": -1},
        {"drift": 1.5},
        {"digest_key": "short"},
        {"head": {"epoch": "none", "seq": 1, "event_id": "e", "settled": True, "everything_generation": 1}},
        {"events": [{"seq": 1, "id": "e", "happening": {"kind": "something_new", "session_id": "x"}}]},
        {"events": [{"seq": 1, "id": "e", "happening": {"kind": "session_ended"}}]},
        {"snapshot": {"ended": [], "generations": [], "versions": [], "keys": [], "foreign": False}},
    ],
)
def test_what_is_not_understood_is_not_taken(spoil: dict[str, Any]) -> None:
    written = msgspec.to_builtins(write_answer(Delta(head=HEAD, events=()), "reg_1", KEY))
    text = msgspec.json.encode({name: value for name, value in (written | spoil).items() if value is not msgspec.UNSET})
    with pytest.raises((msgspec.DecodeError, ValueError)):
        take_in(text)
