"""When a login is over by itself. Pure rules over instants; the clock is handed in.

Two limits hold at once (OWASP ASVS 7.3.1, 7.3.2): an absolute one, fixed at login and moved by nothing, and an idle
one, counted from when the person was last seen.
"""

from datetime import datetime, timedelta

from coatcheck.model.session import Session


def is_past_absolute(now: datetime, expires_at: datetime) -> bool:
    """True when the session's fixed end has come."""
    return now >= expires_at


def is_idle(now: datetime, seen_at: datetime, idle_for: timedelta, flush_interval: timedelta) -> bool:
    """True when the person has not been seen for ``idle_for``.

    The store lags by a batch of touches, so one ``flush_interval`` is allowed on top (rule 11).
    """
    return now >= seen_at + idle_for + flush_interval


def is_over(now: datetime, session: Session, flush_interval: timedelta) -> bool:
    """True when either limit is reached, whether or not anybody has ended the session."""
    if is_past_absolute(now, session.expires_at):
        return True
    return is_idle(now, session.seen_at, session.idle_for, flush_interval)


def is_within_grace(now: datetime, stepped_at: datetime, grace: timedelta) -> bool:
    """True while the predecessor of a rotated secret may still be presented.

    ``now`` may lie a little before ``stepped_at``: two processes' clocks differ, and a request that noted its instant
    first may be second to the lock. By less than the grace, or a clock that was set back would make an old token look
    fresh.
    """
    return -grace < now - stepped_at < grace


def needs_fresh_proof(now: datetime, authenticated_at: datetime, within: timedelta) -> bool:
    """True when the password was proven longer than ``within`` ago (RFC 9470)."""
    return now - authenticated_at > within
