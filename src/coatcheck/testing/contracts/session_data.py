"""Every edge of what an application keeps beside a session."""

from typing import Any

from msgspec import structs

from coatcheck.model.session import Ending, Session
from coatcheck.model.session_data import SessionData
from coatcheck.stores.port import Store
from coatcheck.testing.contracts.driving import NOW, SECOND, Driving, a_session

# ruff: noqa: S101 - assert is how a contract speaks

FULL: dict[str, Any] = {
    "": [],
    "basket": [{"id": 2**70, "price": -1.5e-7}, None, True],
    "cookie": {"__proto__": {"polluted": 1}},
    "text": "🦊 \x00 \u2028 '\"\\",
}


class SessionDataContract(Driving):
    """The application's own data."""

    def _begin(self, store: Store, **changes: Any) -> Session:
        session = a_session("usr_x", **changes)
        self.write(store, lambda tx: tx.sessions.add(session))
        return session

    def _data_of(self, store: Store, session_id: str) -> SessionData | None:
        return self.read(store, lambda tx: tx.sessions.get_data(session_id))

    def _keep(self, store: Store, row: SessionData, expected_version: int) -> bool:
        return self.write(store, lambda tx: tx.sessions.put_data(row, expected_version=expected_version))

    def test_a_session_has_no_data_at_first(self, store: Store) -> None:
        session = self._begin(store)
        assert self._data_of(store, session.id) is None
        assert self._data_of(store, "ses_x") is None

    def test_data_comes_out_as_it_went_in(self, store: Store) -> None:
        session, other = self._begin(store), self._begin(store)
        row = _row(session, FULL)
        assert self._keep(store, row, 0)
        assert self._data_of(store, session.id) == row
        assert self._data_of(store, other.id) is None
        changed = structs.replace(row, version=2, data={}, updated_at=NOW + SECOND)
        assert self._keep(store, changed, 1)
        assert self._data_of(store, session.id) == changed

    def test_data_at_another_version_is_not_replaced(self, store: Store) -> None:
        session = self._begin(store)
        row = _row(session, {"n": 1})
        for never in (1, 2):
            assert not self._keep(store, structs.replace(row, version=never + 1), never)
        assert self._keep(store, row, 0)
        for wrong in (0, 2):
            assert not self._keep(store, structs.replace(row, version=wrong + 1, data={"n": 2}), wrong)
        assert self._data_of(store, session.id) == row

    def test_of_racing_writes_of_data_exactly_one_wins(self, store: Store, twin: Store) -> None:
        session = self._begin(store)
        for version in range(3):
            rows = [structs.replace(_row(session, {"by": n}), version=version + 1) for n in range(8)]
            won = self.race(
                [store, twin],
                [lambda tx, row=row, at=version: tx.sessions.put_data(row, expected_version=at) for row in rows],  # type: ignore[misc]
            )
            assert won.count(True) == 1
            assert self._data_of(twin, session.id) == rows[won.index(True)]

    def test_data_ends_with_its_session_and_a_late_write_does_not_bring_it_back(self, store: Store) -> None:
        session, other = self._begin(store), self._begin(store)
        for each in (session, other):
            assert self._keep(store, _row(each, {"n": 1}), 0)
        self.write(store, lambda tx: tx.sessions.end(session.id, NOW, Ending.LOGOUT))
        assert self._data_of(store, session.id) is None
        for version in (0, 1):
            assert not self._keep(store, structs.replace(_row(session, {}), version=version + 1), version)
        assert self._data_of(store, session.id) is None
        assert self._data_of(store, other.id) == _row(other, {"n": 1})
        assert not self._keep(store, SessionData(session_id="ses_x", version=1, data={}, updated_at=NOW), 0)

    def test_data_ends_with_everything(self, store: Store) -> None:
        session, empty = self._begin(store), self._begin(store)
        assert self._keep(store, _row(session, {"n": 1}), 0)
        self.write(store, lambda tx: tx.log.raise_everything())
        assert self._data_of(store, session.id) is None
        assert not self._keep(store, structs.replace(_row(session, {}), version=2), 1)
        assert not self._keep(store, _row(empty, {}), 0)

    def test_a_purged_session_leaves_no_data(self, store: Store) -> None:
        session = self._begin(store, expires_at=NOW - SECOND)
        live = self._begin(store)
        for each in (session, live):
            assert self._keep(store, _row(each, {"n": 1}), 0)
        purged = self.write(store, lambda tx: tx.sessions.purge(ended_before=NOW, expired_before=NOW, limit=10))
        assert purged == 1
        assert self._data_of(store, session.id) is None
        assert self._data_of(store, live.id) is not None
        self.write(store, lambda tx: tx.sessions.add(session))
        assert self._data_of(store, session.id) is None

    def test_stored_data_is_nobody_elses_object(self, store: Store) -> None:
        session, data = self._begin(store), {"basket": ["apple"]}
        assert self._keep(store, _row(session, data), 0)
        data["basket"].append("changed")
        read = self._data_of(store, session.id)
        assert read is not None
        assert read.data == {"basket": ["apple"]}
        read.data["basket"].append("changed")
        assert self._data_of(store, session.id) == _row(session, {"basket": ["apple"]})


def _row(session: Session, data: dict[str, Any]) -> SessionData:
    return SessionData(session_id=session.id, version=1, data=data, updated_at=NOW)
