"""Instants and spans in words, as a page says them: "3 minutes ago", "8 ms"."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_JUST_NOW = timedelta(seconds=45)
_RELATIVE_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant as a page shows it.

    ``words`` is relative ("3 minutes ago"), ``exact`` the same in full ("21 November 2026, 09:14 UTC") for whoever
    points at it, ``machine`` RFC 3339 for the ``datetime`` attribute.
    """

    words: str
    exact: str
    machine: str

    @classmethod
    def of(cls, at: datetime, now: datetime) -> "Moment":
        """Describe ``at`` as seen at ``now``; both aware."""
        at = at.astimezone(UTC)
        return cls(relative_time(at, now), f"{_day(at)}, {at:%H:%M} UTC", f"{at:%Y-%m-%dT%H:%M:%SZ}")


def relative_time(at: datetime, now: datetime) -> str:
    """Say how far ``at`` is from ``now``: "just now", "3 minutes ago", "in 2 hours"; a date beyond 30 days.

    Counts whole units that have passed, so "1 hour ago" is never less than an hour. Clocks of several servers differ a
    little: what lies less than 45 s away on either side is "just now".
    """
    away = abs(now - at)
    if away < _JUST_NOW:
        return "just now"
    if away >= _RELATIVE_FOR:
        return f"on {_day(at.astimezone(UTC))}"
    minutes = max(1, away // timedelta(minutes=1))
    if minutes < 60:
        amount = plural(minutes, "minute")
    elif minutes < 24 * 60:
        amount = plural(minutes // 60, "hour")
    else:
        amount = plural(minutes // (24 * 60), "day")
    return f"{amount} ago" if at < now else f"in {amount}"


def span_in_words(span: timedelta) -> str:
    """Say a measured span: "8 ms", "1.2 s"."""
    milliseconds = round(span / timedelta(milliseconds=1))
    if milliseconds < 1:
        return "less than 1 ms"
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{span.total_seconds():.1f} s"


def wait_in_words(span: timedelta) -> str:
    """Say how long to wait, rounded up: "1 second", "15 minutes"."""
    seconds = max(1, -(-span // timedelta(seconds=1)))
    return plural(seconds, "second") if seconds < 90 else plural(-(-seconds // 60), "minute")


def plural(count: int, noun: str) -> str:
    """Count things: "1 minute", "2 minutes"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _day(at: datetime) -> str:
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"
