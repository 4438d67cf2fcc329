"""Every edge of ``tx.audit``."""

import pytest

from coatcheck.errors import DataConflict
from coatcheck.model.audit import AuditEntry, Outcome
from coatcheck.stores.port import Store, Transaction
from coatcheck.testing.contracts.driving import NOW, SECOND, Driving

# ruff: noqa: S101 - assert is how a contract speaks


class _TakenBack(Exception):
    pass


class AuditContract(Driving):
    """The trail."""

    def _write_down(self, store: Store, *entries: AuditEntry) -> None:
        def work(tx: Transaction) -> None:
            for entry in entries:
                tx.audit.add(entry)

        self.write(store, work)

    def test_the_trail_is_empty_at_first(self, store: Store) -> None:
        assert self.read(store, lambda tx: tx.audit.page()) == []
        assert self.read(store, lambda tx: tx.audit.page(before="aud_unknown")) == []

    def test_an_entry_comes_out_as_it_went_in(self, store: Store) -> None:
        plain = AuditEntry(at=NOW, kind="login.failed")
        full = AuditEntry(
            at=NOW - SECOND,
            kind="login.failed",
            outcome=Outcome.REFUSED,
            user_id="usr_1",
            actor_id="usr_2",
            session_id="ses_1",
            address="2001:db8::1",
            factors=("pwd", "otp"),
            detail={"device": "🦊", "quote": "'\"\\"},
        )
        self._write_down(store, plain, full)
        assert self.read(store, lambda tx: tx.audit.page()) == [full, plain]
        assert self.read(store, lambda tx: tx.audit.get(full.id)) == full
        assert self.read(store, lambda tx: tx.audit.get("aud_unknown")) is None

    def test_pages_follow_each_other_newest_first(self, store: Store) -> None:
        entries = [AuditEntry(at=NOW, kind=f"kind.{number}") for number in range(7)]
        self._write_down(store, *entries)
        first = self.read(store, lambda tx: tx.audit.page(limit=3))
        second = self.read(store, lambda tx: tx.audit.page(before=first[-1].id, limit=3))
        third = self.read(store, lambda tx: tx.audit.page(before=second[-1].id, limit=3))
        assert [*first, *second, *third] == entries[::-1]
        assert self.read(store, lambda tx: tx.audit.page(before=entries[0].id)) == []
        assert self.read(store, lambda tx: tx.audit.page(before="aud_unknown")) == []

    def test_the_trail_can_be_narrowed_to_a_user_and_a_kind(self, store: Store) -> None:
        one, two, three = (
            AuditEntry(at=NOW, kind=kind, user_id=user_id)
            for kind, user_id in (("login", "usr_1"), ("logout", "usr_1"), ("login", "usr_2"))
        )
        self._write_down(store, one, two, three)
        assert self.read(store, lambda tx: tx.audit.page(user_id="usr_1")) == [two, one]
        assert self.read(store, lambda tx: tx.audit.page(kind="login")) == [three, one]
        assert self.read(store, lambda tx: tx.audit.page(user_id="usr_1", kind="login")) == [one]
        assert self.read(store, lambda tx: tx.audit.page(user_id="usr_1", before=two.id)) == [one]
        assert self.read(store, lambda tx: tx.audit.page(user_id="usr_3")) == []

    def test_the_trail_is_followed_from_the_oldest_on(self, store: Store) -> None:
        entries = [AuditEntry(at=NOW, kind=f"kind.{number % 2}", user_id="usr_1") for number in range(7)]
        self._write_down(store, *entries)
        first = self.read(store, lambda tx: tx.audit.follow(limit=3))
        second = self.read(store, lambda tx: tx.audit.follow(after=first[-1].id, limit=9))
        assert [*first, *second] == entries
        assert self.read(store, lambda tx: tx.audit.follow(after=entries[-1].id)) == []
        assert self.read(store, lambda tx: tx.audit.follow(after="aud_unknown")) == []
        assert self.read(store, lambda tx: tx.audit.follow(user_id="usr_1", kind="kind.1")) == entries[1::2]
        assert self.read(store, lambda tx: tx.audit.follow(user_id="usr_2")) == []

    def test_a_span_begins_with_its_first_instant_and_ends_before_its_last(self, store: Store) -> None:
        entries = [AuditEntry(at=NOW + number * SECOND, kind="login") for number in range(5)]
        self._write_down(store, *entries)
        since, until = NOW + SECOND, NOW + 3 * SECOND
        assert self.read(store, lambda tx: tx.audit.follow(since=since, until=until)) == entries[1:3]
        assert self.read(store, lambda tx: tx.audit.page(since=since, until=until)) == entries[2:0:-1]
        assert self.read(store, lambda tx: tx.audit.page(until=NOW)) == []
        assert self.read(store, lambda tx: tx.audit.page(since=NOW + 5 * SECOND)) == []

    def test_only_what_is_old_enough_is_cleared_away_and_no_more_than_asked_for(self, store: Store) -> None:
        entries = [AuditEntry(at=NOW + number * SECOND, kind="login", user_id="usr_1") for number in range(6)]
        self._write_down(store, *entries)
        before = NOW + 4 * SECOND
        assert self.write(store, lambda tx: tx.audit.purge(NOW, 100)) == 0
        assert self.write(store, lambda tx: tx.audit.purge(before, 3)) == 3
        assert self.read(store, lambda tx: tx.audit.follow()) == entries[3:]
        assert self.write(store, lambda tx: tx.audit.purge(before, 3)) == 1
        assert self.write(store, lambda tx: tx.audit.purge(before, 3)) == 0
        assert self.read(store, lambda tx: tx.audit.page(user_id="usr_1")) == entries[:3:-1]
        assert self.read(store, lambda tx: tx.audit.get(entries[0].id)) is None

    def test_clearing_away_that_is_taken_back_leaves_the_trail_as_it_was(self, store: Store) -> None:
        entries = [AuditEntry(at=NOW, kind="login") for _ in range(4)]
        self._write_down(store, *entries)

        def work(tx: Transaction) -> None:
            tx.audit.purge(NOW + SECOND, 3)
            tx.audit.add(AuditEntry(at=NOW, kind="logout"))
            raise _TakenBack

        with pytest.raises(_TakenBack):
            self.write(store, work)
        assert self.read(store, lambda tx: tx.audit.follow()) == entries

    def test_an_entry_is_written_once(self, store: Store) -> None:
        entry = AuditEntry(at=NOW, kind="login")
        self._write_down(store, entry)
        with pytest.raises(DataConflict):
            self._write_down(store, entry)
        assert self.read(store, lambda tx: tx.audit.page()) == [entry]

    def test_a_stored_entry_is_nobody_elses_object(self, store: Store) -> None:
        entry = AuditEntry(at=NOW, kind="login", detail={"a": "b"})
        self._write_down(store, entry)
        entry.detail["a"] = "changed"
        assert self.read(store, lambda tx: tx.audit.page())[0].detail == {"a": "b"}
