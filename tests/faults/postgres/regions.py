"""Two regions: the database and a server here, another server and what checks beside it 80 ms away.

What is slow there, and what is not; what an ending costs from either side; what happens when the line between them is
cut for longer than a lease. ``docs/regions.md`` has the figures.
"""

import asyncio
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from coatcheck.errors import AuthError, CredentialRefused
from coatcheck.verify import Verifier
from tests.faults.allowance import allowed
from tests.postgres import PostgresServer
from tests.relay import Relay
from tests.serving import QUICK, Answer, Serving, coatcheck

ROUND_TRIP = 0.08
AUDIENCE = "orders"
DRIFT = 0.1
HEALS_WITHIN = 15.0
ACCEPTED, REFUSED, TRY_AGAIN = "accepted", "refused", "try again"
SECRET = "for-tests-alone-5uJ1pZ8xW3qN6vRkT0yEaMsDfGhLbCoI"


class LongLine(Relay):
    """A line on which every byte travels for half a round trip, in each direction, and which can be cut: then nothing
    arrives, nobody is told, and when it is mended what was sent goes on, as TCP does."""

    is_cut = False

    async def let_pass(self, piece: bytes, *, is_question: bool) -> None:
        """Returns when the line is whole."""
        while self.is_cut:  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.01)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * self.delay)  # SYN and its answer
        await self.let_pass(b"", is_question=True)
        await super()._pass(reader, writer)


class Patient(Serving):
    """A server that may take long to start: over the line each question takes a round trip."""

    def wait_for_registrations(self, *, without: frozenset[str] = frozenset(), patience: float = 90.0) -> float:
        """As for any, for longer."""
        return super().wait_for_registrations(without=without, patience=patience)


