"""The life of two servers behind a proxy, as a story: ``python -m tests.journeys.two_servers``.

People work all the time. They log in at one server and are known at the other; logins end; a server is killed; Redis is
emptied; PostgreSQL falls over; both servers are replaced by a new version, which changes the database, and in between a
worker of the old version dies and is replaced. At the end nobody was logged out, and nobody was let in.
"""

import argparse
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from tests.journeys.asking import Answer
from tests.journeys.installation import ADMIN, Installation, Server
from tests.journeys.people import CARRIES, Crowd, Person, wait_until
from tests.newer import newer_version
from tests.serving import PASSWORD

DRIFT = 0.1
HEALS_WITHIN = 30.0
"""Seconds after a fault until everybody gets an answer again."""


class Story:
    """Told once, chapter by chapter. ``say`` hears a line for each. ``lease`` is L, in seconds; ``each`` is how many
    people there are for each way of carrying a login."""

    def __init__(self, site: Installation, *, lease: float, each: int, say: Callable[[str], None]) -> None:
        self._site = site
        self._bound = lease * (1 + DRIFT) / (1 - DRIFT)
        self._each = each
        self._say = say
        self._one, self._two = site.servers
        self._crowd = Crowd(site.door)
        self._door = site.door()
        logged_in = self._door.ask("POST", "api/login", {"email": ADMIN, "password": PASSWORD, "carry": "header"})
        self._admin = {"Authorization": f"Bearer {logged_in.body['session_token']}"}
        self._figures: dict[str, Any] = {}

    def tell(self, chapters: "Sequence[Chapter]") -> dict[str, Any]:
        """One after the other; the figures. Raises AssertionError when a promise does not hold."""
        with closing(self._door), self._crowd:
            for chapter in chapters:
                began = time.monotonic()
                chapter(self)
                self._say(f"{chapter.__name__.replace('_', ' ')} ({time.monotonic() - began:.1f} s)")
        return self._figures

    def log_in_at_one_and_use_it_at_the_other(self) -> None:
        for number in range(self._each):
            for carry in CARRIES:
                here, there = (self._one, self._two) if number % 2 else (self._two, self._one)
                person = self._crowd.join(here, carry)
                assert person.look(there).status == 200, "known at the other at once"

    def end_logins_with_a_receipt(self) -> None:
        for carry in CARRIES:
            person = self._join(carry)
            receipt = self._end(person, self._one)
            assert _named(receipt, "confirmed") == {self._one.name, self._two.name}, receipt
            for server in self._site.servers:
                assert person.look(server).status == 401, "refused everywhere when the receipt is there"
        self._figures["a receipt from both servers, ms"] = receipt["took_ms"]
        self._end(self._join("cookie"), self._two, change={"status": "suspended"})

    def kill_a_server(self) -> None:
        began, leaving = time.monotonic(), self._join("tokens")
        self._one.kill()
        receipt = self._end(leaving, self._two)
        assert _named(receipt, "confirmed") == {self._two.name}, receipt
        assert _named(receipt, "waited_out") == {self._one.name}, "the dead one has no lease any more"
        assert receipt["took_ms"] < (self._bound + 1) * 1000
        self._figures["a receipt after kill -9 of the other server, ms"] = receipt["took_ms"]
        self._one.start()
        self._note("kill -9 of a server", began)

    def empty_redis(self) -> None:
        began, leaving = time.monotonic(), self._join("header")
        with self._site.redis.client() as redis:
            redis.flushall()
        self._end(leaving, self._two)
        leaving = self._join("tokens")
        self._site.redis.kill()
        self._end(leaving, self._one)
        self._site.redis.start()
        self._note("Redis emptied, then killed", began, allowed=0)

    def crash_postgresql(self) -> None:
        began, leaving = time.monotonic(), self._join("cookie")
        self._site.postgres.stop(mode=signal.SIGQUIT)
        assert self._ask_to_end(leaving, self._two).status == 503, "what can't be written has not happened"
        leaving.is_leaving = False
        self._site.postgres.start()
        started = time.monotonic()
        for server in self._site.servers:
            wait_until(lambda: leaving.look(server).status == 200, HEALS_WITHIN, "decided again")  # noqa: B023
        wait_until(lambda: self._ask_to_end(leaving, self._one).status == 200, HEALS_WITHIN, "ended")
        leaving.over_at, leaving.has_receipt = time.monotonic(), True
        self._figures["PostgreSQL answers again, then all goes on after, s"] = round(time.monotonic() - started, 2)
        self._note("PostgreSQL stopped as by a crash", began)

    def roll_to_a_new_version(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            source = newer_version(Path(folder))
            self._replace(self._one, source, "header")
            with psycopg.connect(self._site.database) as connection:
                assert connection.execute("SELECT motto FROM coatcheck_users").fetchone() == ("onwards",), "upgraded"
            began, leaving = time.monotonic(), self._join("tokens")
            self._two.kill_workers()
            assert "of a newer version" in self._two.output.read_text(), "the old version is back, and says over what"
            self._end(leaving, self._two)
            assert self._crowd.join(self._two, "cookie").look(self._one).status == 200
            self._note("kill -9 of an old worker over the new tables", began)
            self._replace(self._two, source, "cookie")
            self._crowd.end()
            self._judge()

    def _replace(self, server: Server, source: Path, carry: str) -> None:
        """Stop it, and start it with the code in ``source``; somebody's login ends meanwhile."""
        began, leaving = time.monotonic(), self._join(carry)
        (other,) = set(self._site.servers) - {server}
        assert server.stop() == 0, server.output.read_text()
        self._end(leaving, other)
        server.start(source)
        which = "first" if server is self._one else "second"
        self._note(f"the {which} server replaced by a new version", began, allowed=0)

    # -- what people do -----------------------------------------------------------------------------------------------

    def _join(self, carry: str) -> Person:
        """Somebody new, whom both servers have seen."""
        person = self._crowd.join(self._door, carry)
        for server in self._site.servers:
            person.look(server)
        return person

    def _end(self, person: Person, server: Server, change: Any = None) -> dict[str, Any]:
        """The administrator ends this login at ``server``, or changes the account, and waits; the receipt."""
        answer = self._ask_to_end(person, server, change)
        assert answer.status == 200, answer
        person.has_receipt, person.over_at = True, answer.ended
        receipt: dict[str, Any] = answer.body["receipt"]
        return receipt

    def _ask_to_end(self, person: Person, server: Server, change: Any = None) -> Answer:
        person.is_leaving = True
        path = f"api/admin/users/{person.user_id}"
        if change is None:
            path += f"/sessions/{person.session_id}"
        return server.ask("PATCH" if change else "DELETE", f"{path}?wait=true", change, headers=self._admin)

    # -- what is to be seen -------------------------------------------------------------------------------------------

    def _note(self, what: str, began: float, *, allowed: int | None = None) -> None:
        """Count what people were told since ``began``. At most ``allowed`` answers may be neither yes nor no."""
        time.sleep(0.3)
        answers = self._crowd.answers(began, time.monotonic())
        troubled = [answer for answer in answers if answer.is_trouble]
        self._figures[f"{what}: answers"] = len(answers)
        self._figures[f"{what}: neither yes nor no"] = len(troubled)
        assert answers
        assert allowed is None or len(troubled) <= allowed, (what, troubled)

    def _judge(self) -> None:
        """What everybody was told, and at the end: each login at each server, each refresh token once more."""
        wrongs = self._crowd.violations(self._bound)
        for person in self._crowd.people:
            wanted = 200 if person.over_at is None else 401
            for server in self._site.servers:
                look = person.look(server)
                if look.status != wanted:
                    wrongs.append(f"at the end, {server.url}: {person}: {look}")
            if person.refresh_token:
                refreshed = person.refresh(self._door).status
                if (refreshed == 200) != (person.over_at is None):
                    wrongs.append(f"at the end: {person}: a refresh is answered {refreshed}")
        assert not wrongs, "\n".join(wrongs[:20])
        over = [person for person in self._crowd.people if person.over_at is not None]
        self._figures["logins that went on"] = len(self._crowd.people) - len(over)
        self._figures["logins that were ended"] = len(over)
        self._figures["logged out or let in"] = len(wrongs)


Chapter = Callable[[Story], None]

ROLLING: Sequence[Chapter] = (Story.log_in_at_one_and_use_it_at_the_other, Story.roll_to_a_new_version)
EVERYTHING: Sequence[Chapter] = (
    ROLLING[0],
    Story.end_logins_with_a_receipt,
    Story.kill_a_server,
    Story.empty_redis,
    Story.crash_postgresql,
    ROLLING[-1],
)


def _named(receipt: dict[str, Any], which: str) -> set[str]:
    """The servers among the names of a receipt."""
    return {f"{name.split(' ')[0]} " for name in receipt["subscribers"][which]}


def tell(
    folder: Path,
    chapters: Sequence[Chapter] = EVERYTHING,
    *,
    lease: float = 2.0,
    each: int = 3,
    is_told: bool = True,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """The story in ``folder``; the figures. Without ``is_told`` nobody tells nginx who is ready."""
    began = time.monotonic()
    with Installation(folder, lease=lease, is_told=is_told) as site:
        say(f"two servers, PostgreSQL, Redis and nginx run ({time.monotonic() - began:.1f} s)")
        return Story(site, lease=lease, each=each, say=say).tell(chapters)


def main() -> None:
    """Tell it, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.journeys.two_servers")
    parser.add_argument("--lease", type=float, default=5.0, help="seconds")
    parser.add_argument("--people", type=int, default=4, help="for each way of carrying a login")
    parser.add_argument("--untold", action="store_true", help="nobody tells nginx who is ready")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="coatcheck-story-") as folder:
        figures = tell(Path(folder), lease=asked.lease, each=asked.people, is_told=not asked.untold)
    print(*("", *(f"{what:<60} {value}" for what, value in figures.items())), sep="\n")


if __name__ == "__main__":
    main()
