"""The judge is judged: a sound story passes, and each way of doctoring it is noticed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.verifiers import judging
from tests.faults.verifiers.decisions import Recorder, Run, load, save
from tests.faults.verifiers.judging import Ended, Fault, Issued, Story, judge, spilled

BOUND = 2.0


def run(token: int, said: str, first: float, last: float, by: str = "v1") -> Run:
    return Run(by, token, said, 10, first, first + 0.001, last, last + 0.001, 0.001)


def sound() -> Story:
    """Token 1 is logged out at 10, token 2 with a receipt at 20, token 3 lives; the network is away from 30 to 35."""
    return Story(
        bound=BOUND,
        issued=[Issued(1, "ann", 0.0), Issued(2, "ben", 0.0), Issued(3, "cleo", 0.0, 60.0)],
        ended=[Ended((1,), "logout", 9.9, 10.0), Ended((2,), "logout", 19.0, 20.0, waited=True, unbound=("lax",))],
        faults=[Fault("black hole", 30.0, 35.0)],
        runs=[
            run(1, "accepted", 1.0, 10.02),
            run(1, "session.ended", 10.03, 50.0),
            run(2, "accepted", 1.0, 19.5),
            run(2, "accepted", 1.0, 33.0, by="lax"),
            run(2, "session.ended", 19.6, 50.0),
            run(3, "accepted", 1.0, 31.9),
            run(3, "store.unavailable", 32.0, 35.5),
            run(3, "accepted", 35.6, 59.0),
            run(3, "token.expired", 60.1, 70.0),
        ],
    )


def late(story: Story) -> None:
    story.runs[0].last_began = 12.01


def after_a_receipt(story: Story) -> None:
    story.runs[2].last_began = 20.01


def bound_after_all(story: Story) -> None:
    story.ended[1].unbound = ()


def unbound_for_ever(story: Story) -> None:
    story.runs[3].last_began = 40.0


def accepted_in_the_dark(story: Story) -> None:
    story.faults[0].silent_since, story.faults[0].silent_until = 30.0, 35.0
    story.runs[5].last_began, story.runs[5].last_ended = 32.01, 32.02
    story.lax = ("lax",)


def accepted_all_along_in_the_dark(story: Story) -> None:
    story.faults[0].silent_since, story.faults[0].silent_until = 30.0, 35.0
    story.runs[5:8] = [run(3, "accepted", 1.0, 59.0)]
    story.lax = ("lax",)


def refused_alive(story: Story) -> None:
    story.runs[1].first_ended = 9.8


def refused_before_expiry(story: Story) -> None:
    story.runs[8].first_began, story.runs[8].first_ended = 59.8, 59.9


def somebody_else(story: Story) -> None:
    story.runs[5].said = "mistaken"


def another_exception(story: Story) -> None:
    story.runs[6].said = "broken: KeyError"


def does_not_heal(story: Story) -> None:
    story.runs[6].last_began = 39.1


def undecided_without_a_fault(story: Story) -> None:
    story.runs.append(run(3, "checking.stale", 20.0, 21.1))


def accepted_expired(story: Story) -> None:
    story.runs[7].last_began = 90.1


def accepted_by_a_clock_that_shows_more(story: Story) -> None:
    story.faults.append(Fault("stepped", 40.0, 45.0, step=60.0))


def refused_by_a_clock_that_shows_less(story: Story) -> None:
    story.faults.append(Fault("stepped", 58.0, 75.0, step=-20.0))


DOCTORED: dict[Callable[[Story], None], str] = {
    late: "I1",
    after_a_receipt: "I1",
    bound_after_all: "I1",
    unbound_for_ever: "heals",
    accepted_in_the_dark: "stale",
    accepted_all_along_in_the_dark: "stale",
    refused_alive: "I3",
    refused_before_expiry: "I3",
    somebody_else: "I4",
    another_exception: "I6",
    does_not_heal: "heals",
    undecided_without_a_fault: "heals",
    accepted_expired: "expiry",
    accepted_by_a_clock_that_shows_more: "expiry",
    refused_by_a_clock_that_shows_less: "I3",
}


def test_a_sound_story_is_found_sound() -> None:
    verdict = judge(sound())
    assert verdict.violations == []
    assert (verdict.decisions, verdict.accepted, verdict.refused, verdict.undecided) == (90, 50, 30, 10)
    assert verdict.latest == pytest.approx(0.02)
    assert verdict.healed == 0.5
    assert verdict.reached == [pytest.approx(0.031), 0.0]


@pytest.mark.parametrize("doctor", DOCTORED, ids=lambda doctor: doctor.__name__)
def test_a_doctored_story_is_found_out(doctor: Callable[[Story], None]) -> None:
    story = sound()
    doctor(story)
    violations = judge(story).violations
    assert {violation.partition(":")[0] for violation in violations} == {DOCTORED[doctor]}


def test_an_ending_of_unknown_outcome_proves_nothing_but_excuses_a_refusal() -> None:
    story = sound()
    story.ended[0].acked = float("inf")
    story.runs[0].last_began = 10.025
    assert judge(story).violations == []


def test_what_was_asked_in_the_dark_and_answered_after_it_is_no_stale_answer() -> None:
    story = sound()
    story.faults[0].silent_since, story.faults[0].silent_until = 30.0, 35.0
    story.lax = ("lax",)
    story.runs[6] = run(3, "store.unavailable", 32.0, 33.0)
    story.runs[7].first_began = 33.1
    assert judge(story).violations == []


def test_a_refusal_that_was_on_its_way_when_the_clock_was_right_again_goes_by_the_clock_of_before() -> None:
    story = sound()
    story.faults.append(Fault("stepped", 40.0, 41.0, step=60.0))
    story.runs.append(run(3, "token.expired", 40.1, 40.9995))
    assert judge(story).violations == []

    story.runs[-1].last_began = 41.0002
    assert {violation.partition(":")[0] for violation in judge(story).violations} == {"I3"}


def test_a_hiccup_is_counted_and_forgiven() -> None:
    story = sound()
    story.runs.append(run(3, "checking.stale", 20.0, 20.5))
    verdict = judge(story)
    assert (verdict.violations, verdict.hiccups) == ([], 10)


def test_a_fault_excuses_only_whom_it_touches() -> None:
    story = sound()
    story.faults[0].checkers = ("v2",)
    assert {violation.partition(":")[0] for violation in judge(story).violations} == {"heals"}


def test_decisions_are_kept_as_runs_and_come_back_from_a_file(tmp_path: Path) -> None:
    recorder = Recorder("v1", ahead=100.0)
    for moment in (101.0, 101.25, 101.5, 102.0):
        recorder.note(1, "accepted", moment, moment + 0.125)
    recorder.note(1, "session.ended", 110.0, 112.0)
    recorder.note(2, "accepted", 111.0, 111.5)
    assert recorder.runs() == [
        Run("v1", 1, "accepted", 3, 1.0, 1.125, 1.5, 1.625, 0.125),
        Run("v1", 1, "accepted", 1, 2.0, 2.125, 2.0, 2.125, 0.125),
        Run("v1", 1, "session.ended", 1, 10.0, 12.0, 10.0, 12.0, 2.0),
        Run("v1", 2, "accepted", 1, 11.0, 11.5, 11.0, 11.5, 0.5),
    ]
    save(tmp_path / "runs", recorder.runs())
    assert load(tmp_path / "runs") == recorder.runs()


def test_a_story_comes_back_from_a_file(tmp_path: Path) -> None:
    judging.keep(sound(), tmp_path / "story")
    assert judging.told(tmp_path / "story") == sound()


def test_secrets_and_tracebacks_in_an_output_are_found(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.write_text("all is well")
    assert spilled([output], ["canary-canary"]) == []
    output.write_text("all is canary-canary\nTraceback (most recent call last):")
    assert spilled([output], ["canary-canary"]) == ["output: canary-c…", "output: a traceback"]
