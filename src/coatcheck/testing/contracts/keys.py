"""Every edge of ``tx.keys``."""

import pytest
from msgspec import structs

from coatcheck.model.key import Algorithm, KeyStatus
from coatcheck.stores.port import Store, Transaction
from coatcheck.testing.contracts.driving import NOW, SECOND, Driving, a_key

# ruff: noqa: S101 - assert is how a contract speaks


class KeysContract(Driving):
    """Signing keys."""

    def test_there_is_no_key_at_first(self, store: Store) -> None:
        def ask(tx: Transaction) -> list[object]:
            moved = tx.keys.move("key_x", expected=KeyStatus.CURRENT, to=KeyStatus.RETIRED, at=NOW)
            return [tx.keys.all(), tx.keys.get("key_x"), tx.keys.count_sealed(), moved]

        assert self.write(store, ask) == [[], None, 0, False]

    @pytest.mark.parametrize("algorithm", Algorithm)
    def test_a_key_comes_out_as_it_went_in(self, store: Store, algorithm: Algorithm) -> None:
        public_key = None if algorithm.is_symmetric else "-----BEGIN PUBLIC KEY-----"
        key = a_key(algorithm=algorithm, public_key=public_key, usable_from=NOW + SECOND, status=KeyStatus.UPCOMING)
        assert self.write(store, lambda tx: tx.keys.add(key))
        assert self.read(store, lambda tx: tx.keys.get(key.kid)) == key
        assert self.read(store, lambda tx: tx.keys.all()) == [key]

    def test_keys_come_oldest_first_without_the_revoked(self, store: Store) -> None:
        keys = [a_key(created_at=NOW + n * SECOND) for n in (2, 0, 1)]
        revoked = a_key(status=KeyStatus.REVOKED)
        self.write(store, lambda tx: [tx.keys.add(key) for key in (*keys, revoked)])
        assert self.read(store, lambda tx: tx.keys.all()) == [keys[1], keys[2], keys[0]]
        assert self.read(store, lambda tx: tx.keys.get(revoked.kid)) == revoked
        assert self.read(store, lambda tx: tx.keys.count_sealed()) == 4

    @pytest.mark.parametrize("status", [KeyStatus.CURRENT, KeyStatus.UPCOMING])
    def test_of_many_servers_one_adds_the_key(self, store: Store, twin: Store, status: KeyStatus) -> None:
        racing = [a_key(status=status) for _ in range(10)]
        won = self.race([store, twin], [lambda tx, key=key: tx.keys.add(key) for key in racing])  # type: ignore[misc]
        assert won.count(True) == 1
        assert self.read(twin, lambda tx: tx.keys.all()) == [racing[won.index(True)]]

    def test_retired_and_revoked_keys_may_be_many(self, store: Store) -> None:
        many = [a_key(status=status) for status in (KeyStatus.RETIRED, KeyStatus.REVOKED) for _ in range(2)]
        assert self.write(store, lambda tx: [tx.keys.add(key) for key in many]) == [True] * 4
        assert not self.write(store, lambda tx: tx.keys.add(many[0]))

    def test_of_many_servers_one_moves_the_key(self, store: Store, twin: Store) -> None:
        key = a_key(status=KeyStatus.UPCOMING)
        self.write(store, lambda tx: tx.keys.add(key))
        works = [
            lambda tx, n=n: tx.keys.move(
                key.kid, expected=KeyStatus.UPCOMING, to=KeyStatus.CURRENT, at=NOW + n * SECOND
            )
            for n in range(10)
        ]
        won = self.race([store, twin], works)
        assert won.count(True) == 1
        moved = structs.replace(key, status=KeyStatus.CURRENT, status_since=NOW + won.index(True) * SECOND)
        assert self.read(twin, lambda tx: tx.keys.get(key.kid)) == moved

    def test_a_key_is_not_moved_to_a_place_that_is_taken(self, store: Store) -> None:
        current, upcoming = a_key(status=KeyStatus.CURRENT), a_key(status=KeyStatus.UPCOMING)

        def work(tx: Transaction) -> None:
            assert tx.keys.add(current)
            assert tx.keys.add(upcoming)
            take_over = {"expected": KeyStatus.UPCOMING, "to": KeyStatus.CURRENT, "at": NOW + SECOND}
            assert not tx.keys.move(upcoming.kid, **take_over)  # type: ignore[arg-type]
            assert tx.keys.move(current.kid, expected=KeyStatus.CURRENT, to=KeyStatus.RETIRED, at=NOW)
            assert tx.keys.move(upcoming.kid, **take_over)  # type: ignore[arg-type]

        self.write(store, work)
        moved = structs.replace(upcoming, status=KeyStatus.CURRENT, status_since=NOW + SECOND)
        assert self.read(store, lambda tx: tx.keys.get(upcoming.kid)) == moved

    @pytest.mark.parametrize("to", KeyStatus)
    def test_a_revoked_key_is_never_moved_again(self, store: Store, to: KeyStatus) -> None:
        key = a_key(status=KeyStatus.REVOKED)
        self.write(store, lambda tx: tx.keys.add(key))
        assert not self.write(store, lambda tx: tx.keys.move(key.kid, expected=KeyStatus.REVOKED, to=to, at=NOW))
        assert self.read(store, lambda tx: tx.keys.get(key.kid)) == key
