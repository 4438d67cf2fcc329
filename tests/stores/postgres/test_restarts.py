"""PostgreSQL is restarted: what was idle meanwhile fails nobody afterwards."""

import asyncio
import signal
from pathlib import Path

import pytest

from coatcheck.stores.postgres.store import PostgresStore
from tests.postgres import PostgresServer

MORE_THAN_THREADS = 10


@pytest.mark.anyio
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_when_the_server_is_back_no_work_fails_over_a_connection_of_before(
    tmp_path: Path, how: signal.Signals
) -> None:
    with PostgresServer(tmp_path) as server:
        store = PostgresStore(server.new_database())
        await store.open()
        heads = [store.read(lambda tx: tx.log.head()) for _ in range(MORE_THAN_THREADS)]
        writes = [store.write(lambda tx: tx.log.head()) for _ in range(MORE_THAN_THREADS)]
        before = await asyncio.gather(*heads, *writes)
        server.stop(mode=how)
        server.start()
        after = [await store.write(lambda tx: tx.log.head()) for _ in range(MORE_THAN_THREADS)]
        after += [await store.read(lambda tx: tx.log.head()) for _ in range(MORE_THAN_THREADS)]
        await store.close()
    assert after == before