class Regions:
    """``near`` is beside the database, ``far`` is not; ``verifier`` asks ``far``."""

    def __init__(self, folder: Path, running: ExitStack, *, lease: float) -> None:
        postgres = running.enter_context(PostgresServer(folder / "postgres"))
        self.line = LongLine(postgres.port, delay=ROUND_TRIP / 2)
        running.enter_context(self.line)
        url = postgres.new_database()
        environment: dict[str, Any] = QUICK | {
            "COATCHECK_SECRETS": SECRET,
            "COATCHECK_URL": "http://localhost:8000",
            "COATCHECK_REVOCATION_LEASE": f"{round(lease * 1000)}ms",
            "COATCHECK_TOKENS_AUDIENCES": AUDIENCE,
            "COATCHECK_WEB_TRUSTED_PROXIES": "127.0.0.1/32",
        }
        there = url.replace(f":{postgres.port}/", f":{self.line.port}/")
        self.near, self.far = (
            Patient(_made(folder / name), 1, **environment, COATCHECK_DATABASE_URL=database)
            for name, database in (("near", url), ("far", there))
        )
        for server in (self.near, self.far):
            running.callback(server.stop)
            server.start()
        made = subprocess.run(
            coatcheck("services", "add", AUDIENCE, "--audience", AUDIENCE, "--feed"),
            env=self.near.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        self.verifier = running.enter_context(
            Verifier(
                f"http://127.0.0.1:{self.far.port}",
                audience=AUDIENCE,
                credential=made.stdout.strip(),
                issuer="http://localhost:8000/auth",
            )
        )
        _until(lambda: self.verifier.state.fresh, 30)
        self._people = 0

    def log_in(self, server: Serving) -> Answer:
        """Somebody new logs in for the verifier's audience."""
        answer = server.log_in(self._somebody(), carry="tokens", audience=AUDIENCE)
        assert answer.status == 200, answer
        return answer

    def new_session_token(self) -> str:
        """Somebody new logs in near the database."""
        return str(self.near.log_in(self._somebody(), carry="header").body["session_token"])

    def _somebody(self) -> str:
        self._people += 1
        email = f"person{self._people}@example.com"
        assert self.near.register(email).status == 201
        return email

    def decided(self, login: Answer) -> str:
        """What the verifier says of a login's access token."""
        try:
            self.verifier.check(login.body["access_token"])
        except CredentialRefused:
            return REFUSED
        except AuthError:
            return TRY_AGAIN
        return ACCEPTED


def end(login: Answer, server: Serving, *, wait: bool) -> Answer:
    """End a login at ``server``."""
    body = {"scope": "this", "refresh_token": login.body["refresh_token"]}
    answer = server.call("POST", f"logout?wait={str(wait).lower()}", body)
    assert answer.status == (200 if wait else 204), answer
    return answer


def run(folder: Path, *, lease: float = 5.0, rounds: int = 10, cut_for: float = 12.0, seed: int = 0) -> dict[str, Any]:
    """Measure, then cut the line for ``cut_for`` seconds, longer than the lease; the figures.

    Raises AssertionError when a promise does not hold.
    """
    with ExitStack() as running:
        regions = Regions(folder, running, lease=lease)
        return _costs(regions, rounds) | _cut(regions, lease=lease, cut_for=cut_for)


def _costs(regions: Regions, rounds: int) -> dict[str, Any]:
    near, far, verifier = regions.near, regions.far, regions.verifier
    figures: dict[str, Any] = {"a round trip between the regions, ms": round(ROUND_TRIP * 1000)}
    token, session = regions.log_in(near).body["access_token"], regions.new_session_token()
    figures["far: a warm check at a verifier, ms"] = round(
        median(_timed(verifier.check, token) for _ in range(500)) * 1e3, 4
    )
    for name, server in (("near", near), ("far", far)):
        first = [_gate(server, regions.new_session_token()) for _ in range(rounds)]
        figures[f"{name}: a session token for the first time, asked over HTTP, ms"] = _ms(first)
        again = [_gate(server, session) for _ in range(rounds + 1)][1:]
        figures[f"{name}: a session token again, asked over HTTP, ms"] = _ms(again)
        logins = [regions.log_in(server) for _ in range(rounds)]
        figures[f"{name}: a login, ms"] = _ms([login.ended - login.began for login in logins])
    first = [_timed(verifier.check, login.body["access_token"]) for login in logins]
    figures["far: a JWT for the first time at a verifier, ms"] = _ms(first)
    for name, server in (("near", near), ("far", far)):
        figures |= _endings(regions, name, server, rounds)
    return figures


def _endings(regions: Regions, name: str, server: Serving, rounds: int) -> dict[str, Any]:
    """What an ending costs at ``server``, and when the verifier far away refuses."""
    answered, refused, confirmed = [], [], []
    for _ in range(rounds):
        doomed, other = regions.log_in(regions.near), regions.log_in(regions.near)
        assert (regions.decided(doomed), regions.decided(other)) == (ACCEPTED, ACCEPTED)
        answer = end(doomed, server, wait=False)
        answered.append(answer.ended - answer.began)
        _until(lambda: regions.decided(doomed) == REFUSED, allowed(HEALS_WITHIN))  # noqa: B023
        refused.append(time.monotonic() - answer.began)
        answer = end(other, server, wait=True)
        assert regions.decided(other) == REFUSED, "refused everywhere when the receipt is there"
        confirmed.append(answer.ended - answer.began)
    return {
        f"{name}: an ending is answered, ms": _ms(answered),
        f"{name}: … and refused by the verifier far away, ms": _ms(refused),
        f"{name}: an ending with a receipt, ms": _ms(confirmed),
    }


def _cut(regions: Regions, *, lease: float, cut_for: float) -> dict[str, Any]:
    bound = lease * (1 + DRIFT) / (1 - DRIFT)
    doomed, alive = regions.log_in(regions.near), regions.log_in(regions.near)
    assert (regions.decided(doomed), regions.decided(alive)) == (ACCEPTED, ACCEPTED)
    regions.line.is_cut = True
    cut_at = last_accepted = time.monotonic()
    with ThreadPoolExecutor(1) as waiting:
        receipt = waiting.submit(end, doomed, regions.near, wait=True)
        while time.monotonic() - cut_at < cut_for or not receipt.done():
            has_receipt, began, said = receipt.done(), time.monotonic(), regions.decided(alive)
            last_accepted = began if said == ACCEPTED else last_accepted
            assert said != REFUSED, "who is logged in is never refused"
            assert regions.decided(doomed) != ACCEPTED or not has_receipt, "no check after a receipt accepts"
            time.sleep(0.02)
    assert last_accepted - cut_at < bound, "who has heard nothing for W accepts nothing"
    took = receipt.result().ended - receipt.result().began
    figures: dict[str, Any] = {
        "line cut: a receipt, near the database, s": round(took, 2),
        "line cut: the last acceptance far away, s after it": round(last_accepted - cut_at, 2),
    }
    meanwhile = regions.log_in(regions.near)
    regions.line.is_cut = False
    mended = time.monotonic()
    _until(lambda: regions.decided(alive) == ACCEPTED, allowed(HEALS_WITHIN))
    figures["line mended: decided again, s after it"] = round(time.monotonic() - mended, 2)
    assert regions.decided(doomed) == REFUSED
    _until(lambda: regions.decided(meanwhile) == ACCEPTED, allowed(HEALS_WITHIN))
    return figures


def _gate(server: Serving, token: str) -> float:
    """Seconds that a gateway's question takes."""
    answer = server.call("GET", "check?identity=headers", token=token)
    assert answer.status == 204, answer
    return answer.ended - answer.began


def _timed(check: Callable[[str], Any], token: str) -> float:
    began = time.perf_counter()
    check(token)
    return time.perf_counter() - began


def _ms(seconds: list[float]) -> float:
    return round(median(seconds) * 1000, 1)


def _until(is_so: Callable[[], bool], patience: float) -> None:
    gives_up = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < gives_up, f"not within {patience:g} s"
        time.sleep(0.002)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
