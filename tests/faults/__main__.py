"""``make faults``: break what runs, and the rules themselves, and see that the promises hold and the tests notice.

python -m tests.faults [--kills 200] [--rounds 1000] [--seed N] [--publish] [name …]
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults import (
    break_postgres,
    cache,
    crash_points,
    disconnects,
    disk_writes,
    fill_disk,
    forked_tokens,
    kill_workers,
    login_storm,
    mixing,
    partitions,
    pause_checkers,
    power_loss,
    publishing,
    regions,
    slow_clients,
    slow_postgres,
    soak,
    step_clocks,
    trouble_feed,
)
from tests.faults.namespaces import why_not
from tests.faults.races import storms
from tests.faults.serving import SECRET
from tests.journeys import two_servers
from tests.postgres import PostgresServer

FIGURES_WIDTH = 44


def in_a_folder(run: Callable[[Path, argparse.Namespace], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Run it in a folder that is removed afterwards, or kept when something was found."""

    def run_there(asked: argparse.Namespace) -> dict[str, Any]:
        folder = Path(tempfile.mkdtemp(prefix="coatcheck-faults-"))
        try:
            figures = run(folder, asked)
        except AssertionError as broken:
            raise AssertionError(f"{broken}\nkept in {folder}") from broken
        shutil.rmtree(folder)
        return figures

    return run_there


