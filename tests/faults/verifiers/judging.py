"""The judge: everything that was issued, ended and decided, held against the invariants.

- I1: nothing that was ended is accepted by a check that began later than W after the ending was acknowledged, or at all
  after a receipt for it was returned, except by subscribers that the receipt names as not bound.
- I2: a single-use token leads to one successor.
- I3: what is alive is not refused.
- I4: nobody is taken for somebody else.
- expiry: nothing is accepted when the checker's own wall clock shows more than its expiry and the leeway.
- I6: what can't be decided is "try again", and never anything else.
- stale: nothing is accepted by who has heard nothing for W, except under the ``accept`` policy.
- heals: four seconds after a fault has ended, everything is decided again, by those that were not bound too.

I7 is about answers over HTTP and about outputs: ``history.History.heard`` and ``spilled``.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tests.faults.verifiers.decisions import ACCEPTED, BROKEN, GAP, MISTAKEN, TRY_AGAIN, Run

HICCUP = 1.0
"""Seconds: for how long a checker may be undecided where nothing is broken."""

LEEWAY = 30.0
"""Seconds by which a checker allows for other machines' clocks (``tokens.leeway``)."""

CONTINUOUS = 2.0
"""Seconds: a run that goes on for longer within a fault has decisions at its end, by a clock that is stepped."""

HEALS_WITHIN = 4.0
"""Seconds from the end of a fault until nothing is undecided any more: a verifier waits 2.5 s for an answer, and for as
long as it was to be held, before it asks anew."""


class Issued(Struct):
    """A token and its owner. ``issued`` and ``expires`` are what ``decisions.now()`` shows when the wall clock shows
    its ``iat`` and ``exp``."""

    token: int
    user: str
    issued: float
    expires: float = inf


class Ended(Struct):
    """An ending of some tokens. ``began`` is when it was asked for, ``acked`` when that was answered: infinity while
    the outcome is unknown. With a receipt, ``waited`` is set and ``unbound`` names who is not bound by it."""

    tokens: tuple[int, ...]
    kind: str
    began: float
    acked: float = inf
    waited: bool = False
    unbound: tuple[str, ...] = ()


class Fault(Struct):
    """A stretch of time in which something was broken; ``checkers`` are those that it could touch, all if empty.
    ``step`` is by how many seconds their wall clocks were ahead then, ``server_step`` the server's, whom some ask;
    ``heals_within`` so many seconds after its end everything is as before. Between ``silent_since`` and
    ``silent_until`` nothing can be heard from the server.
    """

    kind: str
    began: float
    ended: float
    checkers: tuple[str, ...] = ()
    step: float = 0.0
    heals_within: float = HEALS_WITHIN
    server_step: float = 0.0
    silent_since: float = inf
    silent_until: float = inf

    def touches(self, checker: str) -> bool:
        """Whether it could touch that checker."""
        return not self.checkers or checker in self.checkers


class Story(Struct):
    """All of it. ``bound`` is W in seconds, ``lax`` names the checkers under the ``accept`` policy."""

    bound: float
    issued: list[Issued]
    ended: list[Ended]
    faults: list[Fault]
    runs: list[Run]
    lax: tuple[str, ...] = ()
    seed: int = 0


