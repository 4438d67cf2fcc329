"""What a replica admits, refuses and leaves open (rules 4, 9, 10 and 14)."""

import pytest
from msgspec import Struct

from coatcheck.model.event import EverythingEnded, KeyAdded, KeyRevoked, SessionEnded, SessionRenewed, UserChanged
from coatcheck.model.position import Epoch, Position
from coatcheck.revocation.credential import Credential
from coatcheck.revocation.replica import CannotApply, Replica, Verdict
from tests.revocation.builders import EPOCH, credential, event, head, session, snapshot, user

NEXT = Epoch(2, "bbbb")


class Unheard(Struct, frozen=True):
    """An event that nobody knows."""


def following(limit: int = 100, seq: int = 0, **what: object) -> Replica:
    replica = Replica(limit)
    replica.load(snapshot(seq, **what))  # type: ignore[arg-type]
    return replica


def test_a_replica_that_has_read_nothing_decides_nothing() -> None:
    assert Replica(10).test(credential(1)) is Verdict.UNDECIDED


def test_an_ended_session_is_refused_and_its_neighbour_is_not() -> None:
    replica = following()
    replica.apply([event(1, SessionEnded(session(1)))], head(1))
    assert replica.test(credential(1)) is Verdict.SESSION_ENDED
    assert replica.test(credential(2)) is Verdict.ADMITTED


def test_lower_generations_and_versions_are_refused_and_current_ones_admitted() -> None:
    replica = following()
    replica.apply([event(1, SessionRenewed(session(1), 3)), event(2, UserChanged(user(1), 5))], head(2))
    assert replica.test(credential(1, generation=2, version=5)) is Verdict.OLD_GENERATION
    assert replica.test(credential(1, generation=3, version=4)) is Verdict.OLD_VERSION
    assert replica.test(credential(1, generation=3, version=5)) is Verdict.ADMITTED
    assert replica.test(credential(2, of=2)) is Verdict.ADMITTED


def test_everything_ended_refuses_what_was_issued_before() -> None:
    replica = following()
    replica.apply([event(1, EverythingEnded(2))], head(1, everything_generation=2))
    assert replica.test(credential(1, everything=1)) is Verdict.EVERYTHING_ENDED
    assert replica.test(credential(1, everything=2)) is Verdict.ADMITTED


def test_a_token_needs_its_key() -> None:
    replica = following(keys=(KeyAdded("k1", "ES256", "pem"),))
    assert replica.test(credential(1, kid="k1")) is Verdict.ADMITTED
    assert replica.test(credential(1, kid="k2")) is Verdict.KEY_NOT_VALID
    replica.apply([event(1, KeyAdded("k2", "ES256", "pem")), event(2, KeyRevoked("k1"))], head(2))
    assert replica.test(credential(1, kid="k2")) is Verdict.ADMITTED
    assert replica.test(credential(1, kid="k1")) is Verdict.KEY_NOT_VALID


def test_a_lower_generation_that_comes_late_takes_nothing_back() -> None:
    replica = following()
    replica.apply([event(1, SessionRenewed(session(1), 4)), event(2, SessionRenewed(session(1), 3))], head(2))
    assert replica.test(credential(1, generation=3)) is Verdict.OLD_GENERATION
    replica.apply([event(3, SessionEnded(session(1))), event(4, SessionRenewed(session(1), 9))], head(4))
    assert replica.test(credential(1, generation=99)) is Verdict.SESSION_ENDED


def test_the_oldest_are_forgotten_and_the_floor_rises_with_them() -> None:
    replica = following(limit=3)
    replica.apply([event(n, SessionEnded(session(n))) for n in range(1, 6)], head(5))
    assert len(replica) == 3
    assert replica.floor == 2
    assert replica.test(credential(1, seq=1)) is Verdict.UNDECIDED
    assert replica.test(credential(9, seq=1)) is Verdict.UNDECIDED
    assert replica.test(credential(9, seq=2)) is Verdict.ADMITTED
    assert replica.test(credential(5, seq=5)) is Verdict.SESSION_ENDED


