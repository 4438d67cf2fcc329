"""Every fault by its name: what it is called, and what runs it in full. Each room has what breaks in one place:

workers/        our own processes are killed, paused, forked (FT-01, FT-09, FT-23)
crash_points/   a process dies between two statements (FT-02)
postgres/       PostgreSQL crashes, is slow, full, far away; all flows meet in it (FT-01, FT-03, FT-10, FT-11, FT-18)
redis/          the shared Redis is killed and fails over (FT-04, FT-05)
power_loss/     the disk forgets what was not synced (FT-06)
verifiers/      services elsewhere: their feed, wires, clocks, pauses (FT-07, FT-08, FT-09, FT-12, FT-16)
clients/        guessers, clients that take their time or hang up (FT-13, FT-14, FT-21)
soak/           very many logins (FT-15)
races/          a hundred at once (FT-19)
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.clients import disconnects, login_storm, slow_clients
from tests.faults.crash_points import every_point
from tests.faults.postgres import break_postgres, fill_disk, mixing, regions, slow_postgres
from tests.faults.power_loss import disk_writes, every_cut
from tests.faults.races import limits, one_outcome, rotations, storm
from tests.faults.races.storm import Storm
from tests.faults.redis import kills_and_failovers
from tests.faults.soak import soak
from tests.faults.verifiers import partitions, pause_checkers, step_clocks, trouble_feed
from tests.faults.verifiers.namespaces import why_not
from tests.faults.workers import forked_tokens, kill_workers
from tests.journeys import two_servers
from tests.postgres import PostgresServer
from tests.serving import SECRET
from tests.simulation.schedules import print_progress, run_many


class Asked(NamedTuple):
    """How much of everything, and from which seed."""

    seed: int
    kills: int = 200
    crashes: int = 50
    operations: int = 1_000_000
    rounds: int = 1000
    disconnects: int = 100_000
    cuts: int = 1000
    logins: int = 1_000_000
    schedules: int = 100_000

    def __str__(self) -> str:
        """As it is asked for on the command line: the seed, and what is not as it is by itself."""
        given = self._asdict()
        changed = {name: given[name] for name, usual in self._field_defaults.items() if given[name] != usual}
        return " ".join(f"--{name} {value}" for name, value in {"seed": self.seed, **changed}.items())


def in_a_folder(run: Callable[[Path, Asked], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Run it in a folder that is removed afterwards, or kept when something was found."""

    def run_there(asked: Asked) -> dict[str, Any]:
        folder = Path(tempfile.mkdtemp(prefix="coatcheck-faults-"))
        try:
            figures = run(folder, asked)
        except AssertionError as broken:
            raise AssertionError(f"{broken}\nkept in {folder}") from broken
        shutil.rmtree(folder)
        return figures

    return run_there


def cut_wires(folder: Path, asked: Asked) -> dict[str, Any]:
    """FT-07 with network namespaces, where the kernel gives them."""
    if reason := why_not():
        return {"NOT TESTED": reason}
    return partitions.run_namespaces(folder, seed=asked.seed)


def fill_the_disk(folder: Path, asked: Asked) -> dict[str, Any]:
    """FT-11, where a small disk can be mounted."""
    if reason := fill_disk.why_not():
        return {"NOT TESTED": reason}
    return fill_disk.run(folder, rounds=10, seed=asked.seed)


def lose_power(folder: Path, asked: Asked) -> dict[str, Any]:
    """FT-06, where SQLite's library can be reached."""
    if reason := disk_writes.why_not():
        return {"NOT TESTED": reason}
    return every_cut.run(folder, number=asked.cuts, deeds=1000, seed=asked.seed)


@contextmanager
def postgres_beneath(folder: Path) -> Iterator[dict[str, str]]:
    """What servers over a PostgreSQL of their own are told by their environment."""
    with PostgresServer(folder / "postgres") as postgres:
        yield {"COATCHECK_DATABASE_URL": postgres.new_database(), "COATCHECK_SECRETS": SECRET}