@dataclass
class Verdict:
    """What was found: ``violations`` in words, and figures about the rest. ``reached`` are the seconds, per ending
    outside faults and per checker, from its acknowledgement until it was first seen to be refused."""

    violations: list[str] = field(default_factory=list)
    decisions: int = 0
    accepted: int = 0
    refused: int = 0
    undecided: int = 0
    healed: float = 0.0
    """After how many seconds the slowest was well again."""
    hiccups: int = 0
    """Of those, how many where nothing was broken: on a busy machine a lease may run out."""
    endings: int = 0
    said: Counter[str] = field(default_factory=Counter)
    latest: float = -inf
    """By how many seconds the latest acceptance came after the acknowledgement of an ending; negative if none did."""
    reached: list[float] = field(default_factory=list)

    def hold(self, name: str, truth: bool, evidence: str) -> None:
        """Record a violation unless ``truth``."""
        if not truth:
            self.violations.append(f"{name}: {evidence}")

    def _measured(self) -> dict[str, Any]:
        if not self.reached:
            return {}
        ordered = [round(each * 1000) for each in sorted(self.reached)]
        return {
            "refused everywhere after, median, ms": ordered[len(ordered) // 2],
            "refused everywhere after, p99, ms": ordered[len(ordered) * 99 // 100],
        }

    def figures(self) -> dict[str, Any]:
        """What is worth telling."""
        return {
            "decisions": self.decisions,
            "accepted": self.accepted,
            "refused": self.refused,
            "try again": self.undecided,
            "try again, nothing broken": self.hiccups,
            "slowest to be well again, s": round(self.healed, 2),
            "latest acceptance after an ending, s": round(self.latest, 3),
            **self._measured(),
            "endings": self.endings,
            "violations": len(self.violations),
        }


def judge(story: Story) -> Verdict:
    """Hold a story against the invariants."""
    verdict = Verdict(endings=len(story.ended))
    issued = {each.token: each for each in story.issued}
    endings: dict[int, list[Ended]] = defaultdict(list)
    for ending in story.ended:
        for token in ending.tokens:
            endings[token].append(ending)
    refusals: dict[tuple[int, str], float] = {}
    for run in story.runs:
        verdict.decisions += run.count
        verdict.said[run.said] += run.count
        _judge_run(verdict, story, run, issued[run.token], endings[run.token])
        if run.said not in TRY_AGAIN and run.said != ACCEPTED:
            place = (run.token, run.by)
            refusals[place] = min(refusals.get(place, inf), run.first_ended)
    _measure(verdict, story, refusals)
    return verdict


def _judge_run(verdict: Verdict, story: Story, run: Run, issued: Issued, endings: list[Ended]) -> None:
    what = f"{run.by} said {run.said} of token {run.token}"
    if run.said == ACCEPTED:
        verdict.accepted += run.count
        for ending in endings:
            late = run.last_began - ending.acked
            is_bound = run.by not in ending.unbound
            if ending.acked < inf and is_bound:
                verdict.latest = max(verdict.latest, late)
            allowed = 0.0 if ending.waited else story.bound
            verdict.hold("I1", not is_bound or late <= allowed, f"{what} {late:.3f} s after its {ending.kind}")
            is_calm = any(began < run.last_began < ended for began, ended in _calm(story.faults, run.by))
            has_healed = not is_calm or late <= story.bound
            verdict.hold("heals", is_bound or has_healed, f"{what} {late:.3f} s after its {ending.kind}")
        for began, ended in _silences(story, run.by):
            verdict.hold("stale", not _lies_within(run, began, ended), f"{what} although nothing could be heard")
        for shown in _shown(run, story.faults):
            verdict.hold("expiry", shown <= issued.expires + LEEWAY, f"{what} {shown - issued.expires:.3f} s too late")
    elif run.said == MISTAKEN:
        verdict.hold("I4", False, what)
    elif run.said.startswith(BROKEN):
        verdict.hold("I6", False, what)
    elif run.said in TRY_AGAIN:
        verdict.undecided += run.count
        touching = [fault for fault in story.faults if fault.touches(run.by)]
        for fault in touching:
            following = min((each.began for each in touching if each.began > fault.ended), default=inf)
            if fault.ended < run.last_began < following:
                verdict.healed = max(verdict.healed, run.last_began - fault.ended)
        for began, ended in _calm(story.faults, run.by):
            if run.last_began > began and run.first_began < ended:
                verdict.hiccups += run.count
                is_long = min(run.last_began, ended) - max(run.first_began, began) > HICCUP
                verdict.hold("heals", run.first_began > began and not is_long, f"{what}, and nothing is broken")
    else:
        verdict.refused += run.count
        over = min((ending.began for ending in endings), default=inf)
        for began, ended in ((run.first_began, run.first_ended), (run.last_began, run.last_ended)):
            clocks = _clocks(story.faults, run.by, began) | _clocks(story.faults, run.by, ended)
            is_of_another_time = any(not issued.issued - LEEWAY <= shown < issued.expires for shown in clocks)
            verdict.hold("I3", ended >= over or is_of_another_time, f"{what}, which was alive")


def _silences(story: Story, checker: str) -> list[tuple[float, float]]:
    """The stretches in which a checker has heard nothing for so long that it must not accept anything."""
    if checker in story.lax:
        return []
    touching = [fault for fault in story.faults if fault.touches(checker)]
    return [(fault.silent_since + story.bound, fault.silent_until) for fault in touching if fault.silent_since < inf]


def _lies_within(run: Run, began: float, ended: float) -> bool:
    """Whether a decision of the run began and ended in that stretch of time."""
    has_first = run.first_began > began and run.first_ended < ended
    has_last = run.last_began > began and run.last_ended < ended
    goes_on = run.first_began < began < ended < run.last_ended and ended - began > 2 * GAP
    return has_first or has_last or goes_on


def _clocks(faults: list[Fault], checker: str, at: float) -> set[float]:
    """What the checker's wall clock showed then, and the server's, which it may have asked."""
    current = [fault for fault in faults if fault.began <= at <= fault.ended]
    own = sum(fault.step for fault in current if fault.touches(checker))
    served = sum(fault.server_step for fault in current)
    return {at + own, at + (served or own)}


def _shown(run: Run, faults: list[Fault]) -> list[float]:
    """What the checker's clock showed at the end of the run, and of every part of it that lies in a fault."""
    steps = [fault for fault in faults if fault.step and fault.touches(run.by)]
    shown = [] if any(fault.began <= run.last_began <= fault.ended for fault in steps) else [run.last_began]
    for fault in steps:
        began, ended = max(run.first_began, fault.began), min(run.last_began, fault.ended)
        shown += [ended + fault.step] * (ended - began > CONTINUOUS)
    return shown


def _calm(faults: list[Fault], checker: str) -> list[tuple[float, float]]:
    """The stretches in which a checker has to decide: from ``heals_within`` behind a fault to the next one."""
    touching = sorted((fault for fault in faults if fault.touches(checker)), key=lambda fault: fault.began)
    calm, since = [], -inf
    for fault in touching:
        if fault.began > since:
            calm.append((since, fault.began))
        since = max(since, fault.ended + fault.heals_within)
    return [*calm, (since, inf)]


def _measure(verdict: Verdict, story: Story, refusals: dict[tuple[int, str], float]) -> None:
    """How quickly endings reached each checker where nothing was broken."""
    checkers = {run.by for run in story.runs}
    since = {checker: min(run.first_began for run in story.runs if run.by == checker) for checker in checkers}
    calm = {checker: _calm(story.faults, checker) for checker in checkers}
    for ending in story.ended:
        for checker in checkers:
            is_calm = any(began < ending.began and ending.acked + story.bound < ended for began, ended in calm[checker])
            if not is_calm or since[checker] > ending.began:
                continue
            for token in ending.tokens:
                at = refusals.get((token, checker))
                if at is not None:
                    verdict.reached.append(max(0.0, at - ending.acked))


def spilled(outputs: Iterable[Path], secrets: Iterable[str]) -> list[str]:
    """The secrets, shortened, that stand in one of the outputs, and the tracebacks (I7)."""
    found = []
    for path in outputs:
        text = path.read_text(errors="replace")
        found += [f"{path.name}: {secret[:8]}…" for secret in secrets if secret in text]
        found += [f"{path.name}: a traceback"] * ("Traceback" in text)
    return found


def keep(story: Story, path: Path) -> None:
    """Write a story down, so that a failing one can be judged again."""
    path.write_bytes(msgspec.msgpack.encode(story))


def told(path: Path) -> Story:
    """Read what ``keep`` wrote."""
    return msgspec.msgpack.decode(path.read_bytes(), type=Story)
