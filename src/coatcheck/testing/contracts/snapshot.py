"""What a snapshot holds, and its floor (rules 4 and 9)."""

from coatcheck.authority import Snapshot
from coatcheck.model.event import EverythingEnded, KeyAdded, KeyRevoked, SessionEnded, SessionRenewed, UserChanged
from coatcheck.model.key import Algorithm, KeyStatus
from coatcheck.stores.port import Store
from coatcheck.testing.contracts.driving import NOW, SECOND, Driving, a_key

# ruff: noqa: S101 - assert is how a contract speaks


class SnapshotContract(Driving):
    """A compacted log."""

    def _append(self, store: Store, *happenings: SessionEnded | SessionRenewed | UserChanged | KeyRevoked) -> None:
        self.append(store, *happenings)

    def _snapshot(self, store: Store, limit: int = 100) -> Snapshot:
        return self.read(store, lambda tx: tx.log.snapshot(limit))

    def test_a_new_store_has_an_empty_snapshot(self, store: Store) -> None:
        head = self.read(store, lambda tx: tx.log.head())
        empty = Snapshot(head=head, ended=(), generations=(), versions=(), keys=(), floor=0)
        assert self._snapshot(store) == empty

    def test_only_the_newest_of_each_counts_and_an_ending_beats_all(self, store: Store) -> None:
        self._append(
            store,
            SessionRenewed("ses_a", 2),
            UserChanged("usr_a", 2),
            SessionRenewed("ses_b", 2),
            SessionRenewed("ses_a", 3),
            SessionEnded("ses_b"),
            UserChanged("usr_b", 7),
            SessionEnded("ses_c"),
            UserChanged("usr_a", 3),
        )
        snapshot = self._snapshot(store)
        assert snapshot.ended == (("ses_b", 5), ("ses_c", 7))
        assert snapshot.generations == (("ses_a", 3, 4),)
        assert snapshot.versions == (("usr_b", 7, 6), ("usr_a", 3, 8))
        assert (snapshot.head.seq, snapshot.floor, snapshot.foreign) == (8, 0, False)

    def test_what_is_left_out_raises_the_floor(self, store: Store) -> None:
        self._append(
            store,
            SessionEnded("ses_a"),
            UserChanged("usr_a", 2),
            SessionRenewed("ses_b", 2),
            UserChanged("usr_a", 3),
            SessionEnded("ses_c"),
        )
        whole = self._snapshot(store, 4)
        assert (whole.floor, len(whole.ended + whole.generations + whole.versions)) == (0, 4)
        three = self._snapshot(store, 3)
        assert (three.ended, three.generations) == ((("ses_c", 5),), (("ses_b", 2, 3),))
        assert (three.versions, three.floor) == ((("usr_a", 3, 4),), 1)
        two = self._snapshot(store, 2)
        assert (two.ended, two.generations, two.versions, two.floor) == ((("ses_c", 5),), (), (("usr_a", 3, 4),), 3)
        none = self._snapshot(store, 0)
        assert (none.ended, none.generations, none.versions, none.floor) == ((), (), (), 5)

    def test_what_the_log_forgot_is_below_the_floor(self, store: Store) -> None:
        self._append(store, *(SessionEnded(f"ses_{n}") for n in range(5)))
        self.write(store, lambda tx: tx.log.forget(up_to=3))
        snapshot = self._snapshot(store)
        assert (snapshot.ended, snapshot.floor) == ((("ses_3", 4), ("ses_4", 5)), 3)
        self.write(store, lambda tx: tx.log.forget(up_to=5))
        snapshot = self._snapshot(store)
        assert (snapshot.ended, snapshot.floor, snapshot.head.seq) == ((), 5, 5)

    def test_the_keys_are_all_that_are_not_revoked(self, store: Store) -> None:
        keys = [
            a_key(status=KeyStatus.RETIRED),
            a_key(status=KeyStatus.CURRENT, created_at=NOW + SECOND, algorithm=Algorithm.EDDSA),
            a_key(status=KeyStatus.UPCOMING, created_at=NOW + 2 * SECOND, algorithm=Algorithm.HS256, public_key=None),
        ]
        self.write(store, lambda tx: [tx.keys.add(key) for key in (*keys, a_key(status=KeyStatus.REVOKED))])
        self._append(store, KeyRevoked("key_x"))
        snapshot = self._snapshot(store)
        assert snapshot.keys == tuple(KeyAdded(key.kid, key.algorithm, key.public_key) for key in keys)
        assert (snapshot.ended, snapshot.floor) == ((), 0)

    def test_everything_ended_is_in_the_head(self, store: Store) -> None:
        self.write(store, lambda tx: tx.log.append(EverythingEnded(tx.log.raise_everything())))
        assert self._snapshot(store).head.everything_generation == 2
