"""People who work all the time: each looks at its own page again and again through the proxy, and refreshes."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from tests.journeys.asking import Answer, Door
from tests.serving import PASSWORD

CARRIES = ("cookie", "header", "tokens")
LOOKS_PER_REFRESH = 10
THREADS = 3


class Asked(Protocol):
    """Whoever answers: a server, or whatever a door leads to."""

    def ask(self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """One request."""


@dataclass
class Person:
    """Somebody with one login, carried in one of the ways.

    ``over_at`` is when the ending was acknowledged; with ``has_receipt`` it held everywhere then.
    """

    email: str
    carry: str
    user_id: str = ""
    session_id: str = ""
    credential: dict[str, str] = field(default_factory=dict, repr=False)
    refresh_token: str = field(default="", repr=False)
    is_leaving: bool = False
    over_at: float | None = None
    has_receipt: bool = False
    looks: list[Answer] = field(default_factory=list, repr=False)

    def register(self, at: Asked) -> None:
        """Make the account and log in."""
        body = {"email": self.email, "password": PASSWORD, "carry": self.carry}
        answer = at.ask("POST", "api/register", body)
        assert answer.status == 201, answer
        self.user_id, self.session_id = answer.body["user"]["id"], answer.body["session"]["id"]
        if self.carry == "cookie":
            (cookie,) = (each.split(";")[0] for each in answer.cookies if each.startswith("__Host-coatcheck="))
            self.credential = {"Cookie": cookie}
        else:
            self._take(answer)

    def look(self, at: Asked) -> Answer:
        """Ask for one's own page."""
        answer = at.ask("GET", "api/me", headers=self.credential)
        if answer.status == 200:
            assert answer.body["user"]["id"] == self.user_id, "taken for somebody else"
        return answer

    def refresh(self, at: Asked) -> Answer:
        """Exchange the refresh token; without an answer the same one is tried the next time."""
        answer = at.ask("POST", "api/token", f"grant_type=refresh_token&refresh_token={quote(self.refresh_token)}")
        if answer.status == 200:
            self._take(answer)
        return answer

    def is_over(self, since: float) -> bool:
        """Whether the ending had been acknowledged before."""
        return self.over_at is not None and since > self.over_at

    def _take(self, answer: Answer) -> None:
        token = answer.body.get("session_token") or answer.body["access_token"]
        self.credential = {"Authorization": f"Bearer {token}"}
        self.refresh_token = answer.body.get("refresh_token", "")


class Crowd:
    """All of them, at work until ``end``. ``open_door`` makes a client's way in."""

    def __init__(self, open_door: Callable[[], Door], *, pause: float = 0.15) -> None:
        self.people: list[Person] = []
        self.pause = pause
        self._open_door = open_door
        self._is_over = threading.Event()
        self._failure: BaseException | None = None
        self._threads = [threading.Thread(target=self._work, args=(place,)) for place in range(THREADS)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(60)

    def end(self) -> None:
        """Let everybody stop. Raises what somebody met that can't be."""
        self.__exit__()
        if self._failure is not None:
            raise self._failure

    def join(self, at: Asked, carry: str) -> Person:
        """Somebody new, who begins to work at once."""
        person = Person(f"person{len(self.people)}@example.com", carry)
        person.register(at)
        self.people.append(person)
        return person

    def answers(self, since: float, until: float) -> list[Answer]:
        """What everybody was told, by when it was asked."""
        return [look for person in self.people for look in person.looks if since <= look.began < until]

    def violations(self, bound: float) -> list[str]:
        """Who was logged out, and who was let in. ``bound`` is W in seconds."""
        return [wrong for person in self.people for wrong in _wrongs(person, bound)]

    def _work(self, place: int) -> None:
        door, number = self._open_door(), 0
        try:
            while not self._is_over.wait(self.pause):
                number += 1
                for person in self.people[place::THREADS]:
                    person.looks.append(person.look(door))
                    if person.refresh_token and number % LOOKS_PER_REFRESH == 0 and not person.is_leaving:
                        person.looks.append(person.refresh(door))
        except BaseException as failure:  # noqa: BLE001 - raised by ``end``
            self._failure = failure
        finally:
            door.close()


def _wrongs(person: Person, bound: float) -> list[str]:
    wrongs = []
    for look in person.looks:
        if look.status == 200 and person.over_at is not None:
            late = look.began - person.over_at - (0 if person.has_receipt else bound)
            if late > 0:
                wrongs.append(f"let in: {person}, {late:.3f} s too late")
        elif look.status != 200 and not look.is_trouble and not person.is_leaving:
            wrongs.append(f"logged out: {person}: {look}")
    return wrongs


def wait_until(is_so: Callable[[], bool], patience: float, what: str) -> float:
    """Wait for it; return the seconds."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < patience, f"{what}: not within {patience:g} s"
        time.sleep(0.02)
    return time.monotonic() - began
