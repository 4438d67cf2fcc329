"""The log in SQL: rows of events, and one row for the head."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from msgspec import ValidationError, json, structs
from sqlalchemy import Connection, Text, bindparam, case, delete, select, type_coerce, update

from coatcheck.authority import Snapshot
from coatcheck.errors import StoreUnavailable
from coatcheck.model.event import Event, Happening, Head, KeyAdded
from coatcheck.model.position import Epoch
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
_AFTER: Final = DriverStatement(
    select(events).where(events.c.seq > bindparam("position")).order_by(events.c.seq).limit(bindparam("most"))
)
_EVENT_ID: Final = select(events.c.event_id).where(events.c.seq == bindparam("position"))
# As text, which is decoded some at a time: a snapshot may have to read a million, from a database that may be far away.
_NEWEST_FIRST: Final = (
    select(events.c.seq, type_coerce(events.c.happening, Text))
    .order_by(events.c.seq.desc())
    .execution_options(yield_per=10_000)
)
_EVERYTHING: Final = (
    update(head).values(everything_generation=head.c.everything_generation + 1).returning(head.c.everything_generation)
)
# The lease so far counts too: older code, which may run beside this one, gives a longer one without noting it.
_LONGEST_SO_FAR: Final = case(
    (head.c.longest_lease_ms < head.c.lease_ms, head.c.lease_ms), else_=head.c.longest_lease_ms
)
_ALLOW_FOR: Final = update(head).values(
    longest_lease_ms=case((bindparam("lease") > _LONGEST_SO_FAR, bindparam("lease")), else_=_LONGEST_SO_FAR)
)
_SET_PARAMETERS: Final = _ALLOW_FOR.values(
    lease_ms=bindparam("lease"), token_ms=bindparam("token"), drift=bindparam("delta")
)
_SETTLE: Final = update(head).where(head.c.epoch == bindparam("current")).values(settled=True)
_FORGET: Final = delete(events).where(events.c.seq <= bindparam("up_to"))
_RAISE_FLOOR: Final = (
    update(head)
    .where(head.c.floor < bindparam("up_to"))
    .values(floor=case((head.c.seq < bindparam("up_to"), head.c.seq), else_=bindparam("up_to")))
)

_DECODED: Final = 1_000
"""Events that are decoded at once: the event loop stands still meanwhile."""

_NO_HEAD: Final = "The store holds no history: a backup is being put back, perhaps. Please try again."
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
        rows = _HEAD.all(self._connection, {})
        if not rows:
            raise StoreUnavailable(_NO_HEAD)
        return Head(*rows[0])

    def append(self, happening: Happening) -> None:
        self.is_changed = True
        self.appended.append(happening)

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
                for at in range(0, len(batch), _DECODED):
                    seqs, texts = zip(*batch[at : at + _DECODED], strict=True)
                    yield from zip(seqs, _decode_all(f"[{','.join(texts)}]"), strict=True)

    def raise_everything(self) -> int:
        self.is_changed = True
        generation: int = self._connection.execute(_EVERYTHING).scalar_one()
        return generation

    def set_parameters(self, *, lease: timedelta, token: timedelta, drift: float) -> None:
        lease_ms, token_ms, found = lease // _MILLISECOND, token // _MILLISECOND, self.head()
        is_there = (lease_ms, token_ms, drift) == (found.lease_ms, found.token_ms, found.drift)
        if not is_there or found.longest_lease_ms < lease_ms:
            self.is_changed = True
            self._connection.execute(_SET_PARAMETERS, {"lease": lease_ms, "token": token_ms, "delta": drift})

    def allow_for(self, lease: timedelta) -> None:
        self._connection.execute(_ALLOW_FOR, {"lease": lease // _MILLISECOND})

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
