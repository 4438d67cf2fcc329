"""Every edge of ``tx.attempts``."""

from datetime import timedelta

from coatcheck.stores.port import Store
from coatcheck.testing.contracts.driving import NOW, SECOND, Driving

# ruff: noqa: S101 - assert is how a contract speaks

_WINDOW = timedelta(minutes=15)


class AttemptsContract(Driving):
    """Counters of failures."""

    def _take(self, store: Store, key: str = "k", after: timedelta = 0 * SECOND) -> int:
        return self.write(store, lambda tx: tx.attempts.take(key, NOW + after, _WINDOW))[0]

    def test_nothing_is_counted_at_first(self, store: Store) -> None:
        assert self.read(store, lambda tx: tx.attempts.peek("k", NOW)) is None
        self.write(store, lambda tx: tx.attempts.give_back("k"))
        assert self.write(store, lambda tx: tx.attempts.purge(NOW, 10)) == 0

    def test_attempts_add_up_within_a_window_that_does_not_move(self, store: Store) -> None:
        for number in range(1, 4):
            now = NOW + number * SECOND
            count, ends_at = self.write(store, lambda tx, now=now: tx.attempts.take("k 🦊", now, _WINDOW))  # type: ignore[misc]
            assert (count, ends_at) == (number, NOW + SECOND + _WINDOW)
        assert self.read(store, lambda tx: tx.attempts.peek("k 🦊", NOW)) == (3, NOW + SECOND + _WINDOW)
        assert self.read(store, lambda tx: tx.attempts.peek("other", NOW)) is None

    def test_a_window_ends_at_its_end(self, store: Store) -> None:
        self._take(store)
        assert self._take(store, after=_WINDOW - timedelta(microseconds=1)) == 2
        assert self.read(store, lambda tx: tx.attempts.peek("k", NOW + _WINDOW)) is None
        assert self._take(store, after=_WINDOW) == 1
        assert self.read(store, lambda tx: tx.attempts.peek("k", NOW)) == (1, NOW + 2 * _WINDOW)

    def test_racing_attempts_are_all_counted(self, store: Store, twin: Store) -> None:
        works = [lambda tx: tx.attempts.take("k", NOW, _WINDOW)[0] for _ in range(30)]
        assert sorted(self.race([store, twin], works)) == list(range(1, 31))

    def test_an_attempt_given_back_does_not_count_and_none_goes_below_zero(self, store: Store) -> None:
        self._take(store)
        self._take(store)
        self.write(store, lambda tx: tx.attempts.give_back("k"))
        assert self.read(store, lambda tx: tx.attempts.peek("k", NOW)) == (1, NOW + _WINDOW)
        for _ in range(3):
            self.write(store, lambda tx: tx.attempts.give_back("k"))
        assert self._take(store) == 1

    def test_a_clock_that_was_ahead_leaves_no_endless_window(self, store: Store) -> None:
        self._take(store, after=timedelta(days=365))
        count, ends_at = self.write(store, lambda tx: tx.attempts.take("k", NOW, _WINDOW))
        assert (count, ends_at) == (2, NOW + _WINDOW)

    def test_a_purge_takes_windows_that_are_over(self, store: Store) -> None:
        for key in "abc":
            self._take(store, key)
        self._take(store, "new", after=SECOND)
        assert self.write(store, lambda tx: tx.attempts.purge(NOW + _WINDOW - SECOND, 10)) == 0
        assert self.write(store, lambda tx: tx.attempts.purge(NOW + _WINDOW, 2)) == 2
        assert self.write(store, lambda tx: tx.attempts.purge(NOW + _WINDOW, 10)) == 1
        assert self._take(store, "new", after=SECOND) == 2
