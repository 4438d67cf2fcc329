"""What the process tests run: one of many processes on the same database.

python -m tests.stores.process <what> <url> <name> <count>
"""

import asyncio
import os
import sys
import time
from pathlib import Path

from coatcheck.errors import StoreUnavailable
from coatcheck.model.event import SessionEnded
from coatcheck.model.key import KeyStatus
from coatcheck.stores.open import store_for
from coatcheck.testing.contracts.driving import a_key, a_registration, a_session, a_user


def say(*words):
    print(*words, flush=True)


async def write(store, name, count):
    """Sessions and events in one transaction, each acknowledged on standard output after its commit."""
    await store.open()
    for number in range(count):
        mark = f"{name}-{number}"

        def work(tx, mark=mark):
            tx.sessions.add(a_session("usr_x", id=mark, secret_digest=mark.encode()))
            tx.log.append(SessionEnded(mark))

        began = time.monotonic()
        seq = (await store.commit(work)).position.seq
        say("done", mark, seq, time.monotonic() - began)
        head = await store.read(lambda tx: tx.log.head())
        assert head.seq >= seq
    await store.close()


async def register(store, name, count):
    """The registry, row by row."""
    await store.open()
    head = await store.read(lambda tx: tx.log.head())
    for number in range(count):
        row = a_registration(head.position, number=f"{name}-{number}")
        began = time.monotonic()
        await store.write_registry(lambda registry, row=row: registry.add(row))
        say("done", row.number, number, time.monotonic() - began)
    await store.close()


async def open_and_compete(store, name, count):
    """A first open at the same moment as the others, then races with one winner each."""
    say("ready")
    sys.stdin.readline()
    await store.open()
    epoch = (await store.read(lambda tx: tx.log.head())).epoch
    added = await store.write(lambda tx: tx.keys.add(a_key(kid=name, status=KeyStatus.CURRENT)))
    joined = await store.write(lambda tx: tx.users.add(a_user(id=name, email_key="same@example.com")))
    say("raced", epoch, int(added), int(joined))
    await store.close()


async def listen(store, name, count):
    """Waits for the bell, and says when it heard it."""
    await store.open()
    heard = asyncio.Event()
    stop = store.watch(heard.set)
    say("listening")
    await asyncio.wait_for(heard.wait(), 10)
    say("heard", (await store.read(lambda tx: tx.log.head())).seq)
    stop()
    await store.close()


async def hold(store, name, count):
    """Stays inside a write transaction until it is killed."""
    await store.open()

    def work(tx):
        tx.log.append(SessionEnded("ses_never"))
        say("holding")
        time.sleep(60)

    await store.write(work)


async def read_only(store, name, count):
    """As a user who may only read."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    try:
        await store.open()
        head = await store.read(lambda tx: tx.log.head())
        say("read", head.seq)
        await store.write(lambda tx: tx.log.append(SessionEnded("ses_x")))
    except StoreUnavailable as error:
        say("refused", type(error).__name__, error.message)
    await store.close()


async def fill_the_disk(store, name, count):
    """Writes until the disk is full, removes the ballast beside it, and writes again."""
    await store.open()
    written, large = 0, "x" * 20_000
    try:
        for _ in range(10_000):
            await store.write(lambda tx: tx.users.add(a_user(name=large)))
            written += 1
    except StoreUnavailable as error:
        say("full", type(error).__name__)
    users = await store.read(lambda tx: len(tx.users.page(limit=100_000)))
    say("there", users - written)
    await asyncio.to_thread(Path(name).unlink)
    began = time.monotonic()
    await store.write(lambda tx: tx.log.append(SessionEnded("ses_x")))
    say("recovered", time.monotonic() - began)
    await store.close()


def fork_and_write(store, name, count):
    """The parent opens and forks, as a preforking server does; then parent and children write at the same time."""

    async def begin():
        await store.open()
        await store.write(lambda tx: tx.log.append(SessionEnded(f"{name}-before")))

    async def go_on(who):
        for number in range(count):
            await store.write(lambda tx, n=number: tx.log.append(SessionEnded(f"{name}-{who}-{n}")))

    asyncio.run(begin())
    children = []
    for who in (1, 2, 3):
        child = os.fork()
        if child == 0:
            asyncio.run(go_on(who))
            asyncio.run(store.close())
            os._exit(0)
        children.append(child)
    asyncio.run(go_on(0))
    say("children", *(os.waitpid(child, 0)[1] for child in children))
    asyncio.run(store.close())


def fork_while_writing(store, name, count):
    """Forks inside a running loop while both threads are busy; the children use the store on loops of their own."""

    async def keep_writing(who):
        for number in range(count):
            await store.write(lambda tx, n=number: tx.log.append(SessionEnded(f"{name}-{who}-{n}")))
            await store.read(lambda tx: tx.log.head())

    async def busy():
        await store.open()
        tasks = [asyncio.create_task(keep_writing(who)) for who in range(3)]
        children = []
        for _ in range(4):
            await asyncio.sleep(0.02)
            child = os.fork()
            if child == 0:
                return False
            children.append(child)
        await asyncio.gather(*tasks)
        say("children", *[(await asyncio.to_thread(os.waitpid, child, 0))[1] for child in children])
        await store.close()
        return True

    parents_loop = asyncio.new_event_loop()
    if parents_loop.run_until_complete(busy()):
        parents_loop.close()
        return

    async def write_a_little():
        for number in range(10):
            await store.write(lambda tx, n=number: tx.log.append(SessionEnded(f"{name}-{os.getpid()}-{n}")))
        await store.close()

    asyncio.new_event_loop().run_until_complete(write_a_little())
    os._exit(0)


def fork_in_the_middle(store, name, count):
    """Forks inside a unit of work, which nobody should do: the child is refused rather than let loose on the file."""
    statuses = []

    def work(tx):
        tx.log.append(SessionEnded(f"{name}-0"))
        child = os.fork()
        if child == 0:
            try:
                asyncio.new_event_loop().run_until_complete(store.write(lambda tx: None))
            except StoreUnavailable:
                os._exit(7)
            os._exit(0)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    async def begin():
        await store.open()
        await store.write(work)
        say("children", *statuses)
        await store.close()

    asyncio.run(begin())


def main():
    what, url, name, count = sys.argv[1:]
    store = store_for(url)
    for task in (fork_and_write, fork_while_writing, fork_in_the_middle):
        if task.__name__ == what:
            task(store, name, int(count))
    for task in (write, register, open_and_compete, listen, hold, read_only, fill_the_disk):
        if task.__name__ == what:
            asyncio.run(task(store, name, int(count)))
    say("end")


if __name__ == "__main__":
    main()
