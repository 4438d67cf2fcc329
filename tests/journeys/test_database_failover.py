"""The database's primary dies, and its standby takes over (docs/database-failover.md)."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe

from tests.journeys.asking import Answer
from tests.journeys.installation import Server, command, plain_environment
from tests.journeys.people import Asked, Person, wait_until
from tests.journeys.primary_and_standby import PrimaryAndStandby
from tests.serving import PASSWORD, QUICK

LEASE = 2.0
HEALS_WITHIN = 60.0


@contextmanager
def served(folder: Path, pair: PrimaryAndStandby) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server whose database both are, and the environment for commands beside it."""
    environment = plain_environment() | QUICK
    environment |= {
        "COATCHECK_DATABASE_URL": pair.new_database(),
        "COATCHECK_SECRETS": token_urlsafe(32),
        "COATCHECK_REVOCATION_LEASE": f"{LEASE:g}s",
    }
    server = Server(folder / "server", environment)
    server.start()
    try:
        yield server, environment
    finally:
        server.stop()


def people(at: Asked, count: int) -> list[Person]:
    """So many, with one login each."""
    made = [Person(f"person{number}@example.com", ("header", "tokens")[number % 2]) for number in range(count)]
    for person in made:
        person.register(at)
    return made


def log_out(person: Person, at: Asked, *, wait: bool = False) -> Answer:
    """End the person's login."""
    return at.ask("POST", f"api/logout?wait={str(wait).lower()}", {"scope": "this"}, headers=person.credential)


def is_decided(person: Person, at: Asked) -> bool:
    return not person.look(at).is_trouble


def test_with_a_synchronous_standby_no_ending_that_was_answered_is_lost(tmp_path: Path) -> None:
    with PrimaryAndStandby(tmp_path, synchronous=True) as pair, served(tmp_path, pair) as (server, _):
        everybody = people(server, 60)
        leaving, staying = everybody[:-4], everybody[-4:]
        ended: list[Person] = []

        def end_one_after_the_other() -> None:
            ended.extend(person for person in leaving if log_out(person, server).status == 204)

        ending = threading.Thread(target=end_one_after_the_other)
        ending.start()
        wait_until(lambda: len(ended) >= 10, 60, "some endings")
        pair.primary.kill()
        died = time.monotonic()
        pair.promote()
        ending.join(120)
        assert ended
        assert all(person.look(server).status in {401, 503} for person in ended), "at no moment let in"
        wait_until(lambda: all(is_decided(person, server) for person in staying), HEALS_WITHIN, "all goes on")
        print(f"goes on {time.monotonic() - died:.1f} s after the primary's end")
        assert [person.look(server).status for person in ended] == [401] * len(ended)
        assert [person.look(server).status for person in staying] == [200] * len(staying)
        assert log_out(staying[0], server, wait=True).status == 200, "endings and receipts go on"
        assert [person.look(server).status for person in staying] == [401, 200, 200, 200]
        pair.wait_for_a_standby()
        wait_until(lambda: log_out(staying[1], server).status == 503, HEALS_WITHIN, "a standby is missed")
        pair.wait_for_nobody()
        wait_until(lambda: log_out(staying[2], server).status == 204, HEALS_WITHIN, "all goes on")


def test_with_an_asynchronous_standby_the_server_notices_what_was_lost_and_one_command_mends_it(
    tmp_path: Path,
) -> None:
    with PrimaryAndStandby(tmp_path, synchronous=False) as pair, served(tmp_path, pair) as (server, environment):
        staying, leaving = people(server, 2)
        pair.cut_off()
        assert log_out(leaving, server, wait=True).status == 200
        pair.primary.kill()
        pair.promote()
        until = time.monotonic() + 2 * LEASE
        while time.monotonic() < until:
            assert leaving.look(server).status in {401, 503}, "the new primary has never heard of the ending"
        assert staying.look(server).status == 503, "nobody else is let in either, until somebody has decided"
        assert "is behind what was known here" in server.output.read_text()
        command(environment, "schema", "restored", "--reason", "failover", "--yes")
        wait_until(lambda: is_decided(leaving, server), HEALS_WITHIN, "all goes on")
        assert [person.look(server).status for person in (staying, leaving)] == [401, 401]
        again = {"email": staying.email, "password": PASSWORD, "carry": "header"}
        assert server.ask("POST", "api/login", again).status == 200