def guess_over_postgres(folder: Path, asked: Asked) -> dict[str, Any]:
    """FT-13 with PostgreSQL beneath."""
    with postgres_beneath(folder) as database:
        return login_storm.run(folder, seed=asked.seed, **database)


def kill_over_postgres(folder: Path, asked: Asked) -> dict[str, Any]:
    """FT-01 with PostgreSQL beneath."""
    with postgres_beneath(folder) as database:
        return kill_workers.run(folder, kills=asked.kills, clients=6, seed=asked.seed, **database)


def soak_over_postgres(folder: Path, asked: Asked) -> dict[str, Any]:
    """FT-15 with PostgreSQL beneath."""
    with PostgresServer(folder / "postgres") as postgres:
        return soak.run(postgres.new_database(), logins=asked.logins, seed=asked.seed)


def crash_at_every_point(folder: Path, _: Asked) -> dict[str, Any]:
    """FT-02 over SQLite and over PostgreSQL."""
    with PostgresServer(folder / "postgres") as postgres:
        return every_point.run(folder, postgres.url)


def blowing(storms: Sequence[Storm], *, over_postgres: bool = False) -> Callable[[Asked], dict[str, Any]]:
    """FT-19, over one server with SQLite, or over two with PostgreSQL beneath."""

    def run_there(folder: Path, asked: Asked) -> dict[str, Any]:
        if not over_postgres:
            return storm.run(storms, folder, rounds=asked.rounds)
        with PostgresServer(folder / "postgres") as postgres:
            return storm.run(storms, folder, rounds=asked.rounds, new_database=postgres.new_database)

    return in_a_folder(run_there)


def tests(*paths: str) -> Callable[[Asked], dict[str, Any]]:
    """Run tests; the figures are how many passed."""

    def run(_: Asked) -> dict[str, Any]:
        command = [sys.executable, "-m", "pytest", "-q", *paths]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        passed = re.search(r"(\d+) passed", done.stdout)
        assert done.returncode == 0, done.stdout[-3000:]
        assert passed, done.stdout[-3000:]
        return {"passed": int(passed[1])}

    return run


def simulate(asked: Asked) -> dict[str, Any]:
    """The real protocol in a world in which everything goes wrong, decided by seeds from 0 on."""
    failures = run_many(range(asked.schedules), os.cpu_count() or 1, print_progress)
    assert not failures, "\n".join(f"schedule {failure.seed}: {failure.why}" for failure in failures[:20])
    return {"schedules": asked.schedules, "broken promises": len(failures)}


