"""Every edge of ``tx.sessions`` but looking up."""

from datetime import timedelta

from msgspec import structs

from coatcheck.model.principal import Kind
from coatcheck.model.session import Carry, Ending, Session
from coatcheck.stores.port import Store, Transaction
from coatcheck.testing.contracts.driving import NOW, SECOND, Driving, a_session

# ruff: noqa: S101 - assert is how a contract speaks


class SessionsContract(Driving):
    """Logins."""

    def _log_in(self, store: Store, *sessions: Session) -> None:
        def work(tx: Transaction) -> None:
            for session in sessions:
                tx.sessions.add(session)

        self.write(store, work)

    def test_there_is_no_session_at_first(self, store: Store) -> None:
        assert self.read(store, lambda tx: tx.sessions.get("ses_x")) is None
        assert self.read(store, lambda tx: tx.sessions.live_of("usr_x")) == []
        assert self.read(store, lambda tx: tx.sessions.count_live_of("usr_x")) == 0
        assert self.read(store, lambda tx: tx.sessions.count_live(NOW)) == 0
        assert not self.write(store, lambda tx: tx.sessions.save(a_session("usr_x")))
        assert not self.write(store, lambda tx: tx.sessions.end("ses_x", NOW, Ending.LOGOUT))
        self.write(store, lambda tx: tx.sessions.touch({"ses_x": NOW}))
        self.write(store, lambda tx: tx.sessions.touch({}))
        self.write(store, lambda tx: tx.sessions.lock("ses_x"))

    def test_a_session_comes_out_as_it_went_in(self, store: Store) -> None:
        plain = a_session("usr_x")
        full = a_session(
            "usr_x",
            carry=Carry.JWT_COOKIE,
            generation=3,
            step=2**40,
            secret_digest=bytes(range(256)),
            previous_digest=b"\x00",
            stepped_at=NOW - timedelta(microseconds=1),
            stepped_with="key-🗝",
            expires_at=NOW.replace(year=9999),
            idle_for=timedelta(days=400, microseconds=1),
            remember=True,
            amr=("pwd", "otp"),
            audiences=("orders", 'o"dd'),
            device="Firefox\u202e 🦊 '",
            address="2001:db8::1",
            organisation="org_1",
        )
        for session in (plain, full):
            self.write(store, lambda tx, session=session: tx.sessions.add(session))  # type: ignore[misc]
            assert self.read(store, lambda tx, key=session.id: tx.sessions.get(key)) == session  # type: ignore[misc]
        changed = structs.replace(
            plain, **{name: getattr(full, name) for name in ("step", "amr", "device", "remember")}
        )
        assert self.write(store, lambda tx: tx.sessions.save(changed))
        assert self.read(store, lambda tx: tx.sessions.get(plain.id)) == changed

    def test_an_ended_session_stays_readable_and_says_why(self, store: Store) -> None:
        session = a_session("usr_x")
        self.write(store, lambda tx: tx.sessions.add(session))
        assert self.write(store, lambda tx: tx.sessions.end(session.id, NOW + SECOND, Ending.REPLAYED))
        ended = structs.replace(session, ended_at=NOW + SECOND, ending=Ending.REPLAYED)
        assert self.read(store, lambda tx: tx.sessions.get(session.id)) == ended

    def test_a_late_write_never_resurrects_what_was_ended(self, store: Store) -> None:
        session = a_session("usr_x")
        self.write(store, lambda tx: tx.sessions.add(session))
        self.write(store, lambda tx: tx.sessions.end(session.id, NOW, Ending.LOGOUT))
        assert not self.write(store, lambda tx: tx.sessions.save(structs.replace(session, step=2)))
        assert not self.write(store, lambda tx: tx.sessions.end(session.id, NOW + SECOND, Ending.SUSPENDED))
        self.write(store, lambda tx: tx.sessions.touch({session.id: NOW + SECOND}))
        ended = structs.replace(session, ended_at=NOW, ending=Ending.LOGOUT)
        assert self.read(store, lambda tx: tx.sessions.get(session.id)) == ended

    def test_a_late_write_never_resurrects_what_ended_with_everything(self, store: Store) -> None:
        session = a_session("usr_x")
        self.write(store, lambda tx: tx.sessions.add(session))
        self.write(store, lambda tx: tx.log.raise_everything())
        assert not self.write(store, lambda tx: tx.sessions.save(structs.replace(session, everything_generation=2)))
        self.write(store, lambda tx: tx.sessions.touch({session.id: NOW + SECOND}))
        assert self.read(store, lambda tx: tx.sessions.get(session.id)) == session
        assert self.read(store, lambda tx: tx.sessions.live_of("usr_x")) == []
        assert self.read(store, lambda tx: tx.sessions.count_live_of("usr_x")) == 0
        assert self.read(store, lambda tx: tx.sessions.count_live(NOW)) == 0
        assert self.write(store, lambda tx: tx.sessions.end(session.id, NOW, Ending.EVERYTHING))

    def test_of_racing_endings_exactly_one_wins(self, store: Store, twin: Store) -> None:
        session, reasons = a_session("usr_x"), [*Ending] * 2
        self.write(store, lambda tx: tx.sessions.add(session))
        won = self.race(
            [store, twin],
            [lambda tx, why=why: tx.sessions.end(session.id, NOW, why) for why in reasons],  # type: ignore[misc]
        )
        assert won.count(True) == 1
        read = self.read(twin, lambda tx: tx.sessions.get(session.id))
        assert read is not None
        assert read.ending is reasons[won.index(True)]

    def test_a_user_has_the_live_sessions_newest_first(self, store: Store) -> None:
        old, new, same = (a_session("usr_x", created_at=NOW + n * SECOND) for n in (0, 2, 2))
        ended, foreign = a_session("usr_x"), a_session("usr_y")
        expired = a_session("usr_x", created_at=NOW - SECOND, expires_at=NOW - SECOND)
        self._log_in(store, old, new, same, ended, foreign, expired)
        self.write(store, lambda tx: tx.sessions.end(ended.id, NOW, Ending.LOGOUT))
        newest = sorted((new, same), key=lambda session: session.id, reverse=True)
        assert self.read(store, lambda tx: tx.sessions.live_of("usr_x")) == [*newest, old, expired]
        assert self.read(store, lambda tx: tx.sessions.count_live_of("usr_x")) == len(newest) + 2
        assert self.read(store, lambda tx: tx.sessions.count_live_of("usr_x", Kind.API_KEY)) == 0
        assert self.read(store, lambda tx: tx.sessions.count_live(NOW)) == 4

    def test_a_touch_moves_forward_only(self, store: Store) -> None:
        first, second = a_session("usr_x"), a_session("usr_x")
        self._log_in(store, first, second)
        self.write(store, lambda tx: tx.sessions.touch({first.id: NOW + SECOND, second.id: NOW - SECOND, "ses_x": NOW}))
        assert self.read(store, lambda tx: tx.sessions.get(second.id)) == second
        moved = structs.replace(first, seen_at=NOW + SECOND)
        assert self.read(store, lambda tx: tx.sessions.get(first.id)) == moved

    def test_a_purge_takes_what_is_long_over_and_no_more(self, store: Store) -> None:
        live, fresh, stale = a_session("usr_x"), a_session("usr_x"), a_session("usr_x", previous_digest=b"p")
        expired = [a_session("usr_x", expires_at=NOW - n * SECOND) for n in (0, 1, 2)]
        self._log_in(store, live, fresh, stale, *expired)
        self.write(store, lambda tx: tx.sessions.end(fresh.id, NOW, Ending.LOGOUT))
        self.write(store, lambda tx: tx.sessions.end(stale.id, NOW - SECOND, Ending.LOGOUT))

        def purge(limit: int) -> int:
            return self.write(store, lambda tx: tx.sessions.purge(ended_before=NOW, expired_before=NOW, limit=limit))

        assert purge(2) == 2
        assert purge(10) == 1
        assert purge(10) == 0
        there = {
            each.id
            for each in (live, fresh, stale, *expired)
            if self.read(store, lambda tx, key=each.id: tx.sessions.get(key))  # type: ignore[misc]
        }
        assert there == {live.id, fresh.id, expired[0].id}
        self.write(store, lambda tx: tx.sessions.add(a_session("usr_x", secret_digest=stale.secret_digest)))
