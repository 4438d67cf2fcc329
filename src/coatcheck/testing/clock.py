"""A clock that stands still until it is told to go on."""

from datetime import UTC, datetime, timedelta

_BEGINNING = datetime(2026, 1, 1, 12, tzinfo=UTC)


class ManualClock:
    """Both clocks of ``coatcheck.clock.Clock``, moved by hand.

    Hand it to ``Auth(clock=…)`` and see sessions expire without waiting::

        clock = ManualClock()
        auth = Auth(settings, clock=clock)
        clock.advance(timedelta(hours=3))

    A lease ends with its clock too: after ``advance`` the next check asks the store, as after a night's sleep of the
    machine. Raises ValueError for a starting instant without time zone.
    """

    def __init__(self, at: datetime = _BEGINNING) -> None:
        if at.tzinfo is None:
            raise ValueError("an instant needs a time zone, such as datetime.UTC")
        self._wall = at.timestamp()
        self._steady = 1_000_000.0

    def wall(self) -> float:
        """Seconds since 1970 in UTC."""
        return self._wall

    def steady(self) -> float:
        """Seconds of a clock that nobody sets."""
        return self._steady

    @property
    def now(self) -> datetime:
        """The instant that the wall clock shows."""
        return datetime.fromtimestamp(self._wall, UTC)

    def advance(self, span: timedelta) -> None:
        """Let time pass. Raises ValueError for a negative span: only a wall clock goes back, with ``set``."""
        if span < timedelta(0):
            raise ValueError("time does not run backwards; `set` moves the wall clock alone")
        self._wall += span.total_seconds()
        self._steady += span.total_seconds()

    def set(self, at: datetime) -> None:
        """Set the wall clock alone, as an administrator or a time daemon does; the steady clock goes on undisturbed."""
        self._wall = at.timestamp()
