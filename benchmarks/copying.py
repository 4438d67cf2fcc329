"""How long ``coatcheck copy`` takes for a million sessions, and how much memory.

A file with that many sessions goes to a PostgreSQL of this machine that forces everything to the disk, in a process of
its own: reading, writing, indexes, and comparing both sides row by row.
"""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.figure import Figure, figure
from coatcheck.stores.sql.tables import sessions
from coatcheck.tokens.base64url import encode
from tests.postgres import PostgresServer
from tests.serving import coatcheck

SESSIONS: Final = 1_000_000
_HOUR: Final = 3_600_000_000
_SECRET: Final = "of a benchmark alone that keeps nothing of anybody 4f2kq0xw"


def measure(many: int = SESSIONS) -> dict[str, Figure]:
    """Return rows per second, seconds in all and at work, and the largest memory of the process that copies."""
    with TemporaryDirectory(dir="/var/tmp") as named:
        folder = Path(named)
        url, environment = f"sqlite:///{folder}/app.db", {**os.environ, "COATCHECK_SECRETS": _SECRET}
        environment["COATCHECK_DATABASE_URL"] = url
        subprocess.run(coatcheck("schema", "upgrade"), env=environment, check=True, stdout=subprocess.DEVNULL)
        filling = get_context("spawn").Process(target=_fill, args=(folder / "app.db", many))
        filling.start()  # apart: the memory that this takes would be counted as the copy's
        filling.join()
        with PostgresServer(folder / "postgres", durable=True) as server:
            began = time.monotonic()
            copying = subprocess.Popen(
                coatcheck("copy", url, server.new_database()), env=environment, stdout=subprocess.DEVNULL
            )
            _, status, used = os.wait4(copying.pid, 0)
            took = time.monotonic() - began
    if status:
        sys.exit("the copy failed")
    return {
        "rows a second": figure(many / took, "", at_least=True),
        "in all": figure(took, "s"),
        "of that at work": figure(used.ru_utime + used.ru_stime, "s"),
        "memory": figure(used.ru_maxrss / 1024, "MiB"),
    }


def _fill(path: Path, many: int) -> None:
    names = sessions.columns.keys()
    marks = ", ".join(f":{name}" for name in names)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("PRAGMA cache_size = -400000")  # KiB: identifiers are random, and so is the place of each
        raw.execute("PRAGMA synchronous = OFF")
        raw.executemany(f"INSERT INTO {sessions.name} ({', '.join(names)}) VALUES ({marks})", _rows(many))  # noqa: S608


def _rows(many: int) -> Iterator[dict[str, Any]]:
    fixed = dict.fromkeys(sessions.columns.keys()) | {
        "carry": "cookie",
        "generation": 1,
        "step": 1,
        "stepped_with": "",
        "everything_generation": 1,
        "idle_for": 2 * _HOUR,
        "remember": 0,
        "amr": '["pwd"]',
        "audiences": "[]",
        "device": "Firefox on Linux",
        "address": "198.51.100.7",
        "kind": "user",
        "name": "",
        "scopes": "[]",
    }
    now = time.time_ns() // 1_000
    instants = dict.fromkeys(("stepped_at", "created_at", "authenticated_at", "seen_at"), now)
    for _ in range(many):
        yield {
            **fixed,
            **instants,
            "id": f"ses_{encode(os.urandom(16)).decode()}",
            "user_id": f"usr_{encode(os.urandom(16)).decode()}",
            "secret_digest": os.urandom(32),
            "expires_at": now + 12 * _HOUR,
        }
