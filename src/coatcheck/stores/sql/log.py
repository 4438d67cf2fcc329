"""The log in SQL: rows of events, and one row for the head."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from msgspec import ValidationError, json, structs
from sqlalchemy import Connection, Text, bindparam, case, delete, insert, select, type_coerce, update

from coatcheck.authority import Snapshot
from coatcheck.errors import StoreUnavailable
from coatcheck.model.event import Event, Happening, Head, KeyAdded, new_event_id
from coatcheck.model.position import Epoch, Position
from coatcheck.stores.compaction import compact
from coatcheck.stores.new_head import new_head
from coatcheck.stores.sql.driver_statement import DriverStatement
from coatcheck.stores.sql.keys import SqlKeys
from coatcheck.stores.sql.tables import events, head, insert_unless_there

_MILLISECOND: Final = timedelta(milliseconds=1)
_LARGEST: Final = 2**63 - 1
_decode_all: Final = json.Decoder(list[Happening]).decode

_ESTABLISH: Final = insert_unless_there(head)
_HEAD: Final = DriverStatement(select(*(head.c[name] for name in Head.__struct_fields__)))
_FLOOR: Final = select(head.c.floor)
_POSITION: Final = select(head.c.epoch, head.c.seq)
_ADVANCE: Final = (
    update(head)
    .values(seq=head.c.seq + bindparam("many"), event_id=bindparam("newest"))
    .returning(head.c.epoch, head.c.seq)
)
_APPEND: Final = insert(events)
_AWAIT: Final = update(head).where(head.c.awaited < head.c.seq).values(awaited=head.c.seq)
_AFTER: Final = DriverStatement(
    select(events).where(events.c.seq > bindparam("position")).order_by(events.c.seq).limit(bindparam("most"))
)
_EVENT_ID: Final = select(events.c.event_id).where(events.c.seq == bindparam("position"))
# As text, which is decoded a batch at a time: a snapshot may have to read a million.
_NEWEST_FIRST: Final = (
    select(events.c.seq, type_coerce(events.c.happening, Text))
    .order_by(events.c.seq.desc())
    .execution_options(yield_per=2_000)
)
_EVERYTHING: Final = (
    update(head).values(everything_generation=head.c.everything_generation + 1).returning(head.c.everything_generation)
)
_SETTLE: Final = update(head).where(head.c.epoch == bindparam("current")).values(settled=True)
_FORGET: Final = delete(events).where(events.c.seq <= bindparam("up_to"))
_RAISE_FLOOR: Final = (
    update(head)
    .where(head.c.floor < bindparam("up_to"))
    .values(floor=case((head.c.seq < bindparam("up_to"), head.c.seq), else_=bindparam("up_to")))
)

_UNKNOWN_KIND: Final = "The log holds an event that this version does not know; update it."


class SqlLog:
    """See ``stores.port.Log``. ``is_changed`` says whether this unit of work has news for subscribers, ``appended``
    what is to have its place in the log when it is committed."""

    __slots__ = ("_connection", "appended", "is_changed")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.appended: list[Happening] = []
        self.is_changed = False

    def establish(self) -> None:
        """Begin the first history, if there is none."""
        self._connection.execute(_ESTABLISH, structs.asdict(new_head()) | {"id": 1, "floor": 0})

    def head(self) -> Head:
        (row,) = _HEAD.all(self._connection, {})
        return Head(*row)

    def append(self, happening: Happening) -> None:
        self.is_changed = True
        self.appended.append(happening)

    def enter(self, *, awaited: bool) -> tuple[tuple[Event, ...], Position]:
        """Give what was appended its place in the log, at the end of a unit of work; the events, and the position."""
        if self.appended:
            ids = [new_event_id() for _ in self.appended]
            epoch, seq = self._connection.execute(_ADVANCE, {"many": len(ids), "newest": ids[-1]}).one()
            entered = tuple(map(Event, range(seq - len(ids) + 1, seq + 1), ids, self.appended))
            self._connection.execute(
                _APPEND,
                [{"seq": each.seq, "event_id": each.id, "happening": each.happening} for each in entered],
            )
        else:
            entered = ()
            epoch, seq = self._connection.execute(_POSITION).one()
        if awaited:
            self.is_changed = True
            self._connection.execute(_AWAIT)
        return entered, Position(epoch, seq)

    def after(self, seq: int, limit: int) -> Sequence[Event]:
        try:
            rows = _AFTER.all(self._connection, {"position": min(seq, _LARGEST), "most": limit})
            return [Event(*row) for row in rows]
        except ValidationError as fault:
            raise StoreUnavailable(_UNKNOWN_KIND) from fault

    def event_id_at(self, seq: int) -> str | None:
        return self._connection.execute(_EVENT_ID, {"position": min(seq, _LARGEST)}).scalar_one_or_none()

    def floor(self) -> int:
        floor: int = self._connection.execute(_FLOOR).scalar_one()
        return floor

    def snapshot(self, limit: int) -> Snapshot:
        keys = tuple(KeyAdded(key.kid, key.algorithm, key.public_key) for key in SqlKeys(self._connection).all())
        try:
            return compact(self._newest_first(), head=self.head(), keys=keys, floor=self.floor(), limit=limit)
        except ValidationError as fault:
            raise StoreUnavailable(_UNKNOWN_KIND) from fault

    def _newest_first(self) -> Iterator[tuple[int, Happening]]:
        with self._connection.execute(_NEWEST_FIRST) as rows:
            for batch in rows.partitions():
                seqs, texts = zip(*batch, strict=True)
                yield from zip(seqs, _decode_all(f"[{','.join(texts)}]"), strict=True)

    def raise_everything(self) -> int:
        self.is_changed = True
        generation: int = self._connection.execute(_EVERYTHING).scalar_one()
        return generation

    def set_parameters(self, *, lease: timedelta, token: timedelta, drift: float) -> None:
        wanted = {"lease_ms": lease // _MILLISECOND, "token_ms": token // _MILLISECOND, "drift": drift}
        found = self.head()
        if any(getattr(found, name) != value for name, value in wanted.items()):
            self.is_changed = True
            self._connection.execute(update(head), wanted)

    def settle(self, epoch: Epoch) -> bool:
        self.is_changed = True
        return self._connection.execute(_SETTLE, {"current": epoch}).rowcount == 1

    def begin_epoch(self, epoch: Epoch) -> None:
        self.is_changed = True
        self._connection.execute(update(head), {"epoch": epoch, "settled": False})

    def forget(self, *, up_to: int) -> int:
        up_to = min(up_to, _LARGEST)
        self._connection.execute(_RAISE_FLOOR, {"up_to": up_to})
        return self._connection.execute(_FORGET, {"up_to": up_to}).rowcount
