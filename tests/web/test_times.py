"""Instants and spans in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.web.times import Moment, relative_time, span_in_words, wait_in_words

NOW = datetime(2026, 11, 21, 9, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=44), "just now"),
        (timedelta(seconds=-44), "just now"),
        (timedelta(seconds=45), "1 minute ago"),
        (timedelta(minutes=3, seconds=59), "3 minutes ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=29, hours=23), "29 days ago"),
        (timedelta(days=30), "on 22 October 2026"),
        (timedelta(hours=-2), "in 2 hours"),
        (timedelta(days=-40), "on 31 December 2026"),
    ],
)
def test_an_instant_is_told_from_now(away: timedelta, words: str) -> None:
    assert relative_time(NOW - away, NOW) == words


def test_a_moment_has_words_the_full_date_and_the_form_for_machines() -> None:
    at = datetime(2026, 11, 21, 11, 11, tzinfo=timezone(timedelta(hours=2)))
    assert Moment.of(at, NOW) == Moment("3 minutes ago", "21 November 2026, 09:11 UTC", "2026-11-21T09:11:00Z")


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_any_two_instants_can_be_told(at: datetime, now: datetime) -> None:
    assert Moment.of(at, now).words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(microseconds=300), "less than 1 ms"),
        (timedelta(milliseconds=8), "8 ms"),
        (timedelta(milliseconds=999), "999 ms"),
        (timedelta(seconds=1, milliseconds=240), "1.2 s"),
    ],
)
def test_a_measured_span_is_told(span: timedelta, words: str) -> None:
    assert span_in_words(span) == words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "1 second"),
        (timedelta(seconds=29, milliseconds=1), "30 seconds"),
        (timedelta(seconds=90), "2 minutes"),
        (timedelta(minutes=15), "15 minutes"),
    ],
)
def test_a_wait_is_never_told_too_short(span: timedelta, words: str) -> None:
    assert wait_in_words(span) == words
