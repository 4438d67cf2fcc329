"""In the middle of pg_restore the tables are there, and what was in them is not: nobody is told that all is well."""

import psycopg
import pytest

from coatcheck.errors import OutcomeUnknown, StoreUnavailable
from coatcheck.model.event import SessionEnded
from coatcheck.model.identifiers import new_identifier
from coatcheck.stores.postgres.store import PostgresStore

pytestmark = pytest.mark.anyio


async def test_without_a_history_nothing_is_answered_and_nothing_counts_as_done(postgres_url: str) -> None:
    store = PostgresStore(postgres_url)
    await store.open()
    try:
        with psycopg.connect(postgres_url, autocommit=True) as database:
            database.execute("DELETE FROM coatcheck_head")
            with pytest.raises(StoreUnavailable, match="a backup is being put back"):
                await store.read(lambda tx: tx.log.head())
            ended = SessionEnded(new_identifier("ses"))
            with pytest.raises(OutcomeUnknown):
                await store.commit(lambda tx: tx.log.append(ended))
            with pytest.raises(OutcomeUnknown):
                await store.commit(lambda tx: None, awaited=True)
    finally:
        await store.close()
