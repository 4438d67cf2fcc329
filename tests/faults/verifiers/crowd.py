"""A crowd that logs in, and of whose logins some end all the time, in every way there is."""

import random
import threading
from collections import Counter
from typing import Any

from tests.faults.history import History
from tests.faults.verifiers.checking_process import AUDIENCE, Token
from tests.faults.verifiers.clocks import SteppedClock
from tests.faults.verifiers.decisions import now
from tests.faults.verifiers.fleet import Fleet
from tests.faults.verifiers.judging import Ended, Issued
from tests.serving import PASSWORD, Answer, Serving

WAYS = {"logout": 50, "logout with receipt": 30, "all": 6, "roles": 8, "suspended": 6}
"""How often each way of ending is chosen."""


class _Person:
    """One user, and the logins that live: the session token of each, by the number of its access token. Whoever changes
    something about the person holds ``lock``."""

    def __init__(self, email: str) -> None:
        self.email = email
        self.id = ""
        self.lock = threading.Lock()
        self.living: dict[int, str] = {}


class Crowd:
    """``people`` with ``logins`` each, and ``endings`` a second, from ``begin`` to ``end``.

    Every login is made known to ``fleet``; what was ended stays there for ``linger`` seconds, and each tenth for good.
    ``lax`` names the checkers under the ``accept`` policy, which a plain ending does not bind, and ``clock`` is the
    server's, where that is stepped.
    """

    def __init__(
        self,
        serving: Serving,
        fleet: Fleet,
        *,
        bound: float,
        seed: int,
        people: int = 12,
        logins: int = 3,
        endings: float = 5.0,
        linger: float = 8.0,
        lax: tuple[str, ...] = (),
        clock: SteppedClock | None = None,
    ) -> None:
        self.history = History(bound)
        self.issued: list[Issued] = []
        self.ended: list[Ended] = []
        self.ways: Counter[str] = Counter()
        self.secrets = [PASSWORD]
        self._serving = serving
        self._fleet = fleet
        self._dice = random.Random(seed)
        self._people = [_Person(f"person{number}@example.com") for number in range(people)]
        self._logins = logins
        self._every = 1 / endings
        self._linger = linger
        self._lax = lax
        self._clock = clock
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lingering: list[tuple[float, int]] = []
        self._trouble: list[Exception] = []
        self._administrator = ""
        self._due = 0.0

    def begin(self) -> None:
        """Make the accounts and the first logins, then go on in the background."""
        self._token()
        for person in self._people:
            answer = self._heard(self._serving.register(person.email, carry="header"))
            assert answer.status == 201, answer
            person.id = answer.body["user"]["id"]
            for _ in range(self._logins):
                self._log_in(person)
        self._due = now()
        workers = 4 + round(self.history.bound / self._every)  # a receipt may take W
        self._threads = [threading.Thread(target=self._live) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let everybody finish what is under way. Raises what went wrong in the background."""
        self.rest()
        for fault in self._trouble:
            raise fault

    def rest(self) -> None:
        """From now on nothing ends any more."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def rotate_keys(self) -> None:
        """Let the next signing key take over."""
        answer = self._heard(self._serving.call("POST", "admin/keys/rotate", {}, self._token()))
        assert answer.status in (200, 204), answer

    def make_service(self, name: str, audience: str = AUDIENCE) -> str:
        """Make a service that may follow the feed, and return its secret."""
        wanted = {"name": name, "audiences": [audience], "scopes": [], "feed": True}
        answer = self._heard(self._serving.call("POST", "admin/services", wanted, self._token()))
        assert answer.status == 201, answer
        secret: str = answer.body["secret"]
        self.secrets.append(secret)
        return secret

    def _live(self) -> None:
        with self._lock:
            dice = random.Random(self._dice.random())
        while not self._is_over.wait(self._turn() - now()):
            try:
                self._end_one(dice.choice(self._people), dice.choices(list(WAYS), list(WAYS.values()))[0])
                self._drop_old()
            except Exception as fault:  # noqa: BLE001 - ``end`` raises it
                self._trouble.append(fault)

    def _turn(self) -> float:
        """When the next ending is due, for whoever asks first."""
        with self._lock:
            self._due = max(self._due, now() - 1) + self._every * self._dice.uniform(0.5, 1.5)
            return self._due

    def _end_one(self, person: _Person, way: str) -> Ended:
        with person.lock:
            while len(person.living) < self._logins:
                self._log_in(person)
            ended = self._ends(person, way)
            with self._lock:
                self.ways[way] += 1
                self._lingering += [(now() + self._linger, number) for number in ended.tokens if number % 10]
            while len(person.living) < self._logins:
                self._log_in(person)
        return ended

    def _log_in(self, person: _Person) -> None:
        login = self._heard(self._serving.log_in(person.email, carry="header"))
        assert login.status == 200, login
        held = login.body["session_token"]
        text, at, lives = self._token_of(held)
        with self._lock:
            number = len(self.issued)
            self.issued.append(Issued(number, person.id, at, at + lives))
            self.secrets += [held, text]
            self._fleet.check([Token(number, text, person.id)])
        person.living[number] = held

    def _token_of(self, held: str) -> tuple[str, float, float]:
        """A token, when it was issued by the server's clock, and how many seconds it lives. One in whose making that
        clock was stepped is let go: nobody here knows which time stands in it."""
        form = f"grant_type=urn:coatcheck:session&audience={AUDIENCE}"
        while True:
            stood = self._stands()
            answer = self._heard(self._serving.call("POST", "token", form, held))
            at = now() + stood[1]
            assert answer.status == 200, answer
            if self._stands() == stood:
                return answer.body["access_token"], at, answer.body["expires_in"]

    def _stands(self) -> tuple[int, float]:
        return self._clock.stands() if self._clock is not None else (0, 0.0)

    def _logout(self, person: _Person, *, waits: bool = False, scope: str = "this") -> Ended:
        number, held = next(iter(person.living.items()))
        numbers = (number,) if scope == "this" else tuple(person.living)
        query = "?wait=true" if waits else ""
        return self._note(person, numbers, f"logout {scope}", "POST", f"logout{query}", {"scope": scope}, held)

    def _change_roles(self, person: _Person) -> Ended:
        with self._lock:
            roles = [f"role{self._dice.randrange(1_000_000)}"]
        change = f"admin/users/{person.id}?wait=true"
        return self._note(person, tuple(person.living), "roles", "PATCH", change, {"roles": roles}, self._token())

    def _suspend(self, person: _Person) -> Ended:
        path = f"admin/users/{person.id}"
        ended = self._note(
            person,
            tuple(person.living),
            "suspended",
            "PATCH",
            f"{path}?wait=true",
            {"status": "suspended"},
            self._token(),
        )
        back = self._heard(self._serving.call("PATCH", path, {"status": "active"}, self._token()))
        assert back.status == 200, back
        return ended

    def _ends(self, person: _Person, way: str) -> Ended:
        match way:
            case "roles":
                return self._change_roles(person)
            case "suspended":
                return self._suspend(person)
            case "all":
                return self._logout(person, waits=True, scope="all")
            case _:
                return self._logout(person, waits=way == "logout with receipt")

    def _note(
        self, person: _Person, numbers: tuple[int, ...], kind: str, method: str, path: str, body: Any, token: str
    ) -> Ended:
        """Ask for an ending; what is known of it before and after stands in ``ended``."""
        waits = path.endswith("?wait=true")
        ending = Ended(numbers, kind, now(), waited=waits, unbound=self._lax)
        with self._lock:
            self.ended.append(ending)
        answer = self._heard(self._serving.call(method, path, body, token, timeout=30))
        at = now()
        for number in numbers:
            del person.living[number]
        if answer.status in (None, 503):
            return ending  # the outcome is unknown
        assert answer.status in (200, 204), answer
        if waits and answer.body["receipt"]["unbound_until"] is None:
            ending.unbound = ()
        ending.acked = at
        return ending

    def _drop_old(self) -> None:
        with self._lock:
            old = [number for until, number in self._lingering if until < now()]
            self._lingering = [(until, number) for until, number in self._lingering if until >= now()]
            if old:
                self._fleet.check(drop=old)

    def _token(self) -> str:
        """Of the administrator."""
        if not self._administrator:
            answer = self._heard(self._serving.log_in(self._serving.administrator, carry="header"))
            assert answer.status == 200, answer
            self._administrator = answer.body["session_token"]
            self.secrets.append(self._administrator)
        return self._administrator

    def _heard(self, answer: Answer) -> Answer:
        return self.history.heard(answer)
