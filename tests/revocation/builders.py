"""Small makers of what the protocol speaks of."""

from datetime import UTC, datetime
from typing import Any

from coatcheck.authority import Delta, Snapshot
from coatcheck.model.event import Event, Happening, Head, KeyAdded
from coatcheck.model.identifiers import identifier_of, random_part
from coatcheck.model.position import Epoch, Position
from coatcheck.model.subscriber import Registration
from coatcheck.revocation.credential import Credential

EPOCH = Epoch(1, "aaaa")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def session(number: int) -> str:
    return identifier_of("ses", number.to_bytes(16))


def user(number: int) -> str:
    return identifier_of("usr", (1000 + number).to_bytes(16))


def head(seq: int, *, epoch: Epoch = EPOCH, **changes: Any) -> Head:
    values: dict[str, Any] = {
        "epoch": epoch,
        "seq": seq,
        "event_id": f"evt{seq}" if seq else "",
        "awaited": 0,
        "settled": True,
        "everything_generation": 1,
        "lease_ms": 5000,
        "token_ms": 600_000,
        "drift": 0.1,
        "longest_lease_ms": 5000,
    }
    return Head(**values | changes)


def event(seq: int, happening: Happening) -> Event:
    return Event(seq, f"evt{seq}", happening)


def snapshot(
    seq: int,
    *,
    ended: tuple[tuple[str, int], ...] = (),
    versions: tuple[tuple[str, int, int], ...] = (),
    generations: tuple[tuple[str, int, int], ...] = (),
    keys: tuple[KeyAdded, ...] = (),
    floor: int = 0,
    foreign: bool = False,
    **head_changes: Any,
) -> Snapshot:
    return Snapshot(
        head=head(seq, **head_changes),
        ended=ended,
        versions=versions,
        generations=generations,
        keys=keys,
        floor=floor,
        foreign=foreign,
    )


def delta(seq: int, *events: Event, age_ms: int = 0, **head_changes: Any) -> Delta:
    return Delta(head=head(seq, **head_changes), events=events, age_ms=age_ms)


def credential(
    number: int,
    *,
    of: int = 1,
    generation: int = 1,
    version: int = 1,
    everything: int = 1,
    seq: int = 0,
    epoch: Epoch = EPOCH,
    kid: str | None = None,
) -> Credential:
    return Credential(
        session=random_part(session(number)),
        user=random_part(user(of)),
        generation=generation,
        version=version,
        everything=everything,
        stamp=Position(epoch, seq),
        kid=kid,
    )


def registration(name: str, **changes: Any) -> Registration:
    values: dict[str, Any] = {
        "number": f"reg_{name}",
        "name": name,
        "since": Position(EPOCH, 0),
        "lease_ms": 5000,
        "accept_ms": None,
        "registered_at": NOW,
        "heard_at": NOW,
    }
    return Registration(**values | changes)