def test_who_was_named_again_is_forgotten_last() -> None:
    replica = following(limit=2)
    renewed = [SessionRenewed(session(1), 2), SessionEnded(session(2)), SessionRenewed(session(1), 3)]
    replica.apply([event(n, what) for n, what in enumerate(renewed, 1)], head(3))
    replica.apply([event(4, SessionEnded(session(4)))], head(4))
    assert replica.floor == 2
    assert replica.test(credential(1, generation=2, seq=2)) is Verdict.OLD_GENERATION


def test_the_limit_holds_though_an_answer_breaks_off() -> None:
    replica = following(limit=2)
    events = [event(n, SessionEnded(session(n))) for n in range(1, 5)]
    with pytest.raises(CannotApply):
        replica.apply([*events, event(5, Unheard())], head(5))  # type: ignore[arg-type]
    assert len(replica) == 2
    assert replica.position == Position(EPOCH, 4)


def test_repeated_events_are_passed_over() -> None:
    replica = following()
    first = event(1, SessionEnded(session(1)))
    replica.apply([first], head(1))
    state = replica.state
    replica.apply([first], head(1))
    assert replica.state == state
    assert (replica.position, replica.event_id) == (Position(EPOCH, 1), "evt1")


def test_a_gap_is_not_applied() -> None:
    replica = following()
    with pytest.raises(CannotApply):
        replica.apply([event(2, SessionEnded(session(2)))], head(2))
    assert replica.position == Position(EPOCH, 0)


def test_events_of_another_epoch_are_not_applied() -> None:
    replica = following()
    with pytest.raises(CannotApply):
        replica.apply([event(1, SessionEnded(session(1)))], head(1, epoch=NEXT))


def test_what_names_nothing_is_not_applied() -> None:
    replica = following()
    with pytest.raises(CannotApply):
        replica.apply([event(1, SessionEnded("nonsense"))], head(1))
    with pytest.raises(CannotApply):
        replica.load(snapshot(3, ended=((session(1), 1), ("nonsense", 2))))
    assert replica.test(credential(2)) is Verdict.ADMITTED


def test_a_snapshot_says_what_a_log_says() -> None:
    replica = following(
        seq=9,
        ended=((session(1), 3),),
        generations=((session(2), 4, 5),),
        versions=((user(7), 6, 8),),
        floor=2,
        everything_generation=2,
    )
    assert replica.test(credential(1, seq=2)) is Verdict.SESSION_ENDED
    assert replica.test(credential(2, generation=3, seq=2)) is Verdict.OLD_GENERATION
    assert replica.test(credential(3, of=7, version=5, everything=2, seq=2)) is Verdict.OLD_VERSION
    assert replica.test(credential(3, everything=1, seq=2)) is Verdict.EVERYTHING_ENDED
    assert replica.test(credential(3, everything=2, seq=1)) is Verdict.UNDECIDED


def test_a_snapshot_over_the_limit_keeps_the_newest() -> None:
    replica = following(limit=2, seq=5, ended=tuple((session(n), n) for n in range(1, 6)))
    assert len(replica) == 2
    assert replica.floor == 3


def test_stamps_of_another_epoch_are_not_decided() -> None:
    replica = following()
    replica.load(snapshot(4, epoch=NEXT))
    assert replica.test(credential(1, seq=99)) is Verdict.UNDECIDED
    assert replica.test(credential(1, seq=4, epoch=NEXT)) is Verdict.ADMITTED


def test_heeding_refuses_at_once_and_moves_no_position() -> None:
    replica = following()
    replica.heed(SessionEnded(session(1)), Position(EPOCH, 3))
    assert replica.test(credential(1)) is Verdict.SESSION_ENDED
    assert replica.position == Position(EPOCH, 0)


def test_what_lies_below_what_was_heeded_is_still_applied() -> None:
    replica = following()
    replica.heed(SessionEnded(session(3)), Position(EPOCH, 3))
    replica.apply([event(n, SessionEnded(session(n))) for n in (1, 2, 3)], head(3))
    verdicts = [replica.test(credential(n)) for n in (1, 2, 3)]
    assert verdicts == [Verdict.SESSION_ENDED] * 3
    assert len(replica) == 3


def test_a_snapshot_from_before_does_not_wipe_out_what_was_heeded() -> None:
    replica = Replica(100)
    replica.heed(SessionEnded(session(1)), Position(EPOCH, 4))
    replica.load(snapshot(3))
    assert replica.test(credential(1)) is Verdict.SESSION_ENDED


