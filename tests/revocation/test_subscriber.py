"""What an answer means (rules 3 to 7)."""

import pytest
from msgspec import structs

from coatcheck.authority import Answer, Delta, Snapshot, Unregistered
from coatcheck.model.event import SessionEnded
from coatcheck.model.position import Epoch, Position
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica, Verdict
from coatcheck.revocation.subscriber import Flight, Heard, Subscriber
from tests.revocation.builders import EPOCH, credential, delta, event, session, snapshot

NEXT = Epoch(2, "bbbb")


def subscriber(seq: int = 3) -> Subscriber:
    made = Subscriber(Replica(100), Lease())
    made.registered("reg_1")
    assert made.hear(made.ask(0.0, 1000.0), snapshot(seq)) is Heard.CURRENT
    made.lease.drop()
    return made


def answered(to: Subscriber, answer: Answer, at: float = 100.0) -> Heard:
    return to.hear(to.ask(at, at + 1000.0), answer)


def test_without_a_registration_nothing_is_asked() -> None:
    with pytest.raises(ValueError, match="register"):
        Subscriber(Replica(10), Lease()).ask(0.0, 0.0)


def test_an_answer_gives_a_lease_from_before_the_question() -> None:
    follows = subscriber()
    assert answered(follows, delta(3)) is Heard.CURRENT
    assert follows.lease.until == 105.0


def test_the_age_of_an_answer_is_taken_off_the_lease() -> None:
    follows = subscriber()
    answered(follows, delta(3, age_ms=2000))
    assert follows.lease.until == 103.0


def test_the_question_names_what_was_applied() -> None:
    follows = subscriber()
    answered(follows, delta(4, event(4, SessionEnded(session(1)))))
    question = follows.ask(0.0, 0.0).question
    assert (question.applied, question.event_id) == (Position(EPOCH, 4), "evt4")


def test_an_answer_to_an_earlier_registration_is_dropped() -> None:
    follows = subscriber()
    flight = follows.ask(100.0, 1100.0)
    follows.registered("reg_2")
    assert follows.hear(flight, delta(3)) is Heard.DROPPED
    assert not follows.lease.holds(100.0, 1100.0)


def test_an_answer_that_arrives_after_the_goodbye_is_dropped() -> None:
    follows = subscriber()
    flight = follows.ask(100.0, 1100.0)
    assert follows.leave() == "reg_1"
    assert follows.hear(flight, delta(3)) is Heard.DROPPED
    assert not follows.lease.holds(100.0, 1100.0)


def test_a_lost_registration_ends_the_trust() -> None:
    follows = subscriber()
    answered(follows, delta(3))
    assert answered(follows, Unregistered(), at=101.0) is Heard.REGISTER
    assert follows.registration is None
    assert not follows.lease.holds(101.0, 1101.0)


def test_a_standby_that_lags_gives_no_lease_and_takes_nothing() -> None:
    follows = subscriber()
    assert answered(follows, delta(2)) is Heard.REFUSED
    assert answered(follows, snapshot(2)) is Heard.REFUSED
    assert follows.replica.position == Position(EPOCH, 3)
    assert not follows.lease.holds(100.0, 1100.0)


def test_a_lower_epoch_gives_no_lease() -> None:
    follows = subscriber()
    answered(follows, snapshot(1, epoch=NEXT, foreign=True))
    follows.lease.drop()
    assert answered(follows, delta(99)) is Heard.REFUSED
    assert not follows.lease.holds(100.0, 1100.0)


@pytest.mark.parametrize("older", [delta(3), delta(4, event(4, SessionEnded(session(1)))), snapshot(4)])
def test_an_answer_that_another_one_has_overtaken_changes_and_grants_nothing(older: Delta | Snapshot) -> None:
    follows = subscriber()
    held = follows.ask(100.0, 1100.0)
    beside = follows.ask(101.0, 1101.0)
    events = [event(seq, SessionEnded(session(seq))) for seq in (4, 5)]
    assert follows.hear(beside, delta(5, *events)) is Heard.CURRENT
    lease = follows.lease.until
    assert follows.hear(held, older) is Heard.OVERTAKEN
    assert follows.replica.position == Position(EPOCH, 5)
    assert follows.replica.test(credential(5, seq=3)) is Verdict.SESSION_ENDED
    assert follows.lease.until == lease


