"""Instants and spans as ``coatcheck token`` says them: to the second where seconds matter."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from coatcheck.web.times import plural, relative_time

INSTANTS: Final = ("exp", "iat", "nbf", "auth_time", "updated_at")
"""Claims that are instants: seconds since 1970 (RFC 7519 §2, OpenID Connect Core §2)."""

_TO_THE_SECOND: Final = timedelta(minutes=2)
_LAST: Final = 253_402_300_799
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def near(at: datetime, now: datetime) -> str:
    """How far ``at`` is from ``now``: "in 50 seconds", "4 minutes ago"; a date beyond 30 days."""
    away = abs(now - at)
    if away >= _TO_THE_SECOND:
        return relative_time(at, now)
    if away < timedelta(seconds=1):
        return "just now"
    amount = plural(int(away.total_seconds()), "second")
    return f"in {amount}" if at > now else f"{amount} ago"


def within(span: timedelta) -> str:
    """A span in its largest whole unit: "2 hours"."""
    seconds = int(span.total_seconds())
    for name, unit in _UNITS:
        if seconds >= unit:
            return plural(seconds // unit, name)
    return plural(seconds, "second")


def instant_of(value: Any) -> datetime | None:
    """The instant that a claim names, or None when it is no number of seconds that a calendar has."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST:
        return None
    return datetime.fromtimestamp(value, UTC)


def in_full(at: datetime, now: datetime) -> str:
    """An instant with its date, and how far away it is."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC, {near(at, now)}"
