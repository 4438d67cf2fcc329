"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import databases
from tests.postgres import PostgresServer, drop_database, new_database
from tests.redis_server import RedisServer

SECRET = "a secret of these tests, longer than thirty-two characters"


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked ``anyio`` run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL that nobody kills: one for all tests of this process, or one that is named."""
    named = os.environ.get("COATCHECK_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    with PostgresServer(tmp_path_factory.mktemp("postgres")) as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database of its own."""
    url = new_database(postgres_server)
    yield url
    drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of its own: every test that asks for it runs once over each."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/app.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``tests.databases.EVERYWHERE`` chooses, for all installations that the test makes."""
    kept, _, cached = request.param.partition(" with ")
    chosen = {"database": "memory:", "secrets": (SECRET,)}
    if kept == "sqlite":
        chosen["database"] = f"sqlite:///{tmp_path}/app.db"
    elif kept == "postgresql":
        chosen["database"] = request.getfixturevalue("postgres_url")
    if cached:
        chosen["cache"] = request.getfixturevalue("redis_url")
    monkeypatch.setattr(databases, "settings", chosen)


@pytest.fixture
def redis_url(_redis_server: RedisServer) -> str:
    """The URL of a Redis with nothing in it. One server for all tests of this process, which run one by one."""
    with _redis_server.client() as client:
        client.flushall()
    return _redis_server.url


@pytest.fixture(scope="session")
def _redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server
