"""A SQLite installation with something in every table, and ways to copy it."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from coatcheck.auth import Auth
from coatcheck.model.session import Carry
from coatcheck.settings import Settings
from coatcheck.stores.copying.copy_store import Copied, copy_store
from coatcheck.testing import fast_passwords, login_as

COUNTERS = 11_000
"""Rows of one table, so that it is copied in several batches."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of an installation that is at rest."""
    path = tmp_path / "app.db"

    async def use() -> None:
        async with Auth(Settings(database=f"sqlite:///{path}", passwords=fast_passwords())) as auth:
            for name in ("ann", "ben"):
                login = await login_as(auth, f"{name}@example.com", roles=["clerk"])
                await auth.session_data.put(login.session.id, {"basket": [1, "two", None]}, 0)
                await login_as(auth, f"{name}@example.com", carry=Carry.TOKENS)
            await auth.logout_everywhere(login.user.id)
            await auth.api_keys.create(login.user.id, "nightly")
            await auth.services.create("orders", audiences=["orders"], feed=True)

    asyncio.run(use())
    with closing(sqlite3.connect(path)) as raw, raw:
        many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        raw.execute(f"INSERT INTO coatcheck_attempts {many} SELECT 'counter ' || i, i, 1 FROM n", [COUNTERS])
    return path


@pytest.fixture
def copy(path: Path, postgres_url: str) -> Callable[..., Copied]:
    """Copies it to an empty database, or to another one, a day later."""

    def run(url: str = postgres_url, **how: Any) -> Copied:
        chosen = {"now": datetime(2100, 1, 1, tzinfo=UTC), "check_keys": lambda _: None, "show": lambda *_: None}
        return copy_store(path, url, **{**chosen, **how})

    return run


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What PostgreSQL answers."""
    with psycopg.connect(url, autocommit=True) as raw:
        done = raw.execute(statement)
        return done.fetchall() if done.description else []