def test_an_answer_that_is_behind_its_own_question_was_not_overtaken() -> None:
    follows = subscriber()
    held = follows.ask(100.0, 1100.0)
    assert answered(follows, delta(4, event(4, SessionEnded(session(1))))) is Heard.CURRENT
    assert follows.hear(held, delta(2)) is Heard.REFUSED


def test_a_higher_epoch_is_followed_with_an_alarm() -> None:
    follows = subscriber()
    assert answered(follows, snapshot(1, epoch=NEXT, foreign=True)) is Heard.CURRENT
    assert follows.alarms == 1
    assert follows.replica.position == Position(NEXT, 1)


def test_another_history_in_the_same_epoch_is_an_alarm() -> None:
    follows = subscriber()
    assert answered(follows, snapshot(5, foreign=True)) is Heard.CURRENT
    assert follows.alarms == 1
    assert follows.lost == (Position(EPOCH, 3), "evt3")


def test_of_several_histories_in_an_epoch_the_one_before_is_what_was_lost() -> None:
    follows = subscriber()
    answered(follows, snapshot(5, foreign=True))
    answered(follows, delta(6, event(6, SessionEnded(session(1)))))
    assert follows.lost == (Position(EPOCH, 3), "evt3")
    answered(follows, snapshot(7, foreign=True))
    assert follows.lost == (Position(EPOCH, 6), "evt6")


def test_an_epoch_that_was_begun_has_lost_nothing_however_often_it_is_told() -> None:
    follows = subscriber()
    flights = [follows.ask(at, at + 1000.0) for at in (100.0, 101.0)]
    for flight in flights:
        assert follows.hear(flight, snapshot(1, epoch=NEXT, foreign=True)) is Heard.CURRENT
    assert follows.lost is None


def test_an_answer_that_was_cut_gives_no_lease_until_the_rest_is_there() -> None:
    follows = subscriber()
    assert answered(follows, delta(5, event(4, SessionEnded(session(1))))) is Heard.PARTIAL
    assert not follows.lease.holds(100.0, 1100.0)
    assert follows.replica.test(credential(1, seq=3)) is Verdict.SESSION_ENDED
    assert answered(follows, delta(5, event(5, SessionEnded(session(2))))) is Heard.CURRENT


def test_an_answer_without_the_events_it_speaks_of_is_refused() -> None:
    follows = subscriber()
    assert answered(follows, delta(5)) is Heard.REFUSED
    assert not follows.lease.holds(100.0, 1100.0)


def test_a_gap_gives_no_lease() -> None:
    follows = subscriber()
    assert answered(follows, delta(5, event(5, SessionEnded(session(1))))) is Heard.REFUSED
    assert not follows.lease.holds(100.0, 1100.0)


def test_an_event_of_an_unknown_kind_is_neither_applied_nor_acknowledged() -> None:
    follows = subscriber()
    assert answered(follows, delta(4, event(4, object()))) is Heard.REFUSED  # type: ignore[arg-type]
    assert follows.ask(0.0, 0.0).question.applied == Position(EPOCH, 3)
    assert not follows.lease.holds(100.0, 1100.0)


def test_a_repeated_answer_lengthens_no_lease() -> None:
    follows = subscriber()
    flight: Flight = follows.ask(100.0, 1100.0)
    answer = delta(4, event(4, SessionEnded(session(1))))
    assert follows.hear(flight, answer) is Heard.CURRENT
    assert follows.hear(flight, answer) is Heard.CURRENT
    assert follows.lease.until == 105.0


def test_somebody_who_waits_makes_it_acknowledge_at_once() -> None:
    follows = subscriber()
    ended = event(4, SessionEnded(session(1)))
    assert answered(follows, delta(4, ended, awaited=4)) is Heard.AWAITED
    assert answered(follows, delta(4, awaited=4)) is Heard.CURRENT


def test_a_snapshot_that_took_longer_than_a_lease_gives_a_position_and_the_next_answer_a_lease() -> None:
    follows = Subscriber(Replica(100), Lease())
    follows.registered("reg_1")
    assert answered(follows, structs.replace(snapshot(3), age_ms=5000)) is Heard.PARTIAL
    assert follows.replica.position == Position(EPOCH, 3)
    assert not follows.lease.accepts(100.0, 1100.0, 3600.0), "this registration never held one"
    assert answered(follows, delta(4, event(4, SessionEnded(session(1))))) is Heard.CURRENT
    assert follows.lease.until == 105.0
