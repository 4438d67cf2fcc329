"""A process that has PostgreSQL open and forks, as a preforking server does: nobody disturbs another's connection."""

import asyncio

import pytest

from coatcheck.stores.open import store_for


@pytest.mark.parametrize(
    ("how", "events", "statuses"),
    [
        ("fork_and_write", 1 + 4 * 20, "children 0 0 0"),
        ("fork_while_writing", 3 * 20 + 4 * 10, "children 0 0 0 0"),
        ("fork_in_the_middle", 1, "children 7"),
    ],
)
def test_a_store_survives_a_fork(start, postgres_url, how, events, statuses):
    process = start(how, "x", 20, on=postgres_url)
    assert [process.stdout.readline().strip() for _ in range(2)] == [statuses, "end"]
    assert process.wait(30) == 0

    async def read():
        store = store_for(postgres_url)
        await store.open()
        found = await store.read(lambda tx: tx.log.after(0, 10_000))
        await store.close()
        return found

    found = asyncio.run(read())
    assert [event.seq for event in found] == list(range(1, events + 1))
    assert len({event.happening.session_id for event in found}) == events
