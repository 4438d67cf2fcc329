"""What a check costs with a million live sessions in the store, beside a thousand: SQLite, one process.

Warm is the check from memory; cold is the first sight of a session token, which asks the store once.
"""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.figure import Figure, figure
from coatcheck.auth import Auth
from coatcheck.settings import PasswordSettings, Settings
from coatcheck.stores.sql.tables import sessions

FEW, MANY = 1_000, 1_000_000
PASSWORD = "a password made for measuring only"


def measure() -> dict[str, Figure]:
    """Warm and cold checks in microseconds, and the ratio of many sessions to few."""
    few, many = asyncio.run(_checks(FEW)), asyncio.run(_checks(MANY))
    return {
        f"warm check, {MANY:,} sessions": figure(many[0], "µs", goal=3),
        f"warm check, {MANY:,} ÷ {FEW:,} sessions": figure(many[0] / few[0], goal=1.2),
        f"cold check, {MANY:,} sessions": figure(many[1], "µs"),
        f"cold check, {MANY:,} ÷ {FEW:,} sessions": figure(many[1] / few[1]),
    }


async def _checks(live: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scale.db"
        settings = Settings(database=f"sqlite:///{file}", passwords=PasswordSettings(memory_kib=8, iterations=1))
        async with Auth(settings) as auth:
            login = await auth.register("ann@example.com", PASSWORD)
        _multiply(file, login.session.id, live - 1)
        token = login.credentials.session_token or ""
        async with Auth(settings) as auth:
            await auth.check(token)
            return _warm(auth, token.encode()), await _cold(auth, token)


def _multiply(file: Path, session_id: str, times: int) -> None:
    """Copy one session so many times, each with an id and a digest of its own."""
    own = {"id": "'ses_' || lower(hex(randomblob(13)))", "secret_digest": "randomblob(32)"}
    names = [column.name for column in sessions.columns]
    values = ", ".join(own.get(name, f"{sessions.name}.{name}") for name in names)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            f"INSERT INTO {sessions.name} ({', '.join(names)}) "  # noqa: S608 - names from our own table
            "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ?) "
            f"SELECT {values} FROM {sessions.name}, counted WHERE {sessions.name}.id = ?",
            (times, session_id),
        )


def _warm(auth: Auth, token: bytes, rounds: int = 100_000) -> float:
    check = auth.checker.check
    best = float("inf")
    for _ in range(5):
        began = perf_counter()
        for _ in range(rounds):
            check(token)
        best = min(best, perf_counter() - began)
    return best / rounds * 1e6


async def _cold(auth: Auth, token: str, rounds: int = 500) -> float:
    taken = []
    for _ in range(rounds):
        auth.checker.forget_everything()
        began = perf_counter()
        await auth.check(token)
        taken.append(perf_counter() - began)
    return median(taken) * 1e6
