"""What an application keeps beside a session: read, replaced, refused, and gone with the session."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coatcheck.auth import Auth
from coatcheck.errors import DataConflict, RequestInvalid, RequestTooLarge, SessionEnded, SessionExpired
from coatcheck.settings import SessionSettings
from tests.host import Host, hosting

pytestmark = pytest.mark.anyio


async def a_session(host: Host, who: str = "ann@example.com") -> str:
    return (await host.log_in(who)).session.id


async def test_data_is_kept_beside_a_session_and_counts_its_versions():
    async with hosting() as host:
        keep, session = host.auth.session_data, await a_session(host)
        assert await keep.get(session) == ({}, 0)
        assert await keep.put(session, {"basket": ["apple"]}, 0) == 1
        data, version = await keep.get(session)
        data["basket"].append("pear")
        assert await keep.put(session, data, version) == 2
        assert await keep.get(session) == ({"basket": ["apple", "pear"]}, 2)
        assert await keep.get(await a_session(host)) == ({}, 0)


async def test_of_racing_writes_one_wins_and_the_others_are_told():
    async with hosting() as host:
        keep, session = host.auth.session_data, await a_session(host)
        for version in range(3):
            writes = [keep.put(session, {"by": n}, version) for n in range(20)]
            outcomes = await asyncio.gather(*writes, return_exceptions=True)
            assert outcomes.count(version + 1) == 1
            refused = [each for each in outcomes if each != version + 1]
            assert {type(each) for each in refused} == {DataConflict}
            assert {(each.status, each.code) for each in refused} == {(409, "data.conflict")}


@pytest.mark.parametrize("ending", ["logout", "everything", "suspension", "deletion"])
async def test_data_is_gone_with_its_session_and_no_late_write_brings_it_back(ending: str):
    async with hosting() as host:
        auth = host.auth
        login = await host.log_in()
        session = login.session.id
        await auth.session_data.put(session, {"n": 1}, 0)
        match ending:
            case "logout":
                await auth.end_session(login.user.id, session)
            case "everything":
                await auth.end_everything(reason="a test")
            case "suspension":
                await auth.suspend(login.user.id)
            case "deletion":
                await auth.delete_user(login.user.id)
        assert await auth.session_data.get(session) == ({}, 0)
        for version in (0, 1):
            with pytest.raises(SessionEnded):
                await auth.session_data.put(session, {"n": 2}, version)
        assert await auth.session_data.get(session) == ({}, 0)


async def test_a_session_that_never_was_takes_no_data():
    async with hosting() as host:
        assert await host.auth.session_data.get("ses_none") == ({}, 0)
        with pytest.raises(SessionEnded):
            await host.auth.session_data.put("ses_none", {}, 0)


@pytest.mark.parametrize("span", [timedelta(hours=12), timedelta(hours=2, minutes=1)], ids=["absolute", "idle"])
async def test_a_session_that_has_expired_has_no_data_any_more(span: timedelta):
    async with hosting() as host:
        keep, session = host.auth.session_data, await a_session(host)
        await keep.put(session, {"n": 1}, 0)
        host.clock.advance(span)
        assert await keep.get(session) == ({}, 0)
        with pytest.raises(SessionExpired):
            await keep.put(session, {"n": 2}, 1)


async def test_data_stays_when_the_credentials_are_renewed():
    async with hosting() as host:
        login = await host.log_in()
        await host.auth.session_data.put(login.session.id, {"n": 1}, 0)
        host.clock.advance(timedelta(hours=1, minutes=1))
        assert (await host.client(login).get("/me")).status_code == 200  # renews the cookie in passing
        assert await host.auth.session_data.get(login.session.id) == ({"n": 1}, 1)


async def test_data_may_be_as_large_as_the_settings_say_and_no_larger():
    async with hosting(sessions=SessionSettings(data_limit=100)) as host:
        keep, session = host.auth.session_data, await a_session(host)
        fits = {"a": "x" * (100 - len('{"a":""}'))}
        assert await keep.put(session, fits, 0) == 1
        with pytest.raises(RequestTooLarge, match="may take 100 bytes as JSON; this takes 101"):
            await keep.put(session, {"a": fits["a"] + "x"}, 1)
        with pytest.raises(RequestTooLarge):
            await keep.put(session, {"a": "é" * 50}, 1)
        assert await keep.get(session) == (fits, 1)


def nested(depth: int) -> Any:
    data: Any = {}
    for _ in range(depth - 1):
        data = {"in": data}
    return data


REFUSED = {
    "no dict": ["a"],
    "nothing": None,
    "bytes": {"a": b"b"},
    "a tuple": {"a": (1, 2)},
    "a set": {"a": {1}},
    "a number as key": {1: "a"},
    "no number": {"a": float("nan")},
    "infinity": {"a": [float("-inf")]},
    "half a character": {"a": "\ud800"},
    "an endless number": {"a": 10**5000},
    "an object": {"a": object()},
    "a function": {"a": print},
    "too deep": nested(33),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
async def test_what_would_not_come_back_equal_is_refused(data: Any):
    async with hosting() as host:
        session = await a_session(host)
        with pytest.raises(RequestInvalid, match="can't be kept") as refused:
            await host.auth.session_data.put(session, data, 0)
        assert [each.field for each in refused.value.errors] == ["data"]
        assert await host.auth.session_data.get(session) == ({}, 0)


async def test_as_deep_as_is_allowed_comes_back():
    async with hosting() as host:
        session = await a_session(host)
        await host.auth.session_data.put(session, nested(32), 0)
        assert await host.auth.session_data.get(session) == (nested(32), 1)


async def test_changing_data_is_no_event_and_asks_nobody_to_check_again():
    async with hosting() as host:
        auth: Auth = host.auth
        login = await host.log_in()
        client = host.client(login)
        assert (await client.get("/me")).status_code == 200
        before, state = await auth.store.read(lambda tx: tx.log.head()), auth.checker.replica.state
        await auth.session_data.put(login.session.id, {"n": 1}, 0)
        assert await auth.store.read(lambda tx: tx.log.head()) == before
        assert auth.checker.replica.state == state
        assert (await client.get("/me")).status_code == 200


async def test_the_database_keeps_no_row_of_what_has_ended(tmp_path: Path):
    def rows() -> int:
        with closing(sqlite3.connect(tmp_path / "app.db")) as raw:
            (count,) = raw.execute("SELECT count(*) FROM coatcheck_session_data").fetchone()
            return int(count)

    async with hosting(database=f"sqlite:///{tmp_path}/app.db") as host:
        login = await host.log_in()
        await host.auth.session_data.put(login.session.id, {"note": "personal"}, 0)
        assert rows() == 1
        await host.auth.end_session(login.user.id, login.session.id)
        assert rows() == 0
