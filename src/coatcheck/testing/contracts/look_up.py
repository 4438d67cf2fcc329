"""Every edge of ``tx.sessions.look_up`` (rules 9 and 12)."""

from msgspec import structs

from coatcheck.authority import Found, LookUp
from coatcheck.model.event import SessionEnded
from coatcheck.model.key import KeyStatus
from coatcheck.model.record import Record
from coatcheck.model.session import Ending, Session
from coatcheck.model.user import User, UserStatus
from coatcheck.stores.port import Store, Transaction
from coatcheck.testing.contracts.driving import NOW, SECOND, Driving, a_key, a_session, a_user

# ruff: noqa: S101 - assert is how a contract speaks


class LookUpContract(Driving):
    """What is this credential?"""

    def _look_up(self, store: Store, **asked: object) -> Found:
        return self.read(store, lambda tx: tx.sessions.look_up(LookUp(**asked)))  # type: ignore[arg-type]

    def _prepare(self, store: Store, **changes: object) -> tuple[User, Session]:
        user = a_user(roles=("admin", "🦊"), version=4)
        session = a_session(user.id, **changes)

        def work(tx: Transaction) -> None:
            tx.users.add(user)
            tx.sessions.add(session)

        self.write(store, work)
        return user, session

    def test_an_unknown_credential_has_no_record_but_a_position(self, store: Store) -> None:
        position = self.read(store, lambda tx: tx.log.head()).position
        nothing = Found(position=position, record=None)
        assert self._look_up(store, digest=b"unknown") == nothing
        assert self._look_up(store, session_id="ses_unknown") == nothing
        assert self._look_up(store) == nothing
        assert self._look_up(store, session_id="ses_unknown", kid="key_x") == structs.replace(
            nothing, key_is_valid=False
        )

    def test_a_live_session_gives_a_record_stamped_with_the_head(self, store: Store) -> None:
        user, session = self._prepare(store, amr=("pwd", "otp"), organisation="org_1", generation=2, step=9)
        self.write(store, lambda tx: tx.log.append(SessionEnded("ses_other")))
        position = self.read(store, lambda tx: tx.log.head()).position
        record = Record(
            session_id=session.id,
            user_id=user.id,
            generation=2,
            user_version=4,
            everything_generation=1,
            stamp=position,
            roles=("admin", "🦊"),
            amr=("pwd", "otp"),
            organisation="org_1",
            authenticated_at=session.authenticated_at,
            stepped_at=session.stepped_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
            idle_for=session.idle_for,
        )
        assert position.seq == 1
        answer = Found(position=position, record=record, session_id=session.id)
        assert self._look_up(store, digest=session.secret_digest) == answer
        assert self._look_up(store, session_id=session.id) == answer

    def test_the_previous_secret_is_known_as_superseded(self, store: Store) -> None:
        _, session = self._prepare(store)
        renewed = structs.replace(session, secret_digest=b"new", previous_digest=session.secret_digest, step=2)
        assert self.write(store, lambda tx: tx.sessions.save(renewed))
        current, previous = (self._look_up(store, digest=each).record for each in (b"new", session.secret_digest))
        assert current is not None
        assert previous == structs.replace(current, superseded=True)
        assert self.write(store, lambda tx: tx.sessions.save(structs.replace(renewed, previous_digest=None)))
        assert self._look_up(store, digest=session.secret_digest).record is None

    def test_a_digest_is_first_of_all_somebodys_current_one(self, store: Store) -> None:
        _, session = self._prepare(store)
        self._prepare(store, previous_digest=session.secret_digest)
        record = self._look_up(store, digest=session.secret_digest).record
        assert record is not None
        assert (record.session_id, record.superseded) == (session.id, False)

    def test_an_ended_session_is_told_from_an_unknown_one(self, store: Store) -> None:
        _, session = self._prepare(store, previous_digest=b"before")
        self.write(store, lambda tx: tx.sessions.end(session.id, NOW, Ending.LOGOUT))
        for asked in ({"digest": session.secret_digest}, {"digest": b"before"}, {"session_id": session.id}):
            found = self._look_up(store, **asked)
            assert found.record is None
            assert found.session_id == session.id, "so that it can be told when and why"

    def test_what_is_older_than_the_last_everything_ended_has_ended(self, store: Store) -> None:
        _, session = self._prepare(store)
        self.write(store, lambda tx: tx.log.raise_everything())
        found = self._look_up(store, session_id=session.id)
        assert (found.record, found.session_id) == (None, session.id)
        _, newer = self._prepare(store, everything_generation=2)
        record = self._look_up(store, session_id=newer.id).record
        assert record is not None
        assert record.everything_generation == 2

    def test_a_suspended_user_has_no_record(self, store: Store) -> None:
        user, session = self._prepare(store)
        suspended = structs.replace(user, status=UserStatus.SUSPENDED, version=5)
        assert self.write(store, lambda tx: tx.users.save(suspended, expected_version=4))
        found = self._look_up(store, digest=session.secret_digest)
        assert (found.record, found.session_id) == (None, session.id)

    def test_a_session_without_its_user_has_ended(self, store: Store) -> None:
        user, session = self._prepare(store)
        self.write(store, lambda tx: tx.users.remove(user.id))
        found = self._look_up(store, digest=session.secret_digest)
        assert (found.record, found.session_id) == (None, session.id)

    def test_an_expired_session_is_judged_by_who_knows_the_time(self, store: Store) -> None:
        _, session = self._prepare(store, expires_at=NOW - 400 * SECOND)
        assert self._look_up(store, digest=session.secret_digest).record is not None

    def test_a_key_is_valid_until_it_is_revoked(self, store: Store) -> None:
        _, session = self._prepare(store)
        key = a_key(status=KeyStatus.CURRENT)
        self.write(store, lambda tx: tx.keys.add(key))
        for expected, to in (
            (KeyStatus.CURRENT, KeyStatus.RETIRED),
            (KeyStatus.RETIRED, KeyStatus.REVOKED),
        ):
            found = self._look_up(store, session_id=session.id, kid=key.kid)
            assert (found.record is not None, found.key_is_valid) == (True, True)
            self.write(store, lambda tx, a=expected, b=to: tx.keys.move(key.kid, expected=a, to=b, at=NOW))  # type: ignore[misc]
        assert not self._look_up(store, session_id=session.id, kid=key.kid).key_is_valid
        assert not self._look_up(store, session_id=session.id, kid="key_unknown").key_is_valid
        assert not self._look_up(store, digest=session.secret_digest, kid=key.kid).key_is_valid
        assert self._look_up(store, session_id=session.id).key_is_valid