def test_what_was_heeded_of_an_epoch_not_heard_of_yet_counts_and_stays() -> None:
    replica = following(seq=50)
    replica.heed(SessionEnded(session(1)), Position(NEXT, 7))
    assert replica.test(credential(1, seq=50)) is Verdict.SESSION_ENDED
    replica.load(snapshot(6, epoch=NEXT))
    assert replica.test(credential(1, seq=6, epoch=NEXT)) is Verdict.SESSION_ENDED


def test_what_was_heeded_of_an_epoch_that_is_over_is_dropped() -> None:
    replica = following()
    replica.heed(UserChanged(user(1), 9), Position(EPOCH, 3))
    replica.load(snapshot(2, epoch=NEXT))
    assert replica.test(credential(1, version=2, seq=2, epoch=NEXT)) is Verdict.ADMITTED


def test_a_key_whose_revocation_was_heeded_is_not_added_later() -> None:
    replica = following()
    replica.heed(KeyRevoked("k1"), Position(EPOCH, 2))
    replica.apply([event(1, KeyAdded("k1", "ES256", "pem"))], head(2))
    assert replica.test(credential(1, kid="k1")) is Verdict.KEY_NOT_VALID


class _Interrupted(dict[bytes, int]):
    """Knowledge in whose reading another thread gets its turn."""

    def __init__(self, known: dict[bytes, int], meanwhile: object) -> None:
        super().__init__(known)
        self._meanwhile = meanwhile

    def get(self, *asked: object) -> int:  # type: ignore[override]
        found: int = super().get(*asked)  # type: ignore[arg-type]
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()  # type: ignore[operator]
        return found


def _interrupted_test(replica: Replica, tested: Credential, meanwhile: object) -> Verdict:
    replica._least = _Interrupted(replica._least, meanwhile)
    return replica.test(tested)


def test_a_test_that_a_change_overtook_does_not_count_as_passed() -> None:
    replica, tested = following(), credential(1)
    ends = [event(1, SessionEnded(session(1)))]
    _interrupted_test(replica, tested, lambda: replica.apply(ends, head(1)))
    assert tested.passed != replica.state
    assert replica.test(tested) is Verdict.SESSION_ENDED


def test_a_test_that_forgetting_overtook_is_undecided() -> None:
    replica = following(limit=1)
    tested = credential(2, seq=0)
    events = [event(n, SessionEnded(session(n + 10))) for n in (1, 2)]
    verdict = _interrupted_test(replica, tested, lambda: replica.apply(events, head(2)))
    assert verdict is Verdict.UNDECIDED


def test_a_test_that_a_snapshot_overtook_does_not_count_as_passed() -> None:
    replica, tested = following(), credential(1)
    _interrupted_test(replica, tested, lambda: replica.load(snapshot(5, ended=((session(1), 5),))))
    assert tested.passed != replica.state


def test_while_a_snapshot_is_taken_in_bit_by_bit_it_is_decided_as_before() -> None:
    replica = following(limit=10_000)
    many = snapshot(5000, ended=tuple((session(9000 + each), each) for each in range(1, 5001)))
    slices = 0
    for slices, _ in enumerate(replica.prepare(many), 1):
        assert replica.test(credential(9001)) is Verdict.ADMITTED
        if slices == 2:
            replica.heed(SessionEnded(session(9000)), Position(EPOCH, 5001))
    assert slices > 2
    state = replica.state
    replica.load(many)
    assert (len(replica), replica.state > state) == (5001, True)
    assert [replica.test(credential(each)) for each in (9000, 9001, 14000)] == [Verdict.SESSION_ENDED] * 3
    assert replica.test(credential(8000)) is Verdict.ADMITTED


def test_of_a_snapshot_that_is_larger_than_its_memory_a_replica_keeps_the_newest() -> None:
    replica = Replica(100)
    ended = tuple((session(9000 + each), each) for each in range(1, 4001, 2))
    versions = tuple((user(each), 2, each) for each in range(2, 4001, 2))
    replica.load(snapshot(4000, ended=ended, versions=versions))
    assert len(replica) <= 100
    assert 3899 < replica.floor < 4000
    assert replica.test(credential(9001, seq=replica.floor - 1)) is Verdict.UNDECIDED
    assert replica.test(credential(12_999, seq=4000)) is Verdict.SESSION_ENDED
