"""A synchronous standby that hangs: what waits for it at COMMIT is told so in time, and leaves nothing behind."""

import asyncio
import time
from contextlib import closing, contextmanager
from select import select

import psycopg
import pytest

from coatcheck.errors import OutcomeUnknown
from coatcheck.stores.open import store_for
from coatcheck.stores.postgres import breaking_off
from coatcheck.testing.contracts.driving import a_user
from tests.pgbouncer import pooled
from tests.postgres import PostgresServer

PATIENCE = 2.0
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
_CANCELLED = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
_ALIVE = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'coatcheck'"
_LOCKS = """
SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE application_name = 'coatcheck' AND locktype = 'transactionid'
"""


class Server:
    """A PostgreSQL whose commits wait for a standby that never answers, when it is told so."""

    def __init__(self, server: PostgresServer, administrator: psycopg.Connection) -> None:
        self.new_database = server.new_database
        self._url = server.url
        self._administrator = administrator

    def count(self, question: str) -> int:
        return self._administrator.execute(question).fetchone()[0]

    def wait_until(self, question: str, count: int) -> None:
        gives_up = time.monotonic() + 60
        while (found := self.count(question)) != count:
            assert time.monotonic() < gives_up, f"{found} instead of {count}: {question}"
            time.sleep(0.01)

    @contextmanager
    def stalled(self):
        self._name("nobody")
        try:
            while self._commits():
                pass
            yield
        finally:
            self._name("")
            while not self._commits():
                pass

    def _name(self, standby: str) -> None:
        self._administrator.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'")
        self._administrator.execute("SELECT pg_reload_conf()")

    def _commits(self) -> bool:
        """Whether a commit does not wait: a changed setting is in force a moment later."""
        with closing(psycopg.connect(self._url, autocommit=True)) as probe:
            probe.pgconn.send_query(b"SELECT pg_logical_emit_message(true, '', '')")
            while not self.count(_WAITING):
                if select([probe], [], [], 0.01)[0]:
                    return True
            probe.cancel_safe()
        self.wait_until(_WAITING, 0)
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with (
        PostgresServer(tmp_path_factory.mktemp("postgres")) as running,
        psycopg.connect(running.url, autocommit=True) as administrator,
    ):
        yield Server(running, administrator)


async def opened(url):
    store = store_for(url)
    await store.open()
    store._writers._patience = PATIENCE
    return store


async def write_in_vain(store, users):
    """Add the users at once; nobody knows whether it was saved."""
    began = time.monotonic()
    said = await asyncio.gather(
        *(store.write(lambda tx, user=user: tx.users.add(user)) for user in users), return_exceptions=True
    )
    assert [type(each) for each in said] == [OutcomeUnknown] * len(users)
    assert time.monotonic() - began < PATIENCE + 10, "the standby would be waited for as long as it hangs"


async def leaves_nothing_behind(server, url, rounds=2, at_once=4):
    store = await opened(url)
    users = [[a_user() for _ in range(at_once)] for _ in range(rounds)]
    try:
        with server.stalled():
            for several in users:
                await write_in_vain(store, several)
                server.wait_until(_WAITING, 0)
                server.wait_until(_LOCKS, 0)
                for user in several:
                    assert await store.read(lambda tx, user=user: tx.users.get(user.id)) == user, "seen at once"
            assert server.count(_ALIVE) <= 2, "no backends are left but readers'"
        await store.write(lambda tx: tx.users.remove(users[0][0].id))
    finally:
        await store.close()


@pytest.mark.parametrize("is_old", [False, True], ids=["libpq_17", "an_older_libpq"])
def test_commits_that_wait_for_a_standby_are_broken_off_at_the_server_too(server, is_old, monkeypatch):
    if is_old:
        monkeypatch.setattr(breaking_off.capabilities, "has_cancel_safe", lambda: False)
    asyncio.run(leaves_nothing_behind(server, server.new_database()))


def test_a_pooler_passes_it_on(server):
    with pooled(server.new_database(), "session") as url:

        async def once():
            store = await opened(url)
            try:
                with server.stalled():
                    await write_in_vain(store, [a_user()])
                    server.wait_until(_WAITING, 0)
            finally:
                await store.close()

        asyncio.run(once())


def test_a_wait_that_an_administrator_cuts_short_is_not_called_saved(server):
    async def once():
        store = await opened(server.new_database())
        try:
            with server.stalled():
                adding = asyncio.create_task(store.write(lambda tx: tx.users.add(a_user())))
                await asyncio.to_thread(server.wait_until, _WAITING, 1)
                server.count(_CANCELLED)
                with pytest.raises(OutcomeUnknown):
                    await adding
        finally:
            await store.close()

    asyncio.run(once())
