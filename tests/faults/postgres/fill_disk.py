"""FT-11: the disk under PostgreSQL is full. What can't be written is refused, nothing is said to be done that is not,
checks go on, and when there is room again nobody has to start anything."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.allowance import allowed
from tests.faults.history import History
from tests.faults.people import people_at_work
from tests.faults.workers.kill_workers import BOUND, LEASE
from tests.postgres import PostgresServer
from tests.serving import Several

SIZE = "160m"
RECOVERS_WITHIN = 5.0
DATA_PER_LOGIN = "x" * 100


def why_not() -> str:
    """Why no small disk can be had here; empty if one can."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return "mounting a small disk needs root"
    place = Path(tempfile.mkdtemp())
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False)
    if done.returncode == 0:
        subprocess.run(["umount", str(place)], check=True)
    place.rmdir()
    return "" if done.returncode == 0 else "mounting is not allowed here"


def run(folder: Path, *, rounds: int, full_for: float = 6.0, clients: int = 4, seed: int = 0) -> dict[str, Any]:
    """Fill the disk ``rounds`` times for so many seconds; return the figures. Raises AssertionError naming every
    violation."""
    history, back, its_own = History(BOUND), list[float](), list[float]()
    refused: Counter[int | None] = Counter()
    checks: Counter[int | None] = Counter()
    ends = 0
    with (
        _small_disk() as disk,
        PostgresServer(folder / "postgres", durable=True, data=disk / "data", options=_FRUGAL) as postgres,
        Several(folder, postgres.new_database(), COATCHECK_REVOCATION_LEASE=f"{int(LEASE)}s") as servers,
    ):
        keeper = servers.register("keeper@example.com", carry="tokens").body["access_token"]
        with people_at_work(servers, history, clients, seed):
            for turn in range(rounds):
                time.sleep(1.5)
                with _full(disk):
                    until = time.monotonic() + full_for
                    number = 0
                    while time.monotonic() < until:
                        number += 1
                        made = servers.register(f"late{turn}.{number}@example.com", carry="header", name=DATA_PER_LOGIN)
                        refused[history.heard(made).status] += 1
                        checks[history.heard(servers.me(keeper)).status] += 1
                began = time.monotonic()
                ends += _wait_or_start_again(postgres)
                its_own.append(time.monotonic() - began)
                began = time.monotonic()
                while servers.log_in("keeper@example.com", carry="header").status != 200:
                    assert time.monotonic() - began < 120, "it does not recover"
                    time.sleep(0.05)
                back.append(time.monotonic() - began)
        code = servers.stop()
        crashes = postgres.log.count("PANIC")  # its log of changes lies on that disk, too
    history.hold("I7", "Traceback" not in servers.output, servers.output[-3000:])
    history.hold("FT-11", code == 0, f"code {code}")
    history.hold("FT-11", refused[503] > 0, f"the disk was never full: {refused}")
    history.hold("FT-11", checks[200] > 0 and set(checks) <= {200, 503}, f"checks: {checks}")
    history.hold("FT-11", max(back) <= allowed(RECOVERS_WITHIN), f"recovered after {max(back):.1f} s")
    assert not history.violations, "\n".join([f"seed {seed}", *history.violations[:20]])
    return {
        "times full": rounds,
        "registrations while full: refused (503)": refused[503],
        "registrations while full: room was found (201)": refused[201],
        "checks while full: accepted": checks[200],
        "checks while full: try again": checks[503],
        "endings acknowledged, in all": history.endings,
        "PostgreSQL crashed": crashes,
        "PostgreSQL ended itself, and was started": ends,
        "PostgreSQL let people in again after, s (most)": round(max(its_own), 2),
        "logged in again after that, s (most)": round(max(back), 2),
        "violations of I1-I7": len(history.violations),
    }


_FRUGAL = {"min_wal_size": "32MB", "max_wal_size": "48MB", "checkpoint_timeout": "30s"}


def _wait_or_start_again(postgres: PostgresServer) -> int:
    """Until it lets somebody in; start it when it has ended since its recovery found no room, as whoever supervises it
    would. How often that was."""
    ends = 0
    while True:
        try:
            postgres.wait_until_it_answers(90)
        except AssertionError:
            assert ends < 3
            ends += 1
            postgres.stop()
            postgres.start(wait=False)
        else:
            return ends


@contextmanager
def _small_disk() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="coatcheck-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


@contextmanager
def _full(disk: Path) -> Iterator[None]:
    """Something else takes what is left of the disk, to the last block, and what becomes free."""
    ballast, is_over = disk / "ballast", threading.Event()

    def grow() -> None:
        with ballast.open("ab", buffering=0) as file:
            while not is_over.is_set():
                try:
                    file.write(b"\0" * 4096)
                except OSError:
                    is_over.wait(0.02)

    growing = threading.Thread(target=grow)
    growing.start()
    try:
        yield
    finally:
        is_over.set()
        growing.join()
        ballast.unlink()
