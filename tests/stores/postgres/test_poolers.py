"""PgBouncer between Coatcheck and PostgreSQL: sessions may be pooled, transactions may not, and that is said."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from coatcheck.errors import CredentialRefused, Misconfigured, StoreUnavailable
from coatcheck.stores.looking import looking
from coatcheck.stores.open import store_for
from tests.pgbouncer import pooled
from tests.stores.postgres.seldom import an_auth

PASSWORD = "three quiet herons wade"


@pytest.fixture
def transactions(postgres_url):
    with pooled(postgres_url, "transaction") as url:
        yield url


async def is_accepted(auth, token):
    try:
        return bool(await auth.check(token))
    except CredentialRefused:
        return False


def test_where_sessions_are_pooled_everything_is_as_without(postgres_url):
    async def story(url):
        async with an_auth(url) as pooling, an_auth(postgres_url) as direct:
            login = await pooling.register("ann@example.com", PASSWORD)
            token = login.credentials.session_token
            for auth in (direct, pooling):
                assert (await auth.check(token)).user_id == login.user.id
            await direct.end_session(login.user.id, login.session.id)
            async with asyncio.timeout(5):
                while await is_accepted(pooling, token):  # noqa: ASYNC110 - nothing tells when it will be refused
                    await asyncio.sleep(0.01)
            again = await pooling.login("ann@example.com", PASSWORD)
            receipt = await pooling.end_session(again.user.id, again.session.id, wait=True)
            assert (len(receipt.confirmed), receipt.waited_out) == (2, ())

    with pooled(postgres_url, "session") as url:
        asyncio.run(story(url))


def test_where_transactions_are_pooled_no_server_starts(transactions):
    async def start():
        async with an_auth(transactions):
            pass

    with pytest.raises(Misconfigured, match=r"pool_mode = transaction.*Connect directly"):
        asyncio.run(start())


def test_where_transactions_are_pooled_whoever_looks_says_so_and_leaves_others_sessions_alone(transactions):
    with pytest.raises(Misconfigured, match="pool_mode"), looking(transactions):
        pass
    with psycopg.connect(transactions, autocommit=True) as other:
        assert other.execute("SHOW default_transaction_read_only").fetchone() == ("off",)


def test_a_pooler_that_lends_its_sessions_in_turns_is_noticed_too(postgres_url):
    def be_slow(url):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT pg_sleep(0.3)")

    with pooled(postgres_url, "transaction", in_turns=True) as url:
        with ThreadPoolExecutor(6) as pool:  # the pooler has to open a session for each
            list(pool.map(be_slow, [url] * 6))
        with pytest.raises(Misconfigured, match="pool_mode"):
            asyncio.run(store_for(url).open())


def test_a_database_that_is_away_is_no_pooler(postgres_url):
    with pooled(postgres_url, "session") as url:
        pass
    with pytest.raises(StoreUnavailable):
        asyncio.run(store_for(url).open())
