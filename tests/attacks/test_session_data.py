"""Data beside a session that should run code, fill the store, reach into the session, or win against another write.

SE-22, SE-23, SE-14 (OWASP ASVS 1.5.2, 15.4.2): it is plain JSON of bounded size, no key of it means anything, and of
writes that race, in two processes or against a logout, one wins.
"""

import asyncio
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from coatcheck.errors import AuthError, DataConflict, RequestInvalid, RequestTooLarge, SessionEnded
from tests.attacks.test_one_winner import together, two_processes
from tests.host import hosting
from tests.site import PASSWORD

pytestmark = pytest.mark.anyio


class Payload:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("it ran",))


async def test_objects_are_neither_taken_nor_made(tmp_path: Path):
    async with hosting(database=f"sqlite:///{tmp_path}/app.db") as host:
        login = await host.log_in()
        keep, session = host.auth.session_data, login.session.id
        with pytest.raises(RequestInvalid):
            await keep.put(session, {"a": Payload()}, 0)
        await keep.put(session, {"a": pickle.dumps(Payload()).decode("latin-1"), "py/object": "os.system"}, 0)
        with closing(sqlite3.connect(tmp_path / "app.db")) as raw:
            ((text,),) = raw.execute("SELECT data FROM coatcheck_session_data")
        assert text.startswith('{"a":"')
        assert set((await keep.get(session)).data) == {"a", "py/object"}


async def test_data_that_holds_itself_is_refused():
    async with hosting() as host:
        session = (await host.log_in()).session.id
        around: dict[str, Any] = {}
        around["again"] = [around]
        with pytest.raises(RequestInvalid):
            await host.auth.session_data.put(session, around, 0)


@pytest.mark.parametrize("shape", ["text", "keys", "list"])
async def test_no_shape_of_data_gets_past_the_limit(shape: str):
    filling: dict[str, dict[str, Any]] = {
        "text": {"a": "\x00" * 3000},  # six bytes each in JSON
        "keys": {f"{n:>100}": None for n in range(200)},
        "list": {"a": [0] * 10_000},
    }
    async with hosting() as host:
        session = (await host.log_in()).session.id
        with pytest.raises(RequestTooLarge):
            await host.auth.session_data.put(session, filling[shape], 0)


RESERVED = [
    "cookie",
    "__proto__",
    "constructor",
    "__class__",
    "id",
    "session_id",
    "user_id",
    "roles",
    "expires_at",
    "$ref",
]


async def test_no_key_means_anything_to_the_session():
    async with hosting() as host:
        login = await host.log_in()
        before = await host.auth.get_session(login.session.id)
        data = {key: {"roles": ["coatcheck:admin"], "expires_at": "9999-01-01"} for key in RESERVED}
        await host.auth.session_data.put(login.session.id, data, 0)
        assert await host.auth.session_data.get(login.session.id) == (data, 1)
        assert await host.auth.get_session(login.session.id) == before
        answer = await host.client(login).get("/me")
        assert answer.json() == {"user": login.user.id, "carried_by": "cookie", "roles": []}


async def test_of_writes_in_two_processes_one_wins(tmp_path: Path):
    async with two_processes(tmp_path / "db") as (one, two, _):
        login = await one.register("ann@example.com", PASSWORD)
        total = 0
        for version in range(5):
            writes = [auth.session_data.put(login.session.id, {"n": version}, version) for auth in (one, two) * 10]
            won, refused = await together(*writes)
            assert won == [version + 1]
            assert {type(error) for error in refused} == {DataConflict}
            total += len(won)
        assert await two.session_data.get(login.session.id) == ({"n": 4}, total)


async def test_no_write_outlives_a_logout_that_races_with_it(tmp_path: Path):
    async with two_processes(tmp_path / "db") as (one, two, _):
        for turn in range(10):
            login = await one.register(f"ann{turn}@example.com", PASSWORD)
            session = login.session.id

            async def write(session: str = session) -> None:
                version = 0
                while True:
                    version = await two.session_data.put(session, {"n": version}, version)

            writing = asyncio.create_task(write())
            while (await one.session_data.get(session)).version < turn:  # noqa: ASYNC110 - the store has no event for it
                await asyncio.sleep(0)
            await one.end_session(login.user.id, session)
            with pytest.raises(AuthError) as stopped:
                await writing
            assert type(stopped.value) is SessionEnded
            assert await two.session_data.get(session) == ({}, 0)
