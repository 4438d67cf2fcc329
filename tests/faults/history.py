"""What the clients saw, and the invariants that it must keep."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from math import inf

from tests.serving import PASSWORD, Answer


@dataclass
class Login:
    """One session as its client knows it. ``ended_by`` is when an ending was answered; ``waited`` whether it was a
    barrier's answer; ``ending_began`` when an ending began whose outcome is unknown."""

    email: str
    tokens: list[str]
    created: float
    ended_by: float = inf
    ending_began: float = inf
    waited: bool = False


@dataclass
class History:
    """Everything that was recorded. ``bound`` is W in seconds."""

    bound: float
    violations: list[str] = field(default_factory=list)
    answers: int = 0
    unknown: int = 0
    unavailable: int = 0
    accepted: int = 0
    refused: int = 0
    endings: int = 0
    barriers: list[float] = field(default_factory=list)
    trouble_at: list[float] = field(default_factory=list)
    _successors: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def heard(self, answer: Answer) -> Answer:
        """Count an answer, and hold it against I7: no 5xx without Retry-After, no traceback, no secret."""
        with self._lock:
            self.answers += 1
            if answer.status is None:
                self.unknown += 1
                self.trouble_at.append(answer.ended)
                return answer
            said = str(answer.body)
            if answer.status >= 500:
                self.unavailable += 1
                self.trouble_at.append(answer.ended)
                self._hold("I7", answer.status == 503 and "retry-after" in answer.headers, f"{answer.status} {said}")
            self._hold("I7", "Traceback" not in said and PASSWORD not in said, said)
        return answer

    def checked(self, login: Login, answer: Answer) -> None:
        """Hold a check of one of the tokens of ``login`` against I1, I3, I4 and I6."""
        self.heard(answer)
        with self._lock:
            if answer.status == 200:
                self.accepted += 1
                late = answer.began - login.ended_by
                self._hold("I1", late < (0 if login.waited else self.bound), f"accepted {late:.3f} s after its end")
                whose = answer.body["user"]["email"]
                self._hold("I4", whose == login.email, f"{login.email} was taken for {whose}")
            elif answer.status == 401:
                self.refused += 1
                was_to_end = login.ending_began < answer.ended
                self._hold("I3", was_to_end, f"a live session was refused: {answer.body}")
            elif answer.status is not None:
                self._hold("I6", answer.status == 503, f"{answer.status} {answer.body}")

    def refreshed(self, token: str, successor: str) -> None:
        """Hold a refresh against I2: whatever is retried, one token has one successor."""
        with self._lock:
            successors = self._successors[token]
            successors.add(successor)
            self._hold("I2", len(successors) == 1, "one refresh token has two successors")

    def hold(self, name: str, truth: bool, evidence: str) -> None:
        """Record a violation unless ``truth``."""
        with self._lock:
            self._hold(name, truth, evidence)

    def _hold(self, name: str, truth: bool, evidence: str) -> None:
        if not truth:
            self.violations.append(f"{name}: {evidence}")

    def longest_trouble(self) -> float:
        """The longest stretch of seconds in which errors followed each other at less than half a second."""
        longest = start = before = 0.0
        for at in sorted(self.trouble_at):
            if at - before > 0.5:
                start = at
            before = at
            longest = max(longest, at - start)
        return longest