FAULTS: dict[str, tuple[str, Callable[[Asked], dict[str, Any]]]] = {
    "kill": (
        "FT-01  kill -9 of workers under load",
        in_a_folder(lambda folder, asked: kill_workers.run(folder, kills=asked.kills, clients=6, seed=asked.seed)),
    ),
    "kill-postgres": ("FT-01  the same over PostgreSQL", in_a_folder(kill_over_postgres)),
    "crash-points": ("FT-02  kill -9 between any two statements", in_a_folder(crash_at_every_point)),
    "crash": (
        "FT-03  PostgreSQL crashes under two servers",
        in_a_folder(lambda folder, asked: break_postgres.run(folder, rounds=asked.crashes, seed=asked.seed)),
    ),
    "slow": (
        "FT-10  PostgreSQL slow, hung, busy",
        in_a_folder(lambda folder, asked: slow_postgres.run(folder, seed=asked.seed)),
    ),
    "disk": ("FT-11  PostgreSQL's disk is full", in_a_folder(fill_the_disk)),
    "mixing": (
        "rule 1  all flows meet over PostgreSQL",
        in_a_folder(lambda folder, asked: mixing.run(folder, operations=asked.operations, seed=asked.seed)),
    ),
    "partitions": (
        "FT-07, FT-08  a feed cut, stalled, reordered",
        in_a_folder(lambda folder, asked: partitions.run(folder, seed=asked.seed)),
    ),
    "cache": (
        "FT-04  the shared Redis killed",
        in_a_folder(lambda folder, asked: kills_and_failovers.kills(folder, rounds=50, seed=asked.seed)),
    ),
    "failover": (
        "FT-05  Redis fails over to one that lags",
        in_a_folder(lambda folder, asked: kills_and_failovers.failovers(folder, rounds=10, seed=asked.seed)),
    ),
    "power-loss": ("FT-06  power loss under SQLite", in_a_folder(lose_power)),
    "wires": ("FT-07  a verifier's wire cut", in_a_folder(cut_wires)),
    "pause": ("FT-09  a worker paused past its lease", tests("tests/faults/workers/test_paused_worker.py")),
    "pauses": (
        "FT-09  verifiers paused past their leases",
        in_a_folder(lambda folder, asked: pause_checkers.run(folder, seed=asked.seed)),
    ),
    "clocks": (
        "FT-12  wall clocks stepped",
        in_a_folder(lambda folder, asked: step_clocks.run(folder, seed=asked.seed)),
    ),
    "storm": (
        "FT-13  a storm of guesses",
        in_a_folder(lambda folder, asked: login_storm.run(folder, seed=asked.seed)),
    ),
    "storm-postgres": ("FT-13  the same over PostgreSQL", in_a_folder(guess_over_postgres)),
    "slow-clients": (
        "FT-14  clients that take their time",
        in_a_folder(lambda folder, asked: slow_clients.run(folder, seed=asked.seed)),
    ),
    "soak": (
        "FT-15  memory and rows after very many logins",
        in_a_folder(lambda folder, asked: soak.run(f"sqlite:///{folder}/app.db", logins=asked.logins, seed=asked.seed)),
    ),
    "soak-postgres": ("FT-15  the same over PostgreSQL", in_a_folder(soak_over_postgres)),
    "feed": (
        "FT-16  nonsense, rotation, forgeries",
        in_a_folder(lambda folder, asked: trouble_feed.run(folder, seed=asked.seed)),
    ),
    "roll": (
        "FT-17  a rolling upgrade",
        in_a_folder(lambda folder, _: two_servers.tell(folder, two_servers.ROLLING, lease=5.0, each=34)),
    ),
    "restore": ("FT-18  a backup put back", tests("tests/cli/test_restored.py")),
    "restore-postgres": (
        "FT-18  a dump of PostgreSQL put back",
        tests("tests/faults/postgres/test_restore_postgres.py"),
    ),
    "races": ("FT-19  a hundred at once", blowing(one_outcome.STORMS)),
    "races-postgres": (
        "FT-19  the same, two servers, PostgreSQL",
        blowing(one_outcome.STORMS, over_postgres=True),
    ),
    "rotations": ("FT-19  keys rotate while people log in", blowing(rotations.STORMS)),
    "rotations-postgres": (
        "FT-19  the same, two servers, PostgreSQL",
        blowing(rotations.STORMS, over_postgres=True),
    ),
    "limits": ("FT-19  limits of sessions", blowing(limits.STORMS)),
    "limits-postgres": ("FT-19  the same, two servers, PostgreSQL", blowing(limits.STORMS, over_postgres=True)),
    "disconnects": (
        "FT-21  clients that hang up",
        in_a_folder(lambda folder, asked: disconnects.run(folder, requests=asked.disconnects, seed=asked.seed)),
    ),
    "forked-tokens": (
        "FT-23  secrets of forked workers",
        in_a_folder(lambda folder, _: forked_tokens.run(folder, tokens=10_000_000)),
    ),
    "fork": ("rule 5  forks", tests("tests/faults/workers/test_forks.py")),
    "regions": (
        "Two regions, 80 ms apart",
        in_a_folder(lambda folder, asked: regions.run(folder, seed=asked.seed)),
    ),
    "schedules": ("P1, P2, P4, P5  in simulated schedules", simulate),
    "rules": ("rules broken on purpose", tests("tests/simulation/test_mutations.py")),
}