def cut_wires(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """FT-07 with network namespaces, where the kernel gives them."""
    if reason := why_not():
        return {"NOT TESTED": reason}
    return partitions.run_namespaces(folder, seed=asked.seed)


def fill_the_disk(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """FT-11, where a small disk can be mounted."""
    if reason := fill_disk.why_not():
        return {"NOT TESTED": reason}
    return fill_disk.run(folder, rounds=10, seed=asked.seed)


def lose_power(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """FT-06, where SQLite's library can be reached."""
    if reason := disk_writes.why_not():
        return {"NOT TESTED": reason}
    return power_loss.run(folder, number=asked.cuts, deeds=1000, seed=asked.seed)


@contextmanager
def postgres_beneath(folder: Path) -> Iterator[dict[str, str]]:
    """What servers over a PostgreSQL of their own are told by their environment."""
    with PostgresServer(folder / "postgres") as postgres:
        yield {"COATCHECK_DATABASE_URL": postgres.new_database(), "COATCHECK_SECRETS": SECRET}


def storm_over_postgres(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """FT-13 with PostgreSQL beneath."""
    with postgres_beneath(folder) as database:
        return login_storm.run(folder, seed=asked.seed, **database)


def kill_over_postgres(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """FT-01 with PostgreSQL beneath."""
    with postgres_beneath(folder) as database:
        return kill_workers.run(folder, kills=asked.kills, clients=6, seed=asked.seed, **database)


def soak_over_postgres(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """FT-15 with PostgreSQL beneath."""
    with PostgresServer(folder / "postgres") as postgres:
        return soak.run(folder, logins=asked.logins, seed=asked.seed, database=postgres.new_database())


def crash_at_every_point(folder: Path, _: argparse.Namespace) -> dict[str, Any]:
    """FT-02 over SQLite and over PostgreSQL."""
    with PostgresServer(folder / "postgres") as postgres:
        return crash_points.run(folder, postgres.url)


def race_over_postgres(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """FT-19 with two servers and PostgreSQL beneath."""
    with PostgresServer(folder / "postgres") as postgres:
        return storms.run(folder, rounds=asked.rounds, new_database=postgres.new_database)


def tests(*paths: str) -> Callable[[argparse.Namespace], dict[str, Any]]:
    """Run tests; the figures are how many passed."""

    def run(_: argparse.Namespace) -> dict[str, Any]:
        command = [sys.executable, "-m", "pytest", "-q", *paths]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        passed = re.search(r"(\d+) passed", done.stdout)
        assert done.returncode == 0, done.stdout[-3000:]
        assert passed, done.stdout[-3000:]
        return {"passed": int(passed[1])}

    return run


def mutations(_: argparse.Namespace) -> dict[str, Any]:
    """Every rule of the protocol broken on purpose: the simulation must notice each."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/simulation"], check=False)
    assert done.returncode == 0, "the simulation failed"
    return {}


FAULTS: dict[str, tuple[str, Callable[[argparse.Namespace], dict[str, Any]]]] = {
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
        in_a_folder(lambda folder, asked: cache.kills(folder, rounds=50, seed=asked.seed)),
    ),
    "failover": (
        "FT-05  Redis fails over to one that lags",
        in_a_folder(lambda folder, asked: cache.failovers(folder, rounds=10, seed=asked.seed)),
    ),
    "power-loss": ("FT-06  power loss under SQLite", in_a_folder(lose_power)),
    "wires": ("FT-07  a verifier's wire cut", in_a_folder(cut_wires)),
    "pause": ("FT-09  a worker paused past its lease", tests("tests/faults/test_paused_worker.py")),
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
    "storm-postgres": ("FT-13  the same over PostgreSQL", in_a_folder(storm_over_postgres)),
    "slow-clients": (
        "FT-14  clients that take their time",
        in_a_folder(lambda folder, asked: slow_clients.run(folder, seed=asked.seed)),
    ),
    "soak": (
        "FT-15  memory and rows after very many logins",
        in_a_folder(lambda folder, asked: soak.run(folder, logins=asked.logins, seed=asked.seed)),
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
        tests("tests/faults/test_restore_postgres.py"),
    ),
    "races": (
        "FT-19  a hundred at once",
        in_a_folder(lambda folder, asked: storms.run(folder, rounds=asked.rounds)),
    ),
    "races-postgres": ("FT-19  the same, two servers, PostgreSQL", in_a_folder(race_over_postgres)),
    "disconnects": (
        "FT-21  clients that hang up",
        in_a_folder(lambda folder, asked: disconnects.run(folder, requests=asked.disconnects, seed=asked.seed)),
    ),
    "forked-tokens": (
        "FT-23  secrets of forked workers",
        in_a_folder(lambda folder, _: forked_tokens.run(folder, tokens=10_000_000)),
    ),
    "fork": ("rule 5  forks", tests("tests/faults/test_forks.py")),
    "regions": (
        "Two regions, 80 ms apart",
        in_a_folder(lambda folder, asked: regions.run(folder, seed=asked.seed)),
    ),
    "rules": ("rules broken on purpose", mutations),
}


def main() -> int:
    """Run what is asked for, or everything; print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--crashes", type=int, default=50)
    parser.add_argument("--operations", type=int, default=1_000_000, help="of all flows that meet")
    parser.add_argument("--rounds", type=int, default=1000, help="of each storm of a hundred at once")
    parser.add_argument("--disconnects", type=int, default=100_000)
    parser.add_argument("--cuts", type=int, default=1000, help="of the power")
    parser.add_argument("--logins", type=int, default=100_000, help="of the soak, with ten times as many checks")
    parser.add_argument("--publish", action="store_true", help="write the figures into docs/faults.md")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of everything random; printed with the result"
    )
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(FAULTS)}")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(FAULTS):
        parser.error(f"there is no fault {unknown.pop()}")
    lines, failed = [], 0
    for name in asked.names or FAULTS:
        title, run = FAULTS[name]
        began = time.monotonic()
        try:
            figures, outcome = run(asked), "held"
        except AssertionError as broken:
            figures, outcome = {"seed": asked.seed, "": broken}, "BROKEN"
            failed += 1
        if asked.publish and not figures.get("NOT TESTED"):
            page = publishing.PAGES.get(name, publishing.PAGE)
            publishing.publish(name, title, outcome, figures, asked.seed, page)
        lines.append(f"{title:<{FIGURES_WIDTH}} {outcome:<7} {time.monotonic() - began:6.0f} s")
        lines += [f"    {figure:<{FIGURES_WIDTH - 4}} {value}" for figure, value in figures.items()]
    print("\n".join(["", *lines, f"\nseed {asked.seed}"]))
    return failed


if __name__ == "__main__":
    sys.exit(main())
